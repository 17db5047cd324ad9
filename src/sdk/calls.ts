import * as v from 'valibot';
import { base64url, fromBase64url } from '../bytes/base64url.ts';
import { fromHex, hex } from '../bytes/hex.ts';
import { accountBytes, accountIdOf, deviceBytes, deviceIdOf } from '../directory/account.ts';
import { keyOf } from '../directory/manifest/head.ts';
import { type Client, type ClientEffect, type ClientInput, emptyClient, step } from '../calls/client.ts';
import {
  type CallFrame,
  type EndReason,
  type Invite,
  type Party,
  type Reply,
  RING_MS,
  type StateFrame,
  type Verb,
} from '../protocol/call.ts';
import type { IdentifiedApi } from './api.ts';
import { Call } from './call.ts';
import type { ClientConfig } from './config.ts';
import type { Courier } from './courier.ts';
import type { InviteContent, Offer } from './crypto/content.ts';
import type { Party as SealedParty } from './crypto/header.ts';
import { type OpenedInvitation, openInvitation } from './crypto/invitation.ts';
import { acceptPeer, type PeerVerdict } from './crypto/peer.ts';
import type { Bytes } from './crypto/provider.ts';
import { answerInvitation, type CallerSide, createCaller } from './crypto/session.ts';
import type { Directory, Peer } from './directory.ts';
import { CallsignError } from './errors.ts';
import { ownHead, selfOf } from './identity.ts';
import { CallPlane } from './plane.ts';
import { prekeyStore } from './prekeys.ts';
import { VerbLine } from './verb-line.ts';

const INVITE_LIFE_MS = 110_000;
const HANDSHAKE_RETRY_MS = 300;
/** Pause before a call-plane socket that was lost is opened again. */
const PLANE_RETRY_MS = 300;
/** Pause before work of a call that met no server is done again. */
const WORK_RETRY_MS = 1_000;

const CallReply = v.looseObject({ ok: v.boolean(), call: v.string() });
const ActiveCall = v.looseObject({ state: v.string(), rev: v.number(), reason: v.nullable(v.string()) });

/** What only the process knows of a call: secrets and sealed bytes that are never written down. */
interface Secrets {
  readonly call: Call;
  readonly peer: Peer | null;
  caller: CallerSide | null;
  invitation: OpenedInvitation | null;
  /** Sealed once, resent as they are. */
  invite: Verb | null;
  answer: Verb | null;
  stopHandshake: () => void;
  /** The peer has our confirmation: no need to say it again. */
  heard: boolean;
}

export interface CallsEvents {
  /** A verified call alerts on this device: show it, let the user accept or decline it. */
  incoming(call: Call): void;
  /** Something that did not verify was dropped. */
  suspicious(call: string, reason: string): void;
}

/**
 * The calls of this device: runs the pure machine of src/calls and carries its effects out with real cryptography and real
 * sockets. What may be done when is decided there; here is only how.
 */
export class Calls {
  readonly #config: ClientConfig;
  readonly #api: IdentifiedApi;
  readonly #directory: Directory;
  readonly #courier: () => Courier;
  readonly #events: CallsEvents;
  #client: Client;
  readonly #secrets = new Map<string, Secrets>();
  readonly #timers = new Map<string, () => void>();
  readonly #line: VerbLine;

  constructor(
    config: ClientConfig,
    api: IdentifiedApi,
    directory: Directory,
    courier: () => Courier,
    events: CallsEvents,
  ) {
    this.#config = config;
    this.#api = api;
    this.#directory = directory;
    this.#courier = courier;
    this.#events = events;
    const { account, device } = api.identity;
    this.#client = emptyClient({ account, device });
    this.#line = new VerbLine({ say: (verb) => this.#sayOnce(verb), now: config.now, after: config.after });
  }

  /** Places a call to a peer that was looked up and verified. */
  place(peer: Peer, media: readonly string[]): Call {
    const id = hex(this.#config.crypto.random(16));
    const call = new Call({
      id,
      role: 'caller',
      peer: { account: peer.account, handle: peer.handle },
      media,
      phase: 'inviting',
    });
    this.#secrets.set(id, {
      call,
      peer,
      caller: createCaller(this.#config.crypto, selfOf(this.#api.identity), fromHex(id) ?? new Uint8Array()),
      invitation: null,
      invite: null,
      answer: null,
      stopHandshake: () => undefined,
      heard: false,
    });
    this.#step({ type: 'place', call: id, peer: peer.account, media: [...media], ringMs: RING_MS });
    return call;
  }

  accept(call: Call, media: readonly string[] = call.media): void {
    this.#step({ type: 'accept', call: call.id, media: [...media] });
  }

  decline(call: Call, scope: 'device' | 'all' = 'all'): void {
    this.#step({ type: 'decline', call: call.id, scope });
  }

