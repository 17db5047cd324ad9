import { fromBase64url } from '../bytes/base64url.ts';
import { accountBytes } from '../directory/account.ts';
import type { Head } from '../directory/manifest/head.ts';
import { ManifestsReply } from '../protocol/api.ts';
import type { IdentifiedApi } from './api.ts';
import { judgeSafetyQr, type KnownAccount, safetyNumber, safetyQr } from './crypto/safety.ts';
import type { Bytes } from './crypto/provider.ts';
import type { Directory, Peer } from './directory.ts';
import { CallsignError } from './errors.ts';
import { ownHead } from './identity.ts';
import { verifyChain } from './manifests.ts';

/** What this device remembers of a person beside the pinned chain. Kept in the store, by account. */
interface Kept {
  /** The head at which the user compared numbers; null: never, or not since a reset. */
  readonly verifiedAt: { readonly version: number; readonly hash: string; readonly keyUsedAt: number | null } | null;
  /** How many resets of this person the user acknowledged here. */
  readonly resets: number;
  /** Devices when the application was last told of them. */
  readonly devices: readonly string[];
}

/** How a contact stands with this device. */
export interface Standing {
  /** The user compared numbers with this very account, and its chain went on without a break since. */
  readonly verified: boolean;
  /** The chain went on by the recovery key since then: the same account, worth another look. */
  readonly recovered: boolean;
  readonly resets: number;
}

/** What changed about a person since this device last looked; told before any call. */
export type ContactEvent =
  | {
      readonly type: 'devices';
      readonly account: string;
      readonly added: readonly string[];
      readonly removed: readonly string[];
      readonly verified: boolean;
    }
  /** The handle leads to another account. `recovery`: by a recovery that the server vouches for; else it moved. */
  | {
      readonly type: 'another-account';
      readonly handle: string;
      readonly from: string;
      readonly to: string;
      readonly recovery: boolean;
    }
  /** Somebody is taking the person's handles over; its devices may still say no. */
  | { readonly type: 'recovery-pending'; readonly account: string; readonly dueAt: number };

export type ScanResult =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly reason: 'malformed' | 'different-account' | 'different-resets' | 'fork' | 'unknown-head';
    };

/** Verified contacts: numbers to compare, what was compared, and what happened since. */
export class Contacts {
  readonly #api: IdentifiedApi;
  readonly #directory: Directory;
  readonly #tell: (event: ContactEvent) => void;

  constructor(api: IdentifiedApi, directory: Directory, tell: (event: ContactEvent) => void) {
    this.#api = api;
    this.#directory = directory;
    this.#tell = tell;
  }

