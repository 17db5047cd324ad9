import type * as v from 'valibot';
import { base64url, fromBase64url } from '../bytes/base64url.ts';
import { accountBytes, deviceBytes } from '../directory/account.ts';
import { comparisonCode, linkCommitment, type Newcomer, type Place, type Sponsor } from '../directory/link/code.ts';
import { writeInvitation } from '../directory/link/invitation.ts';
import type { Head } from '../directory/manifest/head.ts';
import { successor } from '../directory/manifest/write.ts';
import type { VerdictSummary } from '../protocol/api.ts';
import { type LinkEnd, LinkStarted, SponsorView } from '../protocol/link.ts';
import type { IdentifiedApi } from './api.ts';
import type { ClientConfig } from './config.ts';
import type { Bytes } from './crypto/provider.ts';
import type { Directory } from './directory.ts';
import { CallsignError } from './errors.ts';
import { ownHead } from './identity.ts';
import { signManifest } from './manifests.ts';
import { paused } from './patience.ts';

/** How often a side asks for the other's next step, ms. */
export const LINK_POLL_MS = 700;

/** What a link's side tells its application, in this order; `ended` may come after any but `linked`. */
export type LinkEvent =
  /** The newcomer took the seat. */
  | { readonly type: 'arrived' }
  /** Show the code, and ask whether the other screen shows the same. */
  | ({ readonly type: 'code' } & ShownCode)
  | { readonly type: 'linked'; readonly device: string }
  /** `reason`: the other side refused, it took too long, or what came did not verify. */
  | { readonly type: 'ended'; readonly reason: LinkEnd | 'unverified' };

export interface ShownCode {
  /** Eight digits in two groups. */
  readonly code: string;
  /** The new device. */
  readonly device: string;
  /** What its hardware vouched for, as the server judged it; the certificate will say the same, signed. */
  readonly verdict: v.InferOutput<typeof VerdictSummary> | null;
}

export const bytesOf = (text: string): Bytes => fromBase64url(text) ?? new Uint8Array();

export function placeOf(account: string, link: string): Place {
  return { link: bytesOf(link), account: accountBytes(account) ?? new Uint8Array() };
}

export function newcomerOf({ device, key, nonce }: { device: string; key: string; nonce: string }): Newcomer {
  return { device: deviceBytes(device) ?? new Uint8Array(), key: bytesOf(key), nonce: bytesOf(nonce) };
}

export function sponsorOf(head: Head, device: string, key: string, nonce: string): Sponsor {
  return { ...newcomerOf({ device, key, nonce }), head: { version: head.version, hash: bytesOf(head.hash) } };
}

/** The account's side: starts a link whose invitation the new device reads from this screen. `signal` ends this side of it. */
export async function startLink(
  config: ClientConfig,
  api: IdentifiedApi,
  directory: Directory,
  onEvent: (event: LinkEvent) => void = () => undefined,
  signal?: AbortSignal,
): Promise<Linking> {
  const { account } = api.identity;
  await directory.chainOf(account, (await ownHead(config, account)).version + 1, signal);
  const secret = config.crypto.random(16);
  const body = { secretHash: base64url(await config.crypto.sha256(secret)) };
  const request = { method: 'POST', path: '/v1/links', body, repeatable: true, signal } as const;
  const { link, expiresAt } = await api.ask(LinkStarted, request);
  const invitation = writeInvitation({ account, link, secret: base64url(secret) });
  return new Linking(
    config,
    api,
    { link, invitation, expiresAt, head: await ownHead(config, account), signal },
    onEvent,
  );
}

interface Started {
  readonly link: string;
  readonly invitation: string;
  readonly expiresAt: number;
  readonly head: Head;
  readonly signal: AbortSignal | undefined;
}