  hangup(call: Call): void {
    this.#step({ type: 'hangup', call: call.id });
  }

  /** A call frame of the mailbox or the call plane. */
  frame(frame: CallFrame): void {
    this.#step({ type: 'frame', frame });
  }

  drained(drained: boolean): void {
    this.#step({ type: 'drained', drained });
  }

  /** Frames are missing: of every call that goes on here the server is asked what became of it. */
  async resync(): Promise<void> {
    for (const call of Object.keys(this.#client.calls)) {
      try {
        const path = `/v1/calls/${call}`;
        const { state, rev, reason } = await this.#api.ask(ActiveCall, { method: 'GET', path });
        if (state === 'ended')
          this.#told(call, {
            ok: true,
            call,
            rev,
            state,
            serverNow: this.#now(),
            reason: (reason ?? 'failed') as EndReason,
          });
      } catch (error) {
        if (error instanceof CallsignError && error.status === 404)
          this.#told(call, { ok: false, call, rev: 0, serverNow: this.#now(), reason: 'unknown-call' });
      }
    }
  }

  /** What a look at the call told, as if the call had answered a verb that changes nothing. */
  #told(call: string, reply: Reply): void {
    this.#step({ type: 'reply', call, verb: 'alive', attempt: 0, reply });
  }

  stop(): void {
    this.#line.stop();
    for (const cancel of this.#timers.values()) cancel();
    for (const { call, stopHandshake } of this.#secrets.values()) {
      stopHandshake();
      call.erase();
    }
    this.#secrets.clear();
  }

  #now(): number {
    return this.#config.now() + this.#courier().clockOffset;
  }

  #step(input: ClientInput): void {
    const { client, effects } = step(this.#client, input, this.#now());
    this.#client = client;
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: ClientEffect): void {
    switch (effect.type) {
      case 'send-invite':
      case 'refresh-invite':
        return this.#behind(effect.call, () =>
          this.#invite(effect.call, effect.attempt, effect.type === 'send-invite' && effect.again),
        );
      case 'send-answer':
        return this.#behind(effect.call, () => this.#answer(effect.call, effect.attempt, effect.media));
      case 'send':
        return this.#behind(effect.verb.call, () => this.#say(effect.verb));
      case 'verify-invite':
        return this.#behind(effect.call, () => this.#openInvite(effect.frame));
      case 'verify-answer':
        return this.#behind(effect.call, () => this.#openAnswer(effect.frame));
      case 'alert':
        return this.#alert(effect.call);
      case 'remote-ringing':
        return this.#secrets.get(effect.call)?.call.tell('phase', 'remote-ringing');
      case 'handshake':
        this.#secrets.get(effect.call)?.call.tell('phase', 'connecting');
        return this.#behind(effect.call, () => this.#handshake(effect.call));
      case 'media-on':
        return this.#mediaOn(effect.call, effect.peer);
      case 'suspicious':
        return this.#events.suspicious(effect.call, 'unverified');
      case 'ended':
        return this.#ended(effect);
      case 'timer':
        return this.#timer(effect.call, effect.key, effect.at);
      case 'stop-alert':
      case 'media-off':
      case 'ice-restart':
      case 'signal':
      case 'redial':
        return;
    }
  }

  /** Work of a call that nobody waits for. Without a server it is done again while the call lasts; other failures are the call's. */
  #behind(call: string, work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      if (error instanceof CallsignError && error.code === 'network') {
        if (this.#client.calls[call]) this.#config.after(WORK_RETRY_MS, () => this.#behind(call, work));
        return;
      }
      this.#events.suspicious(call, error instanceof CallsignError ? error.reason : String(error));
      this.#step({ type: 'hangup', call });
    });
  }

  #timer(call: string, key: string, at: number | null): void {
    const name = `${call} ${key}`;
    this.#timers.get(name)?.();
    this.#timers.delete(name);
    if (at !== null)
      this.#timers.set(
        name,
        this.#config.after(Math.max(0, at - this.#now()), () => this.#step({ type: 'timer', call, key })),
      );
  }

  async #say(verb: Verb): Promise<void> {
    const reply = await this.#line.say(verb);
    if (reply) this.#step({ type: 'reply', call: verb.call, verb: verb.verb, attempt: verb.attempt, reply });
  }

  /** Over the call plane while it is open, else over the courier, else over HTTP. */
  async #sayOnce(verb: Verb): Promise<Reply | null> {
    const plane = this.#secrets.get(verb.call)?.call.plane ?? null;
    const said = (plane && (await plane.say(verb))) ?? (await this.#courier().say(verb));
    if (said || this.#courier().connected) return said;
    const path = `/v1/calls/${verb.call}/verbs`;
    return (await this.#api.ask(CallReply, {
      method: 'POST',
      path,
      body: verb,
      repeatable: false,
    })) as unknown as Reply;
  }

  // ---------------------------------------------------------------------------------------------- caller

  async #invite(id: string, attempt: number, again: boolean): Promise<void> {
    const secrets = this.#secrets.get(id);
    if (!secrets?.caller || !secrets.peer) return;
    if (again && secrets.invite) return this.#say(secrets.invite);
    const peer = attempt === 0 ? secrets.peer : await this.#again(secrets.peer);
    secrets.invite = await this.#seal(secrets, peer, id, attempt);
    await this.#say(secrets.invite);
  }

  async #again(peer: Peer): Promise<Peer> {
    const found = await this.#directory.find(peer.handle, { claim: true });
    if (found?.account !== peer.account) throw new CallsignError('verification', 'another-account');
    return found;
  }

  async #seal(secrets: Secrets, peer: Peer, call: string, attempt: number): Promise<Invite> {
    const sentAt = this.#now();
    const offer = await this.#offer(secrets.call.media);
    const legs = await Promise.all(
      peer.devices.map(async ({ device, recipient, capability }) => {
        const sealed = await secrets.caller!.invite(recipient, { offer, sentAt, expiresAt: sentAt + INVITE_LIFE_MS });
        if (!sealed.ok) throw new CallsignError('verification', sealed.reason);
        return { device, capability, message: hex(sealed.messageId), body: base64url(sealed.sealed) };
      }),
    );
    return { verb: 'invite', call, attempt, to: peer.account, media: [...secrets.call.media], set: peer.set, legs };
  }

  async #offer(media: readonly string[]): Promise<Offer> {
    const { account, chain } = this.#api.identity;
    const head = await ownHead(this.#config, account);
    return {
      certificates: chain.map((der) => base64url(der)),
      handleAssertion: null,
      manifest: { version: head.version, hash: fromBase64url(head.hash) ?? new Uint8Array() },
      media: { kinds: [...media] },
      transport: {},
    };
  }

  async #openAnswer(frame: StateFrame & { type: 'accepted' }): Promise<void> {
    const secrets = this.#secrets.get(frame.call);
    const party = { account: frame.account, device: frame.device };
    const device = deviceBytes(frame.device);
    const sealed = fromBase64url(frame.body);
    const opened =
      secrets?.caller && device && sealed ? await secrets.caller.answered(device, sealed, this.#clocks()) : null;
    if (opened?.ok) {
      const confirmed = await secrets!.caller!.confirm(device!);
      if (confirmed.ok) secrets!.call.session = confirmed.session;
      this.#step({ type: 'answer-verified', call: frame.call, ok: confirmed.ok, party });
    } else this.#step({ type: 'answer-verified', call: frame.call, ok: false, party });
  }

  // ---------------------------------------------------------------------------------------------- callee

  async #openInvite(frame: StateFrame & { type: 'invite' }): Promise<void> {
    const sealed = fromBase64url(frame.body);
    const opened = sealed
      ? await openInvitation(
          this.#config.crypto,
          {
            self: selfOf(this.#api.identity),
            keys: prekeyStore(this.#config),
            judge: (sender, content) => this.#judge(sender, content),
            knowsOurManifest: (version, hash) => this.#knowsOurManifest(version, hash),
            clocks: this.#clocks(),
          },
          sealed,
        )
      : ({ ok: false, reason: 'malformed' } as const);
    if (!opened.ok) {
      this.#events.suspicious(frame.call, opened.reason);
      return this.#step({ type: 'invite-verified', call: frame.call, ok: false, party: frame.from });
    }
    const { sender } = opened.invitation.header;
    const party: Party = { account: accountIdOf(sender.account), device: deviceIdOf(sender.device) };
    const call = new Call({
      id: frame.call,
      role: 'callee',
      peer: { account: party.account, handle: null },
      media: frame.media,
      phase: 'alerting',
    });
    this.#secrets.set(frame.call, {
      call,
      peer: null,
      caller: null,
      invitation: opened.invitation,
      invite: null,
      answer: null,
      stopHandshake: () => undefined,
      heard: false,
    });
    this.#step({ type: 'invite-verified', call: frame.call, ok: true, party });
  }

  /** Certificate to a pinned root, key in the sender's verified manifest (fetched and verified from what is known here). */
  async #judge(sender: SealedParty, content: InviteContent): Promise<PeerVerdict> {
    const chain = content.certificates.map((text) => fromBase64url(text) ?? new Uint8Array());
    const certificate = await this.#directory.certificate(chain);
    if (!certificate) return { ok: false, reason: 'untrusted-certificate' };
    const head = await this.#directory.chainOf(accountIdOf(sender.account), content.manifest.version);
    const listed = head && keyOf(head, deviceIdOf(sender.device));
    return acceptPeer(this.#config.crypto, sender, {
      certificate: {
        pathValid: true,
        account: accountBytes(certificate.account ?? '') ?? new Uint8Array(),
        device: deviceBytes(certificate.device) ?? new Uint8Array(),
        spki: certificate.key,
      },
      manifestKey: listed ? fromBase64url(listed) : null,
      handleAccount: null,
      revoked: false,
    });
  }

  /** The caller's view of our devices must be one we know; else our own chain is read again, and if that does not help it is a ghost. */
  async #knowsOurManifest(version: number, hash: Bytes): Promise<boolean> {
    const { account } = this.#api.identity;
    const known = async () => {
      const head = await this.#directory.head(account);
      return head?.version === version && head.hash === base64url(hash);
    };
    if (await known()) return true;
    await this.#directory.chainOf(account, version);
    return known();
  }

  #alert(id: string): void {
    const secrets = this.#secrets.get(id);
    if (secrets) this.#events.incoming(secrets.call);
  }

  async #answer(id: string, attempt: number, media: string[]): Promise<void> {
    const secrets = this.#secrets.get(id);
    if (!secrets) return;
    secrets.call.tell('phase', 'answering');
    if (!secrets.answer && secrets.invitation) {
      const sentAt = this.#now();
      const answered = await answerInvitation(this.#config.crypto, selfOf(this.#api.identity), secrets.invitation, {
        offer: await this.#offer(media),
        sentAt,
        expiresAt: sentAt + INVITE_LIFE_MS,
      });
      if (!answered.ok) throw new CallsignError('verification', answered.reason);
      secrets.call.session = answered.session;
      secrets.answer = {
        verb: 'answer',
        call: id,
        attempt,
        message: hex(this.#config.crypto.random(16)),
        body: base64url(answered.sealed),
        media,
      };
    }
    if (secrets.answer) await this.#say(secrets.answer);
  }

  // ---------------------------------------------------------------------------------------------- both

  #clocks(): { local: number; server: number } {
    return { local: this.#config.now(), server: this.#now() };
  }

  /**
   * Opens the call plane, again after every loss while the call lasts, and runs the key confirmation over its relay until
   * both sides have it.
   */
  async #handshake(id: string): Promise<void> {
    const secrets = this.#secrets.get(id);
    if (!secrets?.call.session || secrets.call.plane) return;
    const { call } = secrets;
    try {
      const plane = await CallPlane.open(this.#config, this.#api, id, {
        frame: (frame) => this.frame(frame),
        datagram: (bytes) => this.#behind(id, () => this.#datagram(secrets, bytes)),
        closed: () => this.#planeLost(id, secrets),
      });
      if (this.#secrets.get(id) !== secrets) return plane.close();
      call.plane = plane;
    } catch {
      return this.#planeLost(id, secrets);
    }
    this.#step({ type: 'transport', call: id, up: true });
    this.#confirm(secrets);
  }

  #confirm(secrets: Secrets): void {
    const { session } = secrets.call;
    secrets.stopHandshake();
    if (!session || secrets.heard) return;
    secrets.call.relay(session.request());
    secrets.stopHandshake = this.#config.after(HANDSHAKE_RETRY_MS, () => this.#confirm(secrets));
  }

  #planeLost(id: string, secrets: Secrets): void {
    secrets.call.plane = null;
    if (this.#secrets.get(id) !== secrets) return;
    this.#step({ type: 'transport', call: id, up: false });
    this.#timers.get(`${id} plane`)?.();
    this.#timers.set(
      `${id} plane`,
      this.#config.after(PLANE_RETRY_MS, () => this.#behind(id, () => this.#handshake(id))),
    );
  }

  async #datagram(secrets: Secrets, bytes: Bytes): Promise<void> {
    const { call } = secrets;
    const heard = call.session ? await call.session.receive(bytes) : null;
    if (!heard?.ok) {
      if (call.keys) call.tell('datagram', bytes);
      return;
    }
    call.keys = heard.keys;
    if (heard.reply) call.relay(heard.reply);
    if (heard.answered) {
      secrets.heard = true;
      secrets.stopHandshake();
    }
    this.#step({ type: 'peer-confirmed', call: call.id });
  }

  #mediaOn(id: string, peer: Party): void {
    const call = this.#secrets.get(id)?.call;
    if (!call?.keys) return;
    call.tell('phase', 'active');
    call.tell('media', { peer, keys: call.keys });
  }

  #ended({ call: id, reason, elsewhere }: ClientEffect & { type: 'ended' }): void {
    const secrets = this.#secrets.get(id);
    if (!secrets) return;
    this.#secrets.delete(id);
    this.#timers.get(`${id} plane`)?.();
    this.#timers.delete(`${id} plane`);
    secrets.stopHandshake();
    secrets.caller?.erase();
    secrets.call.erase();
    secrets.call.tell('phase', 'ended');
    secrets.call.tell('ended', { reason, elsewhere });
  }
}
