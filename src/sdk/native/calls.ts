import { sha256 } from '@noble/hashes/sha2.js';
import { hex } from '../../bytes/hex.ts';
import { utf8 } from '../../bytes/utf8.ts';
import type { PushSubscription } from '../../protocol/push.ts';
import type { Call } from '../calls/call.ts';
import { tell } from '../tell.ts';
import type { NativeShell, ShellEvents, ShownCall, ShownEnd } from './shell.ts';

/** The part of a client that a shell drives. */
export interface WakeableClient {
  /** The call that a push was about, once it verified and alerts; null when none rings. Throws when it does not verify. */
  wake(tag: string): Promise<Call | null>;
  readonly push: {
    subscribe(subscription: PushSubscription): Promise<unknown>;
    /** The account that calls, of those known here. */
    callerOf(tag: string): Promise<string | null>;
    /** Whether this push says that this account calls. */
    isFrom(tag: string, account: string): Promise<boolean>;
  };
  networkChanged(): void;
}

export interface NativeOptions {
  /** The name that the application shows for an account; null when it has none. */
  readonly nameOf?: (account: string) => string | null;
  /** What failed behind the user's back: a subscription, a wake-up without a server. */
  readonly failed?: (error: unknown) => void;
}

const UNKNOWN: ShownCall = { name: null, media: ['audio'] };

interface Shown {
  readonly id: string;
  call: Call | null;
  /** The user tapped accept before anything could be verified: consent for this call, spent when it alerts. */
  tapped: boolean;
  over: boolean;
  readonly settled: PromiseWithResolvers<boolean>;
}

/**
 * Between a platform's shell and a client. A push is reported before anything can be checked, as iOS demands: first a nameless
 * call, then, once its invitation verified, the call; or it is taken away as failed. Nothing that a push says accepts a call:
 * only the user's tap does, and only for a call of the account that this push named.
 */
export class NativeCalls {
  readonly #shell: NativeShell;
  readonly #client: WakeableClient;
  readonly #options: NativeOptions;
  readonly #shown = new Map<string, Shown>();
  readonly #waking = new Set<Promise<void>>();
  readonly #stop: () => void;

  constructor(shell: NativeShell, client: WakeableClient, options: NativeOptions = {}) {
    this.#shell = shell;
    this.#client = client;
    this.#options = options;
    this.#stop = shell.listen(this.#events());
  }

  /**
   * A call alerts over the open connection (`incoming` of the client's events): shown like one that a push announced, unless
   * it is that one, which shows when the pushes under way have been looked into.
   */
  incoming(call: Call): void {
    if (this.#waking.size === 0) return this.#alerts(call);
    void Promise.allSettled(this.#waking).then(() => this.#alerts(call));
  }

  #alerts(call: Call): void {
    if (this.#showing(call) || call.phase !== 'alerting') return;
    this.#attach(this.#show(uuidOf(call.id), this.#described(call)), call);
  }

  #showing(call: Call): boolean {
    return [...this.#shown.values()].some((shown) => shown.call?.id === call.id);
  }

  close(): void {
    this.#stop();
    for (const shown of this.#shown.values()) this.#end(shown, 'failed');
  }

  #events(): ShellEvents {
    return {
      push: (tag) => this.#push(tag),
      answered: (id) => this.#answered(id),
      ended: (id) => this.#endedHere(id),
      pushToken: (subscription) =>
        void this.#client.push.subscribe(subscription).catch((e: unknown) => this.#failed(e)),
      networkChanged: () => this.#client.networkChanged(),
    };
  }

  /** The same push twice has the same id, and shows one call. */
  #push(tag: string): void {
    const id = uuidOf(tag);
    const again = this.#shown.has(id);
    const shown = this.#show(id, UNKNOWN);
    if (again) return;
    void this.#name(shown, tag).catch(() => undefined);
    const waking = this.#client
      .wake(tag)
      .then((call) => this.#woken(shown, tag, call))
      .catch((error: unknown) => {
        this.#failed(error);
        this.#end(shown, 'failed');
      });
    this.#waking.add(waking);
    void waking.finally(() => this.#waking.delete(waking));
  }

  #show(id: string, what: ShownCall): Shown {
    this.#shell.reportIncoming(id, what);
    const known = this.#shown.get(id);
    if (known) return known;
    const shown = { id, call: null, tapped: false, over: false, settled: Promise.withResolvers<boolean>() };
    this.#shown.set(id, shown);
    return shown;
  }

  /** Who of the known accounts it says it is: enough to show a name at once, never to ring or accept. */
  async #name(shown: Shown, tag: string): Promise<void> {
    const account = await this.#client.push.callerOf(tag);
    const name = account === null ? null : (this.#options.nameOf?.(account) ?? null);
    if (name !== null && !shown.over && shown.call === null) this.#shell.update(shown.id, { ...UNKNOWN, name });
  }

  /** A tap was consent to whoever the push named; when it is somebody else who calls, that call rings by itself. */
  async #woken(shown: Shown, tag: string, call: Call | null): Promise<void> {
    if (!call) return this.#end(shown, 'unanswered');
    const meant = await this.#client.push.isFrom(tag, call.peer.account);
    if (shown.over) return meant ? call.decline() : undefined;
    if (!meant) {
      this.#alerts(call);
      return this.#end(shown, 'failed');
    }
    if (this.#showing(call)) {
      if (shown.tapped) call.accept();
      return this.#end(shown, 'answered-elsewhere');
    }
    this.#shell.update(shown.id, this.#described(call));
    this.#attach(shown, call);
    if (shown.tapped) call.accept();
  }

  #attach(shown: Shown, call: Call): void {
    shown.call = call;
    call.on('media', () => shown.settled.resolve(true));
    void call.next('ended').then(({ reason, elsewhere }) => this.#end(shown, endOf(reason, elsewhere)));
  }

  async #answered(id: string): Promise<boolean> {
    const shown = this.#shown.get(id);
    if (!shown) return false;
    shown.tapped = true;
    shown.call?.accept();
    return shown.settled.promise;
  }

  /** In the platform's surface: a call that is not known yet is declined as soon as it is. */
  #endedHere(id: string): void {
    const shown = this.#shown.get(id);
    if (!shown) return;
    const { call } = shown;
    this.#forget(shown);
    if (call?.phase === 'alerting') call.decline();
    else call?.hangup();
  }

  #end(shown: Shown, reason: ShownEnd): void {
    if (shown.over) return;
    this.#forget(shown);
    this.#shell.end(shown.id, reason);
  }

  #forget(shown: Shown): void {
    shown.over = true;
    shown.settled.resolve(false);
    this.#shown.delete(shown.id);
  }

  #described({ peer, media }: Call): ShownCall {
    return { name: this.#options.nameOf?.(peer.account) ?? peer.handle, media };
  }

  #failed(error: unknown): void {
    tell(this.#options.failed, error);
  }
}

function endOf(reason: string, elsewhere: 'answered' | 'declined' | null): ShownEnd {
  if (elsewhere !== null) return `${elsewhere}-elsewhere`;
  if (reason === 'no-answer' || reason === 'cancelled') return 'unanswered';
  return reason === 'failed' ? 'failed' : 'remote-ended';
}

/** A UUID (RFC 9562 version 8) made of a text, so that the same push or call has the same one. */
export function uuidOf(text: string): string {
  const bytes = sha256(utf8(`callsign/shown-call/1\0${text}`)).slice(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const digits = hex(bytes);
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join(
    '-',
  );
}
