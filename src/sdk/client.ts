import type * as v from 'valibot';
import { type AccountFrame, readAccountNews } from '../protocol/account-news.ts';
import { type OwnHandle, type RevocationCause, RevocationReply } from '../protocol/api.ts';
import type { CallFrame } from '../protocol/call.ts';
import { type DeliverFrame, type KeysNews, TOPIC } from '../protocol/courier.ts';
import type { HistoryFrame, HistoryRow } from '../protocol/history.ts';
import { IdentifiedApi } from './api.ts';
import type { Call } from './calls/call.ts';
import { Calls } from './calls/calls.ts';
import type { Groups } from './calls/group-call.ts';
import type { ClientConfig } from './config.ts';
import { type ContactEvent, Contacts } from './contacts.ts';
import { Courier } from './courier.ts';
import { Directory, type FindOptions, type Peer } from './directory.ts';
import type { Attester, Sponsor } from './enroll.ts';
import { CallsignError } from './errors.ts';
import { addExternalHandle, addHandle, hideHandle, ownHandles, releaseHandle } from './handles.ts';
import { deleteHistory, type HistoryPage, listHistory } from './history.ts';
import { Ice, type IceServers } from './ice.ts';
import { type Identity, ownHead } from './identity.ts';
import { type LinkEvent, type Linking, startLink } from './link.ts';
import { OwnAccount } from './own-account.ts';
import { type Policy, readPolicy, setBlocked, writePolicy } from './policy.ts';
import { Push } from './push.ts';
import type { RenewalOptions } from './renew.ts';
import { tell } from './tell.ts';
import { Upkeep } from './upkeep.ts';
import { Wakes } from './wake.ts';

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
  /** A row of the account's history came or changed. */
  history?: (row: HistoryRow) => void;
  /** Rows were deleted, on this or another device of the account. */
  historyDeleted?: (calls: readonly string[]) => void;
  /** Something about the own account: a device came or went, a link moved on. Shown to the user; the chain is verified apart. */
  account?: (news: AccountFrame) => void;
  /** A person changed since this device last looked: shown before any call, and to be acknowledged when it is another account. */
  contact?: (event: ContactEvent) => void;
  /** Something that did not verify was dropped. */
  suspicious?: (about: string, reason: string) => void;
}

/** One enrolled device, connected: the facade an application holds. Many may live in one process. */
export class CallsignClient {
  readonly api: IdentifiedApi;
  readonly directory: Directory;
  /** Safety numbers, verified contacts. */
  readonly contacts: Contacts;
  /** The own account: recovery, devices, its end. */
  readonly own: OwnAccount;
  /** Where this device is woken while it has no connection. */
  readonly push: Push;
  /** STUN and TURN servers. */
  readonly ice: Ice;
  readonly #wakes: Wakes;
  #started = false;
  readonly #config: ClientConfig;
  readonly #events: ClientEvents;
  readonly #calls: Calls;
  readonly #courier: Courier;
  readonly #upkeep: Upkeep;

