import { type Bucket, takeToken } from '../../calls/bucket.ts';
import type { Call } from '../../calls/call.ts';
import {
  DATAGRAM_BURST,
  DATAGRAM_MAX_BYTES,
  DATAGRAMS_PER_SECOND,
  type Party,
  RELAY_CALL_MAX_BYTES,
  RELAY_MAX_BYTES,
} from '../../protocol/call.ts';
import { BAD_FRAMES_MAX, CLOSE } from '../../protocol/courier.ts';
import type { ClosedSocket, Json, Socket, Turn } from '../port.ts';

/** What a call-plane socket remembers: whose it is, its bucket of datagrams, and the bytes that were relayed from it. */
export interface Seat extends Party {
  readonly tokens: number;
  readonly at: number;
  readonly bytes: number;
  /** Its sender was told that it is too fast, or has spent what it may relay. */
  readonly told: boolean;
  /** Text frames beyond the pace. */
  readonly hurried: number;
}

export function seatFor({ account, device }: Party, now: number): Json {
  return { account, device, tokens: DATAGRAM_BURST, at: now, bytes: 0, told: false, hurried: 0 };
}

export function seatOf(note: Json): Seat | null {
  const written = typeof note === 'object' && note !== null && 'device' in note;
  // A socket that an older version let in has no counters yet.
  return written ? { bytes: 0, told: false, hurried: 0, ...(note as unknown as Party & Bucket) } : null;
}

export function socketsOf(t: Turn, party: Party): Socket[] {
  return t.sockets().filter((one) => seatOf(one.note)?.device === party.device);
}

/** When the open socket of each device was last heard, ms. */
export function heardAt(t: Turn): Record<string, number> {
  const at: Record<string, number> = {};
  for (const socket of t.sockets()) {
    const device = seatOf(socket.note)?.device;
    if (device !== undefined) at[device] = Math.max(at[device] ?? 0, socket.heardAt);
  }
  return at;
}

/**
 * To the other talkers' sockets and nowhere else. Counted per sender by number and bytes, and per call by bytes: what is over is
 * dropped, and its sender told once. A datagram that is too large closes the socket: its sender does not speak this protocol.
 */
export function relay(t: Turn, call: Call | null, socket: Socket, seat: Seat, bytes: Uint8Array): void {
  if (bytes.length > DATAGRAM_MAX_BYTES) return socket.close(CLOSE.frameTooLarge, 'datagram too large');
  if (!call || !talks(call, seat)) return;
  const taken = takeToken(seat, { burst: DATAGRAM_BURST, perMs: 1_000 / DATAGRAMS_PER_SECOND }, t.now);
  const spent = taken.ok && isSpent(t, seat, bytes.length);
  const passes = taken.ok && !spent;
  if (!passes && !seat.told) socket.send(JSON.stringify({ type: 'error', reason: spent ? 'relay-spent' : 'too-fast' }));
  const bytesPassed = seat.bytes + (passes ? bytes.length : 0);
  socket.note = { ...seat, ...taken.bucket, bytes: bytesPassed, told: seat.told || !passes };
  if (!passes) return;
  for (const talker of call.talkers)
    if (talker.device !== seat.device) for (const other of socketsOf(t, talker)) other.send(bytes);
}

/** A text frame that came too fast is not heard, and its sender told; who goes on so is closed, as on the courier. */
export function hurry(socket: Socket, seat: Seat): void {
  socket.send(JSON.stringify({ type: 'error', reason: 'too-fast' }));
  socket.note = { ...seat, hurried: seat.hurried + 1 };
  if (seat.hurried + 1 >= BAD_FRAMES_MAX) socket.close(CLOSE.tooFast, 'too fast');
}

function talks({ state, talkers }: Call, { device }: Seat): boolean {
  return (state === 'granted' || state === 'connected') && talkers.some((one) => one.device === device);
}

interface Relayed {
  readonly device: string;
  readonly bytes: number;
}

/** Bytes of sockets that closed are rows, those of open ones are in their notes. */
function isSpent(t: Turn, seat: Seat, more: number): boolean {
  const closed = t.all<Relayed>(`SELECT device, bytes FROM call_relay WHERE actor = ?1`);
  const open = t.sockets().flatMap(({ note }) => seatOf(note) ?? []);
  const all = [...closed, ...open];
  const sum = (rows: readonly Relayed[]) => rows.reduce((total, { bytes }) => total + bytes, more);
  return sum(all) > RELAY_CALL_MAX_BYTES || sum(all.filter(({ device }) => device === seat.device)) > RELAY_MAX_BYTES;
}

/** A socket closed: what came through it stays counted for its device. */
export function keepRelayed(t: Turn, { note }: Pick<ClosedSocket, 'note'>): void {
  const seat = seatOf(note);
  if (!seat || !(seat.bytes > 0)) return;
  t.run(
    `INSERT INTO call_relay (actor, device, bytes) VALUES (?1, ?2, ?3)
     ON CONFLICT (actor, device) DO UPDATE SET bytes = bytes + excluded.bytes`,
    seat.device,
    seat.bytes,
  );
}
