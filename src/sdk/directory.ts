import { base64url, fromBase64url } from '../bytes/base64url.ts';
import { accountBytes, deviceBytes } from '../directory/account.ts';
import { judgeAssertion } from '../directory/handle/assertion.ts';
import { type Head, keyOf } from '../directory/manifest/head.ts';
import { parseManifest } from '../directory/manifest/parse.ts';
import { type AcceptedBundle, judgeBundle, judgeOneTimeKey } from '../directory/published-keys.ts';
import { type AcceptedIdentity, judgeIdentity } from '../identity/judge.ts';
import { type KnownHead, LookupReply, type LookupDevice, type LookupResult, ManifestsReply } from '../protocol/api.ts';
import type { KeyBundle } from '../protocol/bundle.ts';
import { KeySet } from '../protocol/handle.ts';
import type { SignedManifest } from '../protocol/manifest.ts';
import type { IdentifiedApi } from './api.ts';
import { askedHandle } from './asked-handle.ts';
import { concluded } from './concluded.ts';
import type { ClientConfig } from './config.ts';
import type { Recipient } from './crypto/invitation.ts';
import { pointOf } from './crypto/point.ts';
import type { Bytes } from './crypto/provider.ts';
import { CallsignError } from './errors.ts';
import { verifyChain } from './manifests.ts';
import { judgeReset, type KnownRecovery, readRecoveries } from './resets.ts';

/** How long after its certificate ended a device may still be rung, ms. */
const DORMANT_AFTER_MS = 90 * 86_400_000;
/** A key that the deployment took back is believed no longer than this, ms. */
const KEYS_MS = 3_600_000;

/** One device of a peer, everything about it verified. */
export interface PeerDevice {
  readonly device: string;
  readonly recipient: Recipient;
  readonly capability: string;
  readonly certificate: AcceptedIdentity;
  /** Its prekey should have been replaced, or no one-time key was left: an invitation to it is less secret when its keys are taken later. */
  readonly weak: 'stale' | 'last-resort' | null;
}

/** A person as this device may call him: chain, handle and devices verified against what is pinned here. */
export interface Peer {
  readonly account: string;
  /** Canonical: `mail1:`, `tel:` or `ext:` and what follows. */
  readonly handle: string;
  readonly head: Head;
  readonly set: number;
  readonly devices: readonly PeerDevice[];
  /** Devices of the account that the server did not offer: they have published no keys, or are being hidden. */
  readonly absent: readonly string[];
  readonly assertion: string;
  /**
   * The handle led to another account before: another person, or a new account. Shown before a call, and not called before
   * `Directory.acknowledge`.
   */
  readonly changedFrom: string | null;
  /** It did so by a recovery that the server vouches for, not by a plain move. */
  readonly reset: boolean;
  /** Somebody wants this account's handles, or wanted them and a device said no. */
  readonly recovery: KnownRecovery | null;
}

export interface FindOptions {
  /** Takes one-time keys, which a call needs. */
  readonly claim?: boolean;
  /** The same request gets the same keys again. */
  readonly request?: string;
  readonly signal?: AbortSignal;
}

type Found = Extract<LookupResult, { found: true }>;

/**
 * Looks handles up and believes nothing: every manifest from the known head on, every certificate to a pinned root, every
 * signature of every bundle, and the handle's assertion against the commitment in the verified head. Null: not found.
 */
export class Directory {
  readonly #config: ClientConfig;
  readonly #api: IdentifiedApi;
  #keys: { readonly set: KeySet; readonly until: number } | null = null;

  constructor(config: ClientConfig, api: IdentifiedApi) {
    this.#config = config;
    this.#api = api;
  }

