import type { Answer } from '../../src/actors/port.ts';
import { startWorkerd, type Workerd } from '../support/workerd.ts';
import { openClient } from '../support/socket.ts';
import type { Said } from './probe.ts';
import { CALM, type Client, type Weather, type World } from './world.ts';

export interface WorkerdWorld extends World {
  readonly process: Workerd;
}

/** The probe as a Durable Object of a real workerd process. */
export async function workerdWorld(vars: Readonly<Record<string, string>> = {}): Promise<WorkerdWorld> {
  const process = await startWorkerd({
    entry: 'test/workerd/served.ts',
    objects: { PROBE: 'ProbeActor' },
    queues: { HINTS: 'hints' },
    flags: ['unsafe_module'],
    vars,
  });
  let keys = 0;
  let weather: Weather = CALM;

  const path = (verb: string, name: string, query: Record<string, string> = {}) =>
    `${process.url}/${verb}/${encodeURIComponent(name)}?${new URLSearchParams(query)}`;

  /** A process that is not there is what a caller calls unknown. */
  const post = async (url: string, body: unknown = null): Promise<Answer> => {
    try {
      const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
      return response.ok ? ((await response.json()) as Answer) : { ok: false, reason: 'unavailable' };
    } catch {
      return { ok: false, reason: 'unavailable' };
    }
  };

  const setWeather = () => fetch(`${process.url}/weather`, { method: 'POST', body: JSON.stringify(weather) });

  return {
    process,
    command: (name, said, key = `made-up-${++keys}`) => post(path('command', name, { key }), said),
    hinted: (name, queue, key) => post(path('hinted', name, { queue, key })),
    connect: async (name: string, tags: readonly string[], said: Said): Promise<Client> => {
      const query = new URLSearchParams([...tags.map((tag) => ['tag', tag]), ['said', JSON.stringify(said)]]);
      return openClient(`${process.url.replace('http', 'ws')}/socket/${encodeURIComponent(name)}?${query}`);
    },
    crash: async () => {
      await process.kill();
      await process.start();
      await setWeather();
    },
    evict: async (name) => {
      await fetch(path('evict', name), { method: 'POST' });
    },
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    weather: async (next) => {
      weather = next;
      await setWeather();
    },
    stop: () => process.stop(),
  };
}