  /**
   * `attester`: what the device enrolled with; it shows the hardware again when a renewal must. `groups`: `groupCalls()` of
   * `callsign/sdk/group`; without it an invitation into a group rings nothing.
   */
  constructor(
    config: ClientConfig,
    identity: Identity,
    events: ClientEvents = {},
    { attester, groups = null }: { readonly attester?: Attester; readonly groups?: Groups | null } = {},
  ) {
    this.#config = config;
    this.#events = events;
    this.api = new IdentifiedApi(config, identity);
    this.directory = new Directory(config, this.api);
    this.contacts = new Contacts(this.api, this.directory, (event) => tell(events.contact, event));
    this.own = new OwnAccount(this.api, this.directory);
    this.push = new Push(this.api);
    this.ice = new Ice(this.api);
    this.#wakes = new Wakes(this.api, { ice: this.ice, online: (signal) => this.#goOnline(signal) });
    this.#upkeep = new Upkeep(this.api, attester, {
      renewalNeeded: (until, reason) => tell(events.renewalNeeded, until, reason),
      suspicious: (about, reason) => tell(events.suspicious, about, reason),
    });
    this.#calls = new Calls(config, this.api, this.directory, groups, () => this.#courier, {
      incoming: (call) => {
        this.#wakes.alerts(call);
        tell(events.incoming, call);
      },
      suspicious: (call, reason) => {
        this.#wakes.refused(call, reason);
        tell(events.suspicious, call, reason);
      },
      lastResort: (account) => void this.#upkeep.lastResort(account).catch(() => undefined),
    });
    this.#courier = new Courier(config, this.api, {
      envelope: (envelope) => this.#envelope(envelope),
      drained: () => this.#online(),
      keysLow: () => void this.#upkeep.tendKeys(),
      resync: () => void this.#calls.resync(),
      disconnected: () => {
        this.#calls.drained(false);
        tell(events.offline);
      },
      closed: (code) => tell(events.closed, code),
      dormant: () => void this.renew({ overdue: true }).catch(() => undefined),
    });
  }

  /** The identity in use; a renewal replaces its certificate. */
  get identity(): Identity {
    return this.api.identity;
  }

  /**
   * Connects; a device whose certificate ended renews before. From then on connection, certificate and keys are looked
   * after by themselves.
   */
  async connect(signal?: AbortSignal): Promise<void> {
    if (this.#upkeep.expired) await this.renew({ overdue: true, ...(signal && { signal }) });
    const give = () => this.#courier.stop();
    signal?.addEventListener('abort', give);
    this.#started = true;
    await this.#courier.start();
    signal?.removeEventListener('abort', give);
    if (signal?.aborted) {
      this.#started = false;
      throw new CallsignError('aborted', 'aborted');
    }
    this.#upkeep.start();
  }

  /**
   * After a push: the call that it was about, once it verified and alerts here; null when it does not ring, or no longer; throws
   * when it does not verify. Connects when something rings, and only then. Without a tag every call is meant that waits here.
   */
  async wake(tag: string | null, signal?: AbortSignal): Promise<Call | null> {
    if (this.#upkeep.expired) await this.renew({ overdue: true, ...(signal && { signal }) });
    return this.#wakes.wake(tag, signal);
  }

  /** Relays for a call of this device, or for none in particular; asked for again when they hold for less than five minutes. */
  iceServers(call?: Call, signal?: AbortSignal): Promise<IceServers> {
    return this.ice.servers(call?.id, signal);
  }

  /** Ends everything, calls included, and gives up what is being asked. The identity stays in the store. */
  close(): void {
    this.#upkeep.stop();
    this.#courier.stop();
    this.#calls.stop();
    this.api.close();
  }

  /** Hint of the platform that the network is another one. */
  networkChanged(): void {
    this.#courier.networkChanged();
    this.#calls.networkChanged();
  }

  /**
   * A new certificate for the same key; several at once are one. From a gesture of the user's, the attester is asked also
   * where it needs one. `overdue`: when the hardware must be shown and cannot be, one more day will do, once.
   */
  renew(options: Omit<RenewalOptions, 'attester'> = {}): Promise<void> {
    return this.#upkeep.renew(options);
  }

  /** Publishes what callers need to ring this device: a fresh bundle and one-time keys. Once after enrolling. */
  publishKeys(signal?: AbortSignal): Promise<void> {
    return this.#upkeep.publishKeys(signal);
  }

  addHandle(handle: string, code: () => Promise<string>, signal?: AbortSignal): Promise<string> {
    return addHandle(this.api, handle, code, signal);
  }

  /** A handle at an identity provider that the deployment believes; `token` signs in there with the nonce. */
  addExternalHandle(issuer: string, token: (nonce: string) => Promise<string>, signal?: AbortSignal): Promise<string> {
    return addExternalHandle(this.api, issuer, token, signal);
  }

  handles(signal?: AbortSignal): Promise<readonly OwnHandle[]> {
    return ownHandles(this.api, signal);
  }

  /** Strangers do not find it any more, or do again. */
  hideHandle(handle: string, hidden: boolean, signal?: AbortSignal): Promise<void> {
    return hideHandle(this.api, handle, hidden, signal);
  }

  /** Gives a handle up, or to another account, which may then prove it at once. */
  releaseHandle(handle: string, to: string | null = null, signal?: AbortSignal): Promise<void> {
    return releaseHandle(this.api, handle, to, signal);
  }

  /** Lets a new device join this account: shows an invitation, then both screens the same code (src/sdk/link.ts). */
  link(onEvent?: (event: LinkEvent) => void, signal?: AbortSignal): Promise<Linking> {
    return startLink(this.#config, this.api, this.directory, onEvent, signal);
  }

  /** Signs for another device without a code: for two devices in one process, never for two in two hands. */
  async sponsor(signal?: AbortSignal): Promise<Sponsor> {
    const { account, device, key } = this.identity;
    await this.refreshOwnChain(signal);
    return { account, head: await ownHead(this.#config, account), sign: async () => ({ kid: device, key }) };
  }

  /** Reads and verifies what was added to the own chain meanwhile. */
  refreshOwnChain(signal?: AbortSignal): Promise<void> {
    return this.own.refresh(signal);
  }

  /**
   * Takes a device of this account out of service, this one included: its courier is closed, its token refused, its
   * certificates listed as revoked, and nobody can ring it.
   */
  revokeDevice(
    device: string,
    reason: v.InferOutput<typeof RevocationCause> = 'other',
    signal?: AbortSignal,
  ): Promise<RevocationReply> {
    const path = `/v1/devices/${device}?reason=${reason}`;
    return this.api.ask(RevocationReply, { method: 'DELETE', path, signal });
  }

  /** Null: not found. What changed about the person is told before it resolves. */
  async find(handle: string, options: FindOptions = {}): Promise<Peer | null> {
    const peer = await this.directory.find(handle, options);
    return peer && this.contacts.met(peer);
  }

  /** Calls a peer that `find` returned with `claim`; throws while the handle's new account was not acknowledged. */
  call(peer: Peer, media: readonly string[] = ['audio']): Call {
    if (peer.changedFrom !== null) throw new CallsignError('verification', 'another-account');
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

  /** One page of the account's calls, newest first. */
  history(page?: HistoryPage): Promise<HistoryRow[]> {
    return listHistory(this.api, page);
  }

  /** Deletes rows on every device of the account. */
  deleteHistory(calls: readonly string[], signal?: AbortSignal): Promise<string[]> {
    return deleteHistory(this.api, calls, signal);
  }

  /** What the account lets ring. */
  policy(signal?: AbortSignal): Promise<Policy> {
    return readPolicy(this.api, signal);
  }

  setPolicy(policy: Policy, signal?: AbortSignal): Promise<Policy> {
    return writePolicy(this.api, policy, signal);
  }

  /** Calls of this account ring nowhere from now on; it is not told. */
  async block(account: string, signal?: AbortSignal): Promise<void> {
    await setBlocked(this.api, account, true, signal);
  }

  async unblock(account: string, signal?: AbortSignal): Promise<void> {
    await setBlocked(this.api, account, false, signal);
  }

  /** Connects, or connects anew at once: the server pushed because it did not reach this device. */
  async #goOnline(signal: AbortSignal | undefined): Promise<void> {
    if (this.#started) this.#courier.networkChanged();
    else await this.connect(signal);
  }

  #online(): void {
    this.#calls.drained(true);
    void this.#upkeep.tendKeys();
    tell(this.#events.online);
  }

  async #envelope({ topic, body }: DeliverFrame): Promise<void> {
    if (topic === TOPIC.call || topic === TOPIC.signal) return this.#calls.frame(body as CallFrame);
    if (topic === TOPIC.account) return this.#accountNews(body);
    if (topic === TOPIC.keys) return this.#upkeep.drained((body as KeysNews).account);
    if (topic !== TOPIC.history) return;
    const frame = body as HistoryFrame;
    if (frame.type === 'row') tell(this.#events.history, frame.row);
    else if (frame.type === 'deleted') tell(this.#events.historyDeleted, frame.calls);
  }

  /** What it tells is verified by whoever acts on it; what this version does not know is let go. */
  #accountNews(body: unknown): void {
    const news = readAccountNews(body);
    if (news) tell(this.#events.account, news);
  }
}