  async find(handle: string, options: FindOptions = {}): Promise<Peer | null> {
    const { claim = false, signal } = options;
    const asked = askedHandle(handle);
    if (asked === null) throw new CallsignError('local', 'handle-malformed');
    const request = options.request ?? base64url(this.#config.crypto.random(16));
    const known = await this.#known(asked);
    const body = { handles: [handle], claim, known };
    const reply = await this.#api.ask(LookupReply, {
      method: 'POST',
      path: '/v1/lookups',
      body,
      idempotencyKey: request,
      ...(signal && { signal }),
    });
    const [result] = reply.results;
    return result?.found ? this.#verify(result, asked, signal) : null;
  }

  /** The head of an account's chain, as far as this device has verified it. */
  async head(account: string): Promise<Head | null> {
    return ((await this.#config.store.get('head', account)) as Head | undefined) ?? null;
  }

  /** The chain of an account read and verified up to `version` at least; null when there is no such account, or not so far. */
  async chainOf(account: string, version: number, signal?: AbortSignal): Promise<Head | null> {
    const known = await this.head(account);
    if (known && known.version >= version) return known;
    const path = `/v1/accounts/${account}/manifests?after=${known?.version ?? 0}`;
    const { manifests } = await this.#api.ask(ManifestsReply, { method: 'GET', path, signal });
    const head =
      manifests.length === 0 ? known : await verifyChain(this.#config.crypto, account, known, manifests, this.#now());
    if (head && head !== known) await this.#config.store.write([{ collection: 'head', id: account, value: head }]);
    return head && head.version >= version ? head : null;
  }

  /** Judges a certificate chain now, and in dormancy; null when it is not accepted. */
  async certificate(chain: readonly Uint8Array[]): Promise<AcceptedIdentity | null> {
    const expected = {
      profile: 'call',
      roots: this.#config.roots,
      now: this.#now(),
      validity: { dormantAfter: DORMANT_AFTER_MS },
      revocations: null,
    } as const;
    return concluded(this.#config.crypto, judgeIdentity(chain, expected), 'certificate').catch(() => null);
  }

  #now(): number {
    return this.#config.now() + this.#api.clockOffset;
  }

  /** What this device holds of the account that the handle is pinned to; nobody else is named to the server. */
  async #known(handle: string): Promise<Record<string, KnownHead>> {
    const { store } = this.#config;
    const account = (await store.get('pin', handle)) as string | undefined;
    const head = account === undefined ? null : await this.head(account);
    if (!head) return {};
    const capability = (await store.get('pin', `capability ${head.account}`)) as KnownHead['capability'];
    return { [head.account]: { version: head.version, hash: head.hash, ...(capability && { capability }) } };
  }

  /** `asked` is canonical: the answer must be about it, or it is about somebody else. */
  async #verify(found: Found, asked: string, signal: AbortSignal | undefined): Promise<Peer> {
    const { crypto, store } = this.#config;
    const { account, set, assertion } = found;
    const before = await this.head(account);
    const head = await verifyChain(crypto, account, before, after(before, found.manifests), this.#now());
    const handle = await this.#handle(found, head, asked, signal);
    const devices = await Promise.all(found.devices.map((one) => this.#device(account, head, one)));
    const recoveries = await readRecoveries(this.#config, await this.#directoryKeys(signal), head, found.recoveries);
    const pinned = ((await store.get('pin', handle)) as string | undefined) ?? null;
    const changedFrom = pinned !== null && pinned !== account ? pinned : null;
    const move = changedFrom !== null && { from: changedFrom, before: await this.head(changedFrom), to: account };
    const reset = move && (await judgeReset(this.#config, this.#api.identity.account, move, recoveries, this.#now()));
    const [first] = devices;
    const capability = first && { device: first.device, token: first.capability };
    await store.write([
      { collection: 'head', id: account, value: head },
      ...(pinned === null ? [{ collection: 'pin', id: handle, value: account } as const] : []),
      ...(capability ? [{ collection: 'pin', id: `capability ${account}`, value: capability } as const] : []),
    ]);
    const offered = new Set(devices.map(({ device }) => device));
    const absent = head.manifest.devices.map(({ id }) => id).filter((id) => !offered.has(id));
    const recovery = recoveries.find(({ claims }) => claims.sub === account) ?? null;
    return { account, handle, head, set, devices, absent, assertion, changedFrom, reset, recovery };
  }

  async #handle(found: Found, head: Head, asked: string, signal: AbortSignal | undefined): Promise<string> {
    const facts = { issuer: this.#config.origin, head, handle: asked, now: this.#now() };
    let plan = judgeAssertion(found.assertion, { ...facts, keys: await this.#directoryKeys(signal) });
    // A key that came after these were read.
    if (!plan.ok && plan.reason === 'unknown-key') {
      this.#keys = null;
      plan = judgeAssertion(found.assertion, { ...facts, keys: await this.#directoryKeys(signal) });
    }
    return (await concluded(this.#config.crypto, plan, 'handle')).handle;
  }

  async #directoryKeys(signal: AbortSignal | undefined): Promise<KeySet> {
    if (this.#keys && this.#now() < this.#keys.until) return this.#keys.set;
    const set = await this.#api.ask(KeySet, { method: 'GET', path: '/.well-known/jwks.json', signal });
    this.#keys = { set, until: this.#now() + KEYS_MS };
    return set;
  }

  /** The manifest decides who, the certificate adds assurance, the identity key signed every key of the bundle. */
  async #device(
    account: string,
    head: Head,
    { device, certificate, bundle, oneTime, lastResort, capability }: LookupDevice,
  ): Promise<PeerDevice> {
    const listed = keyOf(head, device);
    const spki = listed === null ? null : fromBase64url(listed);
    const chain = certificate.map((text) => fromBase64url(text) ?? new Uint8Array());
    const accepted = await this.certificate(chain);
    if (
      !spki ||
      !accepted ||
      accepted.account !== account ||
      accepted.device !== device ||
      base64url(accepted.key) !== listed
    ) {
      throw new CallsignError('verification', 'device-certificate');
    }
    const { crypto } = this.#config;
    const now = this.#now();
    const judged = judgeBundle(head, device, bundle, now, DORMANT_AFTER_MS);
    const opened = await concluded(crypto, judged, 'device-bundle');
    const once = oneTime && (await concluded(crypto, judgeOneTimeKey(head, device, oneTime, now), 'device-one-time'));
    await this.#notOlder(device, bundle);
    const recipient: Recipient = {
      account: accountBytes(account) ?? new Uint8Array(),
      device: deviceBytes(device) ?? new Uint8Array(),
      identityKey: pointOf(spki) ?? new Uint8Array(),
      signedPrekey: opened.signedPrekey,
      lastResort: opened.lastResort,
      ...(once && { oneTimeKey: once }),
      bundleHash: opened.hash.slice(),
      manifest: { version: head.version, hash: hashBytes(head) },
    };
    return { device, recipient, capability, certificate: accepted, weak: weakness(opened, lastResort === true) };
  }

  /** Keys and capabilities that were replaced do not come back: both are genuine, and both could be served to weaken a call. */
  async #notOlder(device: string, { signedPrekey, lastResort, capabilities }: KeyBundle): Promise<void> {
    const { store } = this.#config;
    const shown = { keys: Math.min(signedPrekey.keyId, lastResort.keyId), capabilities: capabilities.issuedAt };
    const row = { collection: 'pin', id: `bundle ${device}` } as const;
    const seen = (await store.get(row.collection, row.id)) as typeof shown | undefined;
    if (seen && (shown.keys < seen.keys || shown.capabilities < seen.capabilities))
      throw new CallsignError('verification', 'device-bundle-older');
    await store.write([{ ...row, value: shown }]);
  }
}

/** What comes after the known head: the server was not told of one that this device has from another handle of the account. */
function after(known: Head | null, manifests: readonly SignedManifest[]): readonly SignedManifest[] {
  const at = manifests.findIndex((one) => {
    const read = parseManifest(one);
    return read.ok && read.parsed.hash === known?.hash;
  });
  return manifests.slice(at + 1);
}

function weakness({ freshness }: AcceptedBundle, lastResort: boolean): PeerDevice['weak'] {
  if (lastResort) return 'last-resort';
  return freshness === 'stale' ? 'stale' : null;
}

function hashBytes(head: Head): Bytes {
  return fromBase64url(head.hash) ?? new Uint8Array();
}
