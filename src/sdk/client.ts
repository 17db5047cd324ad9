import type * as v from 'valibot';
import { fromBase64url } from '../bytes/base64url.ts';
import { successor } from '../directory/manifest/write.ts';
import { commitmentOf } from '../directory/handle/commitment.ts';
import {
  HandlePending,
  HistoryReply,
  ManifestReply,
  OwnHandle,
  type RevocationCause,
  RevocationReply,
} from '../protocol/api.ts';
import type { CallFrame } from '../protocol/call.ts';
import { TOPIC, type DeliverFrame } from '../protocol/courier.ts';
import type { HistoryFrame, HistoryRow } from '../protocol/history.ts';
import { IdentifiedApi } from './api.ts';
import type { Call } from './calls/call.ts';
import { Calls } from './calls/calls.ts';
import type { ClientConfig } from './config.ts';
import { Courier } from './courier.ts';
import { Directory, type Peer } from './directory.ts';
import type { Attester, Sponsor } from './enroll.ts';
import { CallsignError } from './errors.ts';
import { type Identity, ownHead } from './identity.ts';
import { signManifest, verifyChain } from './manifests.ts';
import { lifeOf, renewIdentity, type RenewalOptions } from './renew.ts';
import { publishBundle, publishOneTimeKeys } from './prekeys.ts';

export interface ClientEvents {
  /** A verified call alerts on this device. */
  incoming?: (call: Call) => void;
  /** The connection caught up with what waited. */
  online?: () => void;
  offline?: () => void;
  /** This device is connected elsewhere, revoked or expired: it will not reconnect by itself. */
  closed?: (code: number) => void;
  /**
   * The certificate ends then (ms) and cannot be renewed without the user: `assertion-due` and `reattestation-due` ask for
   * `renew({ gesture: true })` from the next gesture; `certificate-refused` and `evidence-condemned` for a new enrollment;
   * others are tried again every hour.
   */
  renewalNeeded?: (until: number, reason: string) => void;
  history?: (row: HistoryRow) => void;
  /** Something that did not verify was dropped. */
  suspicious?: (about: string, reason: string) => void;
}

const ONE_TIME_KEYS = 100;
const LONGEST_WATCH_MS = 6 * 3_600_000;
const RENEWAL_RETRY_MS = 3_600_000;

/** One enrolled device, connected: the facade an application holds. Many may live in one process. */
export class CallsignClient {
  readonly api: IdentifiedApi;
  readonly directory: Directory;
  readonly #config: ClientConfig;
  readonly #calls: Calls;
  readonly #courier: Courier;
  readonly #events: ClientEvents;
  readonly #attester: Attester | undefined;
  #renewing: Promise<void> | null = null;
  #closed = false;
  #stopWatching: () => void = () => undefined;