/** A link as its sponsor drives it. Nothing of it survives the process: a new one is a new invitation. */
export class Linking {
  /** What the new device scans: show it as a QR code, or let it be typed. */
  readonly invitation: string;
  /** Server time, ms. */
  readonly expiresAt: number;
  readonly #config: ClientConfig;
  readonly #api: IdentifiedApi;
  readonly #started: Started;
  readonly #tell: (event: LinkEvent) => void;
  readonly #nonce: string;
  readonly #code: Promise<ShownCode>;
  #newcomer: NonNullable<SponsorView['newcomer']> | null = null;

  constructor(config: ClientConfig, api: IdentifiedApi, started: Started, onEvent: (event: LinkEvent) => void) {
    this.invitation = started.invitation;
    this.expiresAt = started.expiresAt;
    this.#config = config;
    this.#api = api;
    this.#started = started;
    this.#tell = onEvent;
    this.#nonce = base64url(config.crypto.random(32));
    this.#code = this.#compare();
    this.#code.catch(() => undefined);
  }

  /** What both screens show; rejects when the link ended, or what the newcomer sent does not verify. */
  code(): Promise<ShownCode> {
    return this.#code;
  }

  /** The user saw the same code on both: signs the version that adds the device, and resolves when it is in force. */
  async confirm(): Promise<string> {
    await this.#code;
    const newcomer = this.#newcomer;
    if (!newcomer) throw new CallsignError('local', 'link-not-compared');
    const { head } = this.#started;
    const { identity } = this.#api;
    const at = this.#config.now() + this.#api.clockOffset;
    const added = { id: newcomer.device, key: newcomer.key, addedAt: at };
    const next = successor(head, at, { devices: [...head.manifest.devices, added] });
    const manifest = await signManifest(next, [{ kid: identity.device, key: identity.key }]);
    await this.#say('POST', '/manifest', { manifest });
    await this.#until((view) => view.phase === 'linked');
    this.#tell({ type: 'linked', device: newcomer.device });
    return newcomer.device;
  }

  /** The codes differ, or nobody came: the link is over, and its invitation worth nothing. */
  async refuse(): Promise<void> {
    await this.#say('DELETE', '');
  }

  /** Commitment, then our nonce, then theirs: nobody between the two can choose a value once it knows the other's. */
  async #compare(): Promise<ShownCode> {
    const { link, head } = this.#started;
    const { identity } = this.#api;
    const committed = await this.#until(({ commitment }) => commitment !== null);
    this.#tell({ type: 'arrived' });
    const opening = { nonce: this.#nonce, version: head.version, hash: head.hash };
    await this.#say('POST', '/opening', opening);
    const { newcomer } = await this.#until((view) => view.newcomer !== null);
    const place = placeOf(identity.account, link);
    const shown = newcomer && newcomerOf(newcomer);
    if (!newcomer || !shown || base64url(linkCommitment(place, shown)) !== committed.commitment) {
      await this.refuse();
      this.#tell({ type: 'ended', reason: 'unverified' });
      throw new CallsignError('verification', 'link-commitment');
    }
    const own = head.manifest.devices.find(({ id }) => id === identity.device);
    const code = comparisonCode(place, sponsorOf(head, identity.device, own?.key ?? '', this.#nonce), shown);
    this.#newcomer = newcomer;
    const told = { code, device: newcomer.device, verdict: newcomer.verdict };
    this.#tell({ type: 'code', ...told });
    return told;
  }

  #say(method: 'GET' | 'POST' | 'DELETE', part: string, body?: object): Promise<SponsorView> {
    const { link, signal } = this.#started;
    const path = `/v1/links/${link}${part}`;
    return this.#api.ask(SponsorView, { method, path, repeatable: true, signal, ...(body && { body }) });
  }

  async #until(good: (view: SponsorView) => boolean): Promise<SponsorView> {
    for (;;) {
      const view = await this.#say('GET', '');
      if (view.phase === 'ended') {
        this.#tell({ type: 'ended', reason: view.end ?? 'expired' });
        throw new CallsignError('refused', `link-${view.end ?? 'expired'}`);
      }
      if (good(view)) return view;
      await paused(this.#config.after, LINK_POLL_MS, this.#started.signal);
    }
  }
}