  /** Sixty digits, the same on both sides; `qr` is what this side shows and the other scans. */
  async safetyNumber(peer: Peer): Promise<{ readonly number: string; readonly qr: Bytes }> {
    const [own, theirs] = [await this.#own(), await this.#known(peer.account, peer.head)];
    return { number: await safetyNumber(this.#api.config.crypto, own, theirs), qr: safetyQr(own, theirs) };
  }

  /** The user compared the numbers and they are the same. */
  async verify(peer: Peer): Promise<void> {
    const kept = await this.#kept(peer.account);
    const { version, hash, recovery } = peer.head;
    await this.#write(peer.account, { ...kept, verifiedAt: { version, hash, keyUsedAt: recovery.keyUsedAt } });
  }

  async unverify(account: string): Promise<void> {
    await this.#write(account, { ...(await this.#kept(account)), verifiedAt: null });
  }

  /** A code that the peer shows. Right, it verifies; heads of other versions are looked for in the verified chains. */
  async scan(peer: Peer, code: Uint8Array, signal?: AbortSignal): Promise<ScanResult> {
    const verdict = judgeSafetyQr(code, await this.#own(), await this.#known(peer.account, peer.head));
    if (!verdict.ok) return { ok: false, reason: verdict.reason };
    const heads = [
      await this.#sameHead(peer.account, verdict.theirHead, signal),
      await this.#sameHead(this.#api.identity.account, verdict.ourHead, signal),
    ];
    for (const found of heads) if (found !== 'same') return { ok: false, reason: found };
    await this.verify(peer);
    return { ok: true };
  }

  async standing(peer: Pick<Peer, 'account' | 'head'>): Promise<Standing> {
    const { verifiedAt, resets } = await this.#kept(peer.account);
    const recovered = verifiedAt !== null && peer.head.recovery.keyUsedAt !== verifiedAt.keyUsedAt;
    return { verified: verifiedAt !== null, recovered, resets };
  }

  /** The user knows that the handle leads to another account now, and wants it so: a new person, whom nobody verified. */
  async acknowledge(peer: Peer): Promise<void> {
    const { store } = this.#api.config;
    if (peer.changedFrom === null) return;
    const before = await this.#kept(peer.changedFrom);
    const devices = peer.head.manifest.devices.map(({ id }) => id);
    await store.write([
      { collection: 'pin', id: peer.handle, value: peer.account },
      {
        collection: 'contact',
        id: peer.account,
        value: { verifiedAt: null, resets: before.resets + 1, devices } satisfies Kept,
      },
      { collection: 'contact', id: peer.changedFrom, value: { ...before, verifiedAt: null } },
    ]);
  }

  /** Called with what a lookup verified: tells the application what changed, before it can call. */
  async met(peer: Peer): Promise<Peer> {
    const { account, handle, head, changedFrom, reset, recovery } = peer;
    if (recovery?.state === 'pending') this.#tell({ type: 'recovery-pending', account, dueAt: recovery.dueAt });
    if (changedFrom !== null) {
      this.#tell({ type: 'another-account', handle, from: changedFrom, to: account, recovery: reset });
      return peer;
    }
    const kept = await this.#kept(account);
    const devices = head.manifest.devices.map(({ id }) => id);
    const added = devices.filter((id) => !kept.devices.includes(id));
    const removed = kept.devices.filter((id) => !devices.includes(id));
    if (added.length + removed.length > 0) {
      const verified = kept.verifiedAt !== null;
      if (kept.devices.length > 0) this.#tell({ type: 'devices', account, added, removed, verified });
      await this.#write(account, { ...kept, devices });
    }
    return peer;
  }

  async #own(): Promise<KnownAccount> {
    const { account } = this.#api.identity;
    return this.#known(account, await ownHead(this.#api.config, account), 0);
  }

  async #known(
    account: string,
    { version, hash }: Pick<Head, 'version' | 'hash'>,
    resets?: number,
  ): Promise<KnownAccount> {
    const head = { version, hash: fromBase64url(hash) ?? new Uint8Array() };
    return {
      account: accountBytes(account) ?? new Uint8Array(),
      resets: resets ?? (await this.#kept(account)).resets,
      head,
    };
  }

  /** Whether the chain, read and verified anew, has this head. */
  async #sameHead(
    account: string,
    { version, hash }: KnownAccount['head'],
    signal: AbortSignal | undefined,
  ): Promise<'same' | 'fork' | 'unknown-head'> {
    const known = await this.#directory.chainOf(account, version, signal);
    if (!known) return 'unknown-head';
    const path = `/v1/accounts/${account}/manifests?after=0`;
    const { manifests } = await this.#api.ask(ManifestsReply, { method: 'GET', path, signal });
    const { crypto } = this.#api.config;
    const then = await verifyChain(crypto, account, null, manifests.slice(0, version), this.#api.serverNow());
    const text = fromBase64url(then.hash) ?? new Uint8Array();
    return then.version === version && text.every((byte, i) => byte === hash[i]) ? 'same' : 'fork';
  }

  async #kept(account: string): Promise<Kept> {
    const kept = (await this.#api.config.store.get('contact', account)) as Kept | undefined;
    return kept ?? { verifiedAt: null, resets: 0, devices: [] };
  }

  async #write(account: string, value: Kept): Promise<void> {
    const written = await this.#api.config.store.write([{ collection: 'contact', id: account, value }]);
    if (!written) throw new CallsignError('local', 'store');
  }
}
