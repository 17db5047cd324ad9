/** What an actor hands to a device's mailbox: one message for one device. */

/** What a push may carry: nothing that tells outsiders who calls. `from` never leaves the server; the tag is made of it. */
export type Push = { call: string; deadline: number; media: string[]; from: string | null };

export type Envelope = {
  /** Unique for ever; a repeat with the same id is recognized until it expires. */
  id: string;
  topic: string;
  /** The account whose quota it uses and that the receiver sees; null: the server. */
  from: string | null;
  /** A later envelope of the same sender, topic and key takes the place of the ones that still wait. */
  collapse: string | null;
  expires: number;
  /** Urgent: wake the device when it is not connected, or does not acknowledge soon. */
  priority: 'urgent' | 'normal';
  /** About a call that was let in: may use the reserve above the limits. */
  control: boolean;
  /** Outside the delivery guarantee: when it expires nobody is told of a gap. */
  volatile: boolean;
  /** Who is told (as a receipt) when the device has acknowledged it: a call id. */
  receipt: string | null;
  /**
   * Place in a stream (a call id). At or below the stream's highest `rev` it is late and is not stored; with `rev` null it
   * is late once the stream is closed. `last` closes the stream: only a higher `rev` opens it again.
   */
  order: { stream: string; rev: number | null; last: boolean } | null;
  push: Push | null;
  body: unknown;
};

export type PutReply =
  | { ok: true; outcome: 'stored' | 'duplicate' | 'late'; seq: number | null; live: boolean }
  | { ok: false; reason: 'mailbox-full' | 'envelope-too-large' | 'expired' };
