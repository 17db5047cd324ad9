/**
 * The mailbox of one device: what is stored, refused, collapsed, sent, set aside and forgotten.
 *
 * Owned by the Device actor, which keeps `Mailbox` as one row, each `Row` as one row, and bodies beside them. A turn may
 * load a part of `rows`: all that are not `done`. Or less (`partial`): for a put the one with its id, those that it collapses, those
 * whose time has come and enough of its sender's to count them; for an acknowledgement those that it reaches. And of `revisions` the
 * stream of the command. An envelope that was answered `stored` is delivered at least once before it expires, in order.
 */
import type { ServerFrame } from '../protocol/courier.ts';
import type { Envelope, Push, PutReply } from '../protocol/envelope.ts';

/**
 * `done`: acknowledged or collapsed; only id and seq are left, until it expires. `expired` and `poison` are places in
 * the sequence that become a gap.
 */
export type RowState = 'waiting' | 'done' | 'expired' | 'poison';

export type Row = Omit<Envelope, 'body' | 'order'> & {
  seq: number;
  state: RowState;
  /** Length of the body as JSON text. */
  size: number;
  storedAt: number;
  /** Connections in which it was the first one that stayed unacknowledged too long. */
  strikes: number;
  /** When it is pushed unless acknowledged; null: not, or already. */
  pushAt: number | null;
};

export type Connection = { id: string; openedAt: number; badFrames: number };

/** Highest revision of a stream (a call) that was stored here; `open` until the stream's last message. */
export type Revision = { rev: number; open: boolean; until: number };

export type Load = { readonly rows: number; readonly bytes: number };

export type Mailbox = {
  /** Random 16 bytes, base64url; new after a restore, so that no client trusts a rewound sequence. */
  box: string;
  nextSeq: number;
  /** Everything up to here is acknowledged. */
  acked: number;
  connection: Connection | null;
  rows: readonly Row[];
  /** What waits, loaded or not; bytes as in `size`. Counted anew whenever all rows are loaded. */
  waiting: Load;
  /**
   * Not every row was loaded: the deadline stays as it is, which is never too late, unless a new row is due before `earliest`, the
   * first of all that wait.
   */
  partial?: { readonly earliest: number | null };
  revisions: Readonly<Record<string, Revision>>;
};

export type MailboxCommand =
  | { type: 'put'; envelope: Envelope }
  /** A hello that verified. `freshBox` (16 random bytes, base64url) is used when the client knows more than we do. */
  | { type: 'open'; connection: string; box: string | null; lastSeq: number; nextNonce: string; freshBox: string }
  | { type: 'ack'; connection: string; upTo: number }
  | { type: 'bad-frame'; connection: string; reason: 'bad-frame' | 'frame-too-large' | 'too-fast' }
  | { type: 'closed'; connection: string }
  | { type: 'due' };

export type MailboxEffect =
  /** A new row, and the body of the command beside it. */
  | { type: 'insert'; row: Row }
  /** A row changed; when `body` is false its body goes. */
  | { type: 'update'; row: Row; body: boolean }
  | { type: 'delete'; seq: number }
  /** Delete every `done` row that expired, also those that were not loaded; at each connection and deadline. */
  | { type: 'forget-done' }
  | { type: 'revision'; stream: string; revision: Revision }
  /** Frames leave in the order of the effects, to the connection named. `deliver` takes the body from its row. */
  | { type: 'deliver'; connection: string; seq: number }
  | { type: 'frame'; connection: string; frame: ServerFrame }
  | { type: 'close'; connection: string; code: number; reason: string }
  | { type: 'push'; seq: number; push: Push; until: number }
  | { type: 'receipt'; to: string; id: string }
  /** The one deadline of the mailbox. */
  | { type: 'deadline'; at: number | null }
  /** For the operator's feed. */
  | { type: 'event'; event: 'mailbox.poison' | 'mailbox.full'; topic: string };

export type MailboxDecision = {
  mailbox: Mailbox;
  effects: MailboxEffect[];
  /** Answer to `put`; null for the others. */
  reply: PutReply | null;
};

/** Calls that this device was told of and not of their end: what `GET /v1/calls/active` asks about. */
export function activeStreams(revisions: Mailbox['revisions']): string[] {
  return Object.entries(revisions).flatMap(([stream, revision]) => (revision.open ? [stream] : []));
}

export function emptyMailbox(box: string): Mailbox {
  return { box, nextSeq: 1, acked: 0, connection: null, rows: [], waiting: { rows: 0, bytes: 0 }, revisions: {} };
}