  /** `attester`: what the device enrolled with; it shows the hardware again when a renewal must. */
  constructor(
    config: ClientConfig,
    identity: Identity,
    events: ClientEvents = {},
    { attester }: { readonly attester?: Attester } = {},
  ) {
    this.#config = config;
    this.#attester = attester;
    this.#events = events;
    this.api = new IdentifiedApi(config, identity);
    this.directory = new Directory(config, this.api);
    this.#calls = new Calls(config, this.api, this.directory, () => this.#courier, {
      incoming: (call) => events.incoming?.(call),
      suspicious: (call, reason) => events.suspicious?.(call, reason),
    });
    this.#courier = new Courier(config, this.api, {
      envelope: (envelope) => this.#envelope(envelope),
      drained: () => {
        this.#calls.drained(true);
        events.online?.();
      },
      resync: () => void this.#calls.resync(),
      disconnected: () => {
        this.#calls.drained(false);
        events.offline?.();
      },
      closed: (code) => events.closed?.(code),
      dormant: () => void this.renew({ overdue: true }).catch(() => undefined),
    });
  }

  /** Publishes what callers need to ring this device: a fresh bundle and one-time keys. */
  async publishKeys(signal?: AbortSignal): Promise<void> {
    const { version } = await ownHead(this.#config, this.identity.account);
    await publishBundle(this.#config, this.api, version, signal);
    await publishOneTimeKeys(this.#config, this.api, version, ONE_TIME_KEYS, signal);
  }

  /** The identity in use; a renewal replaces its certificate. */
  get identity(): Identity {
    return this.api.identity;
  }

  /** Connects; a device whose certificate ended renews before. From then on renewal happens by itself. */
  async connect(): Promise<void> {
    if (lifeOf(this.identity).until <= this.#serverNow()) await this.renew({ overdue: true });
    await this.#courier.start();
    this.#watch();
  }

  /**
   * A new certificate for the same key; several at once are one. From a gesture of the user's, the attester is asked also
   * where it needs one. `overdue`: when the hardware must be shown and cannot be, one more day will do, once.
   */
  renew(options: Pick<RenewalOptions, 'gesture' | 'overdue'> = {}): Promise<void> {
    this.#renewing ??= renewIdentity(this.#config, this.identity, { ...options, attester: this.#attester })
      .then((renewed) => {
        this.api.identity = renewed;
        if (renewed.overdue) this.#events.renewalNeeded?.(renewed.notAfter, 'assertion-due');
      })
      .finally(() => {
        this.#renewing = null;
      });
    return this.#renewing;
  }

  /** Renews when less than a third of the certificate's life is left; a renewal that failed is tried again. */
  #watch(): void {
    const { from, until } = lifeOf(this.identity);
    const left = until - (until - from) / 3 - this.#serverNow();
    if (left > 0) return this.#watchIn(Math.min(left, LONGEST_WATCH_MS));
    this.renew().then(
      () => this.#watchIn(LONGEST_WATCH_MS),
      (error: unknown) => {
        this.#events.renewalNeeded?.(until, error instanceof CallsignError ? error.reason : 'unknown');
        this.#watchIn(RENEWAL_RETRY_MS);
      },
    );
  }

  #watchIn(ms: number): void {
    if (this.#closed) return;
    this.#stopWatching();
    this.#stopWatching = this.#config.after(ms, () => this.#watch());
  }

  /** Hint of the platform that the network is another one. */
  networkChanged(): void {
    this.#courier.networkChanged();
    this.#calls.networkChanged();
  }

  close(): void {
    this.#closed = true;
    this.#stopWatching();
    this.#courier.stop();
    this.#calls.stop();
  }

  /**
   * Proves a handle: the server sends a code to it, `code` brings it, and the account's manifest then commits to the handle,
   * so that nobody can attach one to an account behind its back.
   */
  async addHandle(handle: string, code: () => Promise<string>): Promise<string> {
    const pending = await this.api.ask(HandlePending, { method: 'POST', path: '/v1/handles', body: { handle } });
    const proof = { handle, code: await code() };
    const proved = await this.api.ask(OwnHandle, {
      method: 'POST',
      path: `/v1/handles/${pending.id}/verification`,
      body: proof,
    });
    const salt = fromBase64url(proved.salt);
    if (!salt || commitmentOf(salt, proved.handle) !== proved.commitment)
      throw new CallsignError('verification', 'handle-commitment');
    await this.#commit(proved.commitment);
    return proved.handle;
  }

  async #commit(commitment: string): Promise<void> {
    const { account, device, key } = this.identity;
    const head = await ownHead(this.#config, account);
    if (head.manifest.handles.includes(commitment)) return;
    const handles = [...head.manifest.handles, commitment].toSorted();
    const manifest = await signManifest(successor(head, this.#serverNow(), { handles }), [{ kid: device, key }]);
    await this.api.ask(ManifestReply, { method: 'POST', path: '/v1/manifests', body: { manifest } });
    const next = await verifyChain(this.#config.crypto, account, head, [manifest], this.#config.now());
    await this.#config.store.write([{ collection: 'head', id: account, value: next }]);
  }

  /** Lets another device join this account; both must be shown to the same user. */
  async sponsor(): Promise<Sponsor> {
    const { account, device, key } = this.identity;
    await this.refreshOwnChain();
    return { account, head: await ownHead(this.#config, account), sign: async () => ({ kid: device, key }) };
  }

  /** Reads and verifies what was added to the own chain meanwhile. */
  async refreshOwnChain(): Promise<void> {
    const { account } = this.identity;
    const head = await ownHead(this.#config, account);
    await this.directory.chainOf(account, head.version + 1);
  }

  /**
   * Takes a device of this account out of service, this one included: its courier is closed, its token refused, its
   * certificates listed as revoked, and nobody can ring it.
   */
  revokeDevice(device: string, reason: v.InferOutput<typeof RevocationCause> = 'other'): Promise<RevocationReply> {
    return this.api.ask(RevocationReply, { method: 'DELETE', path: `/v1/devices/${device}?reason=${reason}` });
  }

  find(
    handle: string,
    options: { claim?: boolean; request?: string; signal?: AbortSignal } = {},
  ): Promise<Peer | null> {
    return this.directory.find(handle, options);
  }

  /** Calls a peer that `find` returned with `claim`. */
  call(peer: Peer, media: readonly string[] = ['audio']): Call {
    return this.#calls.place(peer, media);
  }

  accept(call: Call, media?: readonly string[]): void {
    call.accept(media);
  }

  decline(call: Call, scope?: 'device' | 'all'): void {
    call.decline(scope);
  }

  hangup(call: Call): void {
    call.hangup();
  }

  async history(): Promise<HistoryRow[]> {
    const { rows } = await this.api.ask(HistoryReply, { method: 'GET', path: '/v1/history' });
    return rows as unknown as HistoryRow[];
  }

  #serverNow(): number {
    return this.#config.now() + this.api.clockOffset;
  }

  async #envelope({ topic, body }: DeliverFrame): Promise<void> {
    if (topic === TOPIC.call || topic === TOPIC.signal) return this.#calls.frame(body as CallFrame);
    if (topic !== TOPIC.history) return;
    const frame = body as HistoryFrame;
    if (frame.type === 'row') this.#events.history?.(frame.row);
  }
}
