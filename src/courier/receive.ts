/**
 * What a client does with courier frames, so that at-least-once transport has exactly-once effects and a call that was
 * cancelled in the same backlog never rings. `Inbox` is the client's durable state, written with each effect.
 */
import { SEEN_MAX_IDS } from '../protocol/courier.ts';
import type { DeliverFrame, ServerFrame } from '../protocol/courier.ts';

export type Inbox = {
  box: string | null;
  /** Everything up to here has had its durable effect. */
  upTo: number;
  /** Envelope ids that had an effect, oldest first. */
  seen: readonly string[];
  /** Not durable: whether this connection has sent all that waited. Alerts start only then. */
  drained: boolean;
  /** Not durable: add it to the local clock to get the server's, ms. */
  clockOffset: number;
};

export type InboxEffect =
  /** Make its effect durable, then pass `done`; the next frame waits until then. */
  | { type: 'handle'; envelope: DeliverFrame }
  | { type: 'ack'; upTo: number }
  /** Rows are missing: ask for the active calls and the history. */
  | { type: 'resync' }
  /** What was held back may alert now. */
  | { type: 'drained' };

export type InboxInput =
  | { type: 'frame'; frame: ServerFrame }
  /** The effect of this envelope is durable. */
  | { type: 'done'; envelope: DeliverFrame }
  | { type: 'disconnected' };

export function emptyInbox(): Inbox {
  return { box: null, upTo: 0, seen: [], drained: false, clockOffset: 0 };
}

/** `now` is the local clock, ms. */
export function receive(inbox: Inbox, input: InboxInput, now: number): { inbox: Inbox; effects: InboxEffect[] } {
  if (input.type === 'frame') return read(inbox, input.frame, now);
  if (input.type === 'done') return settled(inbox, input.envelope);
  return { inbox: { ...inbox, drained: false }, effects: [] };
}

function read(inbox: Inbox, frame: ServerFrame, now: number): { inbox: Inbox; effects: InboxEffect[] } {
  switch (frame.type) {
    case 'welcome': {
      const fresh = inbox.box !== frame.box;
      const rewound = fresh && inbox.box !== null;
      const clockOffset = frame.serverNow - now;
      const next = { ...inbox, box: frame.box, upTo: fresh ? 0 : inbox.upTo, drained: false, clockOffset };
      return { inbox: next, effects: rewound ? [{ type: 'resync' }] : [] };
    }
    case 'deliver': {
      const next = { ...inbox, clockOffset: frame.serverNow - now };
      if (frame.seq <= inbox.upTo) return { inbox: next, effects: [{ type: 'ack', upTo: inbox.upTo }] };
      if (inbox.seen.includes(frame.id)) return passed(next, frame.seq);
      return { inbox: next, effects: [{ type: 'handle', envelope: frame }] };
    }
    case 'gap': {
      if (frame.toSeq <= inbox.upTo) return { inbox, effects: [] };
      const next = passed(inbox, frame.toSeq);
      return { inbox: next.inbox, effects: [{ type: 'resync' }, ...next.effects] };
    }
    case 'drained':
      return { inbox: { ...inbox, drained: true, clockOffset: frame.serverNow - now }, effects: [{ type: 'drained' }] };
    case 'reconnect':
    case 'renewal-needed':
    case 'reply':
    case 'keys-low':
    case 'error':
      break;
  }
  return { inbox, effects: [] };
}

function settled(inbox: Inbox, envelope: DeliverFrame): { inbox: Inbox; effects: InboxEffect[] } {
  const seen = inbox.seen.includes(envelope.id) ? inbox.seen : [...inbox.seen, envelope.id].slice(-SEEN_MAX_IDS);
  return passed({ ...inbox, seen }, envelope.seq);
}

function passed(inbox: Inbox, seq: number): { inbox: Inbox; effects: InboxEffect[] } {
  const upTo = Math.max(inbox.upTo, seq);
  return { inbox: { ...inbox, upTo }, effects: [{ type: 'ack', upTo }] };
}
