import type { PushSubscription } from '../../../src/protocol/push.ts';
import type { NativeHardware, NativeShell, ShellEvents, ShownCall, ShownEnd } from '../../../src/sdk/native/index.ts';

/** A rule of the platform that the application broke: the platform would end it, or stop to wake it. */
export class Broken extends Error {}

/**
 * A phone that enforces what the platforms enforce:
 * iOS: a VoIP push is followed by `reportNewIncomingCall` before its handler returns, or the system ends the application and
 * after that delivers no more (PushKit, "Responding to VoIP Notifications"); ids of calls are UUIDs; a call that is over is
 * reported no more; an answer action is fulfilled or failed.
 * Android: a foreground service is started while a high-priority push is handled, and at no other time in the background; it
 * shows a call as long as it runs, and ends with the last.
 */
export class PhoneDouble implements NativeShell {
  readonly platform: 'ios' | 'android';
  readonly hardware: NativeHardware;
  readonly shown = new Map<string, ShownCall>();
  readonly ends: [string, ShownEnd][] = [];
  foregroundService = false;
  /** In front of the user: services may start without a push. */
  foreground = false;
  #events: ShellEvents | null = null;
  #handling: { reported: boolean } | null = null;
  #killed = false;
  readonly #over = new Set<string>();

  constructor(platform: 'ios' | 'android', hardware: NativeHardware) {
    this.platform = platform;
    this.hardware = hardware;
  }

  reportIncoming(id: string, call: ShownCall): void {
    this.#alive();
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) throw new Broken('no UUID');
    if (this.#over.has(id)) throw new Broken('reported after its end');
    if (this.platform === 'android' && !this.#handling && !this.foreground && !this.foregroundService)
      throw new Broken('ForegroundServiceStartNotAllowedException');
    if (this.#handling) this.#handling.reported = true;
    if (!this.shown.has(id)) this.shown.set(id, call);
    if (this.platform === 'android') this.foregroundService = true;
  }

  update(id: string, call: ShownCall): void {
    this.#alive();
    if (!this.shown.has(id)) throw new Broken('updates a call that is not shown');
    this.shown.set(id, call);
  }

  end(id: string, reason: ShownEnd): void {
    this.#alive();
    if (!this.shown.delete(id)) throw new Broken('ends a call that is not shown');
    this.#gone(id);
    this.ends.push([id, reason]);
  }

  listen(events: ShellEvents): () => void {
    if (this.#events) throw new Broken('two listeners');
    this.#events = events;
    return () => {
      this.#events = null;
    };
  }

  /** The push service delivers. */
  push(tag: string): void {
    this.#alive();
    this.#handling = { reported: false };
    this.#events?.push(tag);
    const { reported } = this.#handling;
    this.#handling = null;
    if (reported) return;
    this.#killed = true;
    throw new Broken('a push was not followed by a call');
  }

  /** The user taps accept in the platform's surface; the action's outcome. */
  accept(id: string): Promise<boolean> {
    if (!this.shown.has(id)) throw new Error('nothing to tap');
    return this.#events?.answered(id) ?? Promise.resolve(false);
  }

  /** The user declines or hangs up there, which takes the call away. */
  refuse(id: string): void {
    if (!this.shown.delete(id)) throw new Error('nothing to tap');
    this.#gone(id);
    this.#events?.ended(id);
  }

  token(subscription: PushSubscription): void {
    this.#events?.pushToken(subscription);
  }

  network(): void {
    this.#events?.networkChanged();
  }

  #gone(id: string): void {
    this.#over.add(id);
    if (this.shown.size === 0) this.foregroundService = false;
  }

  #alive(): void {
    if (this.#killed) throw new Broken('the system has ended the application');
  }
}
