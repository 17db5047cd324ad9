import type { Address } from '../../src/actors/port.ts';
import { Simulator } from '../../src/hosts/simulator/simulator.ts';
import { CALM as CALM_WEATHER } from '../../src/hosts/simulator/weather.ts';
import { probe } from './probe.ts';
import type { World } from './world.ts';

const address = (name: string): Address => ({ kind: 'probe', name });

/** The simulator as a world: calm but for what a test asks, and time passes as soon as somebody waits for it. */
export function simulatedWorld(seed: number): World {
  const simulator = new Simulator({ actors: [probe] });
  simulator.reset(seed, CALM_WEATHER);
  let keys = 0;
  let tail = Promise.resolve();
  const pass = (ms: number): Promise<void> => {
    tail = tail.then(() => simulator.pass(ms));
    return tail;
  };

  async function soon<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const watched = promise.finally(() => {
      settled = true;
    });
    for (let i = 0; i < 5_000 && !settled; i++) await pass(1);
    return watched;
  }

  return {
    command: (name, said, key) => soon(simulator.command(address(name), key ?? `key-${++keys}`, said)),
    hinted: (name, queue, key) => soon(simulator.hinted(address(name), queue, key)),
    async connect(name, tags, said) {
      const socket = simulator.connect(address(name), tags, said);
      await pass(20);
      return {
        frames: socket.frames as string[],
        get closed() {
          return soon(socket.closed);
        },
        send: (frame) =>
          simulator.send(address(name), socket, typeof frame === 'string' ? frame : JSON.stringify(frame)),
        close: () => simulator.cut(address(name), socket, 1000),
      };
    },
    async crash() {
      simulator.crashAll();
      await pass(10);
    },
    async evict(name) {
      simulator.evict(address(name));
      await pass(1);
    },
    pass,
    async weather(weather) {
      simulator.weather = { ...CALM_WEATHER, ...weather };
    },
    async stop() {},
  };
}
