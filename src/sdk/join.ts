import type * as v from 'valibot';
import { base64url } from '../bytes/base64url.ts';
import { comparisonCode, linkCommitment } from '../directory/link/code.ts';
import { type LinkInvitation, readInvitation } from '../directory/link/invitation.ts';
import { changesBetween } from '../directory/manifest/changes.ts';
import { type Head, keyOf } from '../directory/manifest/head.ts';
import { parseManifest } from '../directory/manifest/parse.ts';
import { Challenge } from '../protocol/api.ts';
import { NewcomerView } from '../protocol/link.ts';
import type { SignedManifest } from '../protocol/manifest.ts';
import { Api } from './api.ts';
import type { ClientConfig } from './config.ts';
import { spkiOf } from './crypto/point.ts';
import type { SigningKey } from './crypto/provider.ts';
import { type Attester, type Enrolled, identityKeyFor, type Proof, prove, submit } from './enroll.ts';
import { CallsignError } from './errors.ts';
import { LINK_POLL_MS, type LinkEvent, newcomerOf, placeOf, type ShownCode, sponsorOf } from './link.ts';
import { signManifest, verifyChain } from './manifests.ts';
import { paused } from './patience.ts';

export { recoverWithKey } from './recover-with-key.ts';

/** How often a step is said again while the server cannot be reached. */
const TRIES = 40;

/** Every step may be said again: the same step is the same answer. */
async function patiently<T>(
  { after }: ClientConfig,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      const passing = error instanceof CallsignError && (error.code === 'network' || (error.status ?? 0) >= 502);
      if (!passing || tries === TRIES) throw error;
      await paused(after, LINK_POLL_MS, signal);
    }
  }
}

/** Everything about this device that the commitment covers, and what the enrollment will need. */
interface Candidate {
  readonly challenge: v.InferOutput<typeof Challenge>;
  readonly key: SigningKey;
  readonly spki: string;
  readonly nonce: string;
}

/**
 * `callsign/sdk/join`, an export of its own: a device joins an account once.
 *
 * The new device's side: takes the seat of the link that `invitation` names. Rejects when it is no invitation, over or taken.
 * `signal` ends this side of it, now and later.
 */
export async function join(
  config: ClientConfig,
  attester: Attester,
  invitation: string,
  onEvent: (event: LinkEvent) => void = () => undefined,
  signal?: AbortSignal,
): Promise<Joining> {
  const read = readInvitation(invitation);
  if (!read) throw new CallsignError('local', 'invitation-malformed');
  const api = new Api(config);
  const { account, secret, link } = read;
  const challenge = await api.ask(Challenge, {
    method: 'POST',
    path: `/v1/links/${link}/challenges`,
    body: { account, secret, format: attester.format },
    signal,
  });
  const key = await identityKeyFor(config, attester, challenge);
  const spki = base64url(spkiOf(key.publicKey));
  const candidate = { challenge, key, spki, nonce: base64url(config.crypto.random(32)) };
  const joining = new Joining(config, api, attester, read, candidate, onEvent, signal);
  await joining.begin();
  return joining;
}

/** A link as its newcomer drives it: it has no identity yet, and signs nothing before its user compared the codes. */
export class Joining {
  readonly account: string;
  readonly #config: ClientConfig;
  readonly #api: Api;
  readonly #attester: Attester;
  readonly #invitation: LinkInvitation;
  readonly #candidate: Candidate;
  readonly #tell: (event: LinkEvent) => void;
  readonly #signal: AbortSignal | undefined;
  #code: Promise<ShownCode> | null = null;
  #head: Head | null = null;
  #proof: Proof | null = null;

  constructor(
    config: ClientConfig,
    api: Api,
    attester: Attester,
    invitation: LinkInvitation,
    candidate: Candidate,
    onEvent: (event: LinkEvent) => void,
    signal: AbortSignal | undefined,
  ) {
    this.account = invitation.account;
    this.#config = config;
    this.#api = api;
    this.#attester = attester;
    this.#invitation = invitation;
    this.#candidate = candidate;
    this.#tell = onEvent;
    this.#signal = signal;
  }

