import * as v from 'valibot';
import { expect, it } from 'vitest';
import { PATIENCE_MS, within } from '../../demo/people.ts';
import { tell } from '../../demo/story.ts';
import { Timeline } from '../../demo/timeline.ts';
import { eventHash } from '../../src/actors/events.ts';
import { CallExplanation } from '../../src/protocol/api.ts';
import type { EventRow } from '../../src/protocol/event.ts';
import { expectProblem, type World } from './world.ts';

/** The feed as the operator reads it. */
async function feedOf({ server, opened }: World): Promise<EventRow[]> {
  const rows: (EventRow & { cursor: number })[] = [];
  for (;;) {
    const answer = await fetch(`${server.url}/v1/admin/events?after=${rows.at(-1)?.cursor ?? 0}`, {
      headers: { Authorization: `Bearer ${opened.operator}` },
    });
    const page = (await answer.text()).split('\n').filter((line) => line !== '');
    rows.push(...page.map((line) => JSON.parse(line) as EventRow & { cursor: number }));
    if (page.length === 0) return rows.map(({ cursor: _cursor, ...row }) => row);
  }
}

async function until(world: World, enough: (rows: EventRow[]) => boolean): Promise<EventRow[]> {
  for (const deadline = Date.now() + PATIENCE_MS; ;) {
    const rows = await feedOf(world);
    if (enough(rows) || Date.now() > deadline) return rows;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Everything that must not stand in a log, by kind. */
function secretsOf({ secrets, device, callee }: World): string[] {
  const leaves = (value: unknown): string[] =>
    typeof value === 'string'
      ? [value]
      : value && typeof value === 'object'
        ? Object.values(value).flatMap(leaves)
        : [];
  const kept = Object.values(secrets).flatMap((text) => leaves(JSON.parse(text as string)));
  const own = [device, callee].map(({ enrolled }) => Buffer.from(enrolled.identity.pushToken).toString('base64url'));
  return [...kept.filter((text) => text.length >= 32), ...own];
}

/** What a whole story, and everything before it, leaves: a log, a feed, and an invitation that outlives the process. */
export function aftermath(world: () => World): void {
  const stateOf = async (call: string) =>
    ((await (await world().alice.ask('GET', `/v1/calls/${call}`)).json()) as { state?: string }).state;

  it('a whole story is told', async () => {
    const told = await tell(world().server, new Timeline(() => undefined), null);
    expect(told).toMatchObject({
      sessionSecretEqual: true,
      legs: { won: 1, elsewhere: 1 },
      srtp: { authFailures: 0 },
    });
  });

  /** A call rings, the server is killed, the callee comes: what rings there; null when the server was away for longer than the caller's lease. */
  async function rungAfterwards() {
    const { server, device, handles } = world();
    const callee = world().calleeAgain();
    const peer = await device.client.find(handles.callee, { claim: true });
    const call = device.client.call(peer!, ['audio']);
    await expect.poll(() => stateOf(call.id)).toBe('ringing');
    await server.restart();
    await callee.goOnline();
    await expect.poll(() => callee.rings.length > 0 || call.phase === 'ended').toBe(true);
    const [ringing] = callee.rings;
    if (ringing) return { call, callee, ringing };
    callee.client.close();
    return null;
  }

  it('an invitation that was stored rings after the server was killed and the callee comes', async () => {
    let rung = await rungAfterwards();
    while (rung === null) rung = await rungAfterwards();
    const { call, callee, ringing } = rung;
    const { device } = world();
    expect(ringing).toMatchObject({ id: call.id, phase: 'alerting' });
    const over = call.next('ended');
    device.client.hangup(call);
    await within(PATIENCE_MS, over, 'it did not end');
    // What a client says last must reach the server, which it may just be looking for.
    await expect.poll(() => stateOf(call.id)).toBe('ended');
    device.client.close();
    callee.client.close();
  });

  it('the log tells requests and enrollments, and no token, key, push token, body, handle or address', () => {
    const text = world().server.log.join('\n');
    expect(text).toContain('"event":"enrollment.accepted"');
    expect(text).toContain('"path":"/v1/lookups"');
    expect(secretsOf(world()).filter((secret) => text.includes(secret))).toEqual([]);
    // Ids of requests are random: one in some thousands has these letters.
    expect(text.replaceAll(/"request":"[\w-]{16}"/g, '')).not.toMatch(/@|%40|mail1:|tel:|eyJ/);
    const long = text.match(/[A-Za-z0-9_-]{43,}/g) ?? [];
    expect(long.filter((word) => !/^[a-z2-7]{51}[aq]$/.test(word))).toEqual([]);
  });

  it('the feed holds the story, one unbroken chain per actor', async () => {
    const rows = await until(world(), (all) => all.filter(({ type }) => type === 'call.ended').length >= 2);
    const types = new Set(rows.map(({ type }) => type));
    for (const type of ['account.manifest', 'certificate.intended', 'certificate.issued', 'handle.verified'])
      expect(types).toContain(type);
    const chains = Map.groupBy(
      rows.filter(({ hash }) => hash !== ''),
      ({ id }) => id.slice(0, id.lastIndexOf('/')),
    );
    expect(chains.size).toBeGreaterThan(5);
    for (const chain of chains.values()) {
      const ordered = chain.toSorted((a, b) => numberOf(a) - numberOf(b));
      expect(ordered.map(numberOf)).toEqual(ordered.map((_, i) => i + 1));
      for (const [i, { hash, ...fields }] of ordered.entries()) {
        expect(fields.previous).toBe(ordered[i - 1]?.hash ?? '');
        expect(eventHash(fields)).toBe(hash);
      }
    }
    expect(JSON.stringify(rows)).not.toMatch(/@|mail1:|example\.com/);
  });

  it('an operator is told why a call rang: milestones in their order, and the legs it rang on', async () => {
    const { server, opened } = world();
    const headers = { Authorization: `Bearer ${opened.operator}` };
    const rows = await until(world(), (all) => all.some(({ type }) => type === 'call.connected'));
    const { subject } = rows.find(({ type }) => type === 'call.connected')!;
    await until(world(), (all) => all.some((row) => row.type === 'call.ended' && row.subject === subject));
    const answer = await fetch(`${server.url}/v1/admin/calls/${subject}`, { headers });
    const { why, milestones, live } = v.parse(CallExplanation, await answer.json());
    expect(why).toBe('rang');
    const known = ['invited', 'ringing', 'delivered', 'alerting', 'granted', 'connected', 'ended'];
    expect(milestones.map(({ type }) => type.slice('call.'.length))).toEqual(known);
    expect(live).toMatchObject({ state: 'ended', refusal: null });
    expect(live!.legs.some(({ state }) => state === 'won')).toBe(true);
    const unknown = await fetch(`${server.url}/v1/admin/calls/${'0'.repeat(32)}`, { headers });
    await expectProblem(unknown, 'not-found', 'unknown-call');
  });

  it('a server that came back refuses as before', async () => {
    await expectProblem(await fetch(`${world().server.url}/v1/nothing`), 'not-found', 'no-such-resource');
  });
}

const numberOf = ({ id }: EventRow) => Number(id.slice(id.lastIndexOf('/') + 1));