  /** Takes the seat: from here on device, key and nonce are bound. */
  async begin(): Promise<void> {
    const { challenge, spki, nonce } = this.#candidate;
    const own = newcomerOf({ device: challenge.device, key: spki, nonce });
    const commitment = base64url(linkCommitment(placeOf(this.account, this.#invitation.link), own));
    await this.#say('commitments', { token: challenge.token, commitment });
    this.#tell({ type: 'arrived' });
    this.#code = this.#compare().catch((error: unknown) => this.#failed(error));
    this.#code.catch(() => undefined);
  }

  /** What both screens show. */
  async code(): Promise<ShownCode> {
    return this.#code ?? Promise.reject(new CallsignError('local', 'link-not-begun'));
  }

  /**
   * The user saw the same code on both: signs the version that the sponsor signed, when it adds this device and changes
   * nothing else, and enrolls with it.
   */
  async confirm(): Promise<Enrolled> {
    await this.code();
    const [head, proof] = [this.#head, this.#proof];
    if (!head || !proof) throw new CallsignError('local', 'link-not-compared');
    const { manifest: offered } = await this.#until(({ manifest }) => manifest !== null);
    const { challenge, key } = this.#candidate;
    const manifest = offered && (await this.#countersigned(head, offered));
    if (!manifest) {
      await this.refuse();
      this.#tell({ type: 'ended', reason: 'unverified' });
      throw new CallsignError('verification', 'link-manifest');
    }
    await verifyChain(this.#config.crypto, this.account, head, [manifest], this.#now());
    const made = { challenge, proof, key, account: this.account, manifest, known: head };
    const enrolled = await patiently(this.#config, this.#signal, () =>
      submit(this.#config, this.#api, made, this.#signal),
    );
    this.#tell({ type: 'linked', device: challenge.device });
    return enrolled;
  }

  /** The codes differ: the link is over. */
  async refuse(): Promise<void> {
    await this.#say('refusals', {});
  }

  /** The sponsor's nonce comes first, with a chain that is verified from its beginning; then ours goes out, with the evidence. */
  async #compare(): Promise<ShownCode> {
    const { challenge, key, spki, nonce } = this.#candidate;
    const { sponsor, manifests } = await this.#until((view) => view.sponsor !== null);
    const head = await verifyChain(this.#config.crypto, this.account, null, manifests, this.#now());
    const sponsorKey = sponsor && keyOf(head, sponsor.device);
    if (!sponsor || !sponsorKey || sponsor.version !== head.version || sponsor.hash !== head.hash)
      throw new CallsignError('verification', 'link-head');
    const candidate = { challenge, key, account: this.account };
    this.#proof = await prove(this.#config, this.#api, this.#attester, candidate, this.#signal);
    await this.#say('reveals', { token: challenge.token, ...this.#proof, key: spki, nonce });
    const place = placeOf(this.account, this.#invitation.link);
    const own = newcomerOf({ device: challenge.device, key: spki, nonce });
    const code = comparisonCode(place, sponsorOf(head, sponsor.device, sponsorKey, sponsor.nonce), own);
    this.#head = head;
    const shown = { code, device: challenge.device, verdict: null };
    this.#tell({ type: 'code', ...shown });
    return shown;
  }

  /** What did not verify, or was refused for good, ends the link for both sides. */
  async #failed(cause: unknown): Promise<never> {
    const known = cause instanceof CallsignError ? cause : null;
    if (known?.code === 'aborted' || (known?.code === 'refused' && known.reason.startsWith('link-'))) throw cause;
    try {
      await this.refuse();
    } catch {
      // It ends by itself in its time.
    }
    this.#tell({ type: 'ended', reason: 'unverified' });
    throw cause;
  }

  /** Null unless it is the next version, under one signature, and this device is all that is new in it. */
  async #countersigned(head: Head, offered: SignedManifest): Promise<SignedManifest | null> {
    const { challenge, key, spki } = this.#candidate;
    const read = parseManifest(offered);
    if (!read.ok || read.parsed.signatures.length !== 1) return null;
    const { manifest } = read.parsed;
    const { added, removed, replaced, beyondDevices } = changesBetween(head.manifest, manifest);
    const [only] = added;
    const mine = added.length === 1 && only?.id === challenge.device && only.key === spki;
    if (!mine || removed.length > 0 || replaced.length > 0 || beyondDevices) return null;
    const own = await signManifest(manifest, [{ kid: challenge.device, key }]);
    if (own.payload !== offered.payload) return null;
    return { ...offered, signatures: [...offered.signatures, ...own.signatures] };
  }

  #now(): number {
    return this.#config.now() + this.#api.clockOffset;
  }

  #say(part: string, body: object): Promise<NewcomerView> {
    const { account, secret, link } = this.#invitation;
    const path = `/v1/links/${link}/${part}`;
    const signal = this.#signal;
    return patiently(this.#config, signal, () =>
      this.#api.ask(NewcomerView, { method: 'POST', path, body: { account, secret, ...body }, signal }),
    );
  }

  async #until(good: (view: NewcomerView) => boolean): Promise<NewcomerView> {
    for (;;) {
      const view = await this.#say('looks', {});
      if (view.phase === 'ended') {
        this.#tell({ type: 'ended', reason: view.end ?? 'expired' });
        throw new CallsignError('refused', `link-${view.end ?? 'expired'}`);
      }
      if (good(view)) return view;
      await paused(this.#config.after, LINK_POLL_MS, this.#signal);
    }
  }
}
