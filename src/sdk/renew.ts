import { readIdentity } from '../identity/certificate.ts';
import { base64url, fromBase64url } from '../bytes/base64url.ts';
import { fromHex } from '../bytes/hex.ts';
import { equal } from '../bytes/join.ts';
import { renewalInput } from '../bytes/transcript.ts';
import { utf8 } from '../bytes/utf8.ts';
import { accountBytes, deviceBytes } from '../directory/account.ts';
import { requestBody, signedRequest } from '../identity/request.ts';
import { Renewal, RenewalChallenge } from '../protocol/api.ts';
import { Api } from './api.ts';
import type { ClientConfig } from './config.ts';
import { spkiOf } from './crypto/point.ts';
import type { Bytes } from './crypto/provider.ts';
import type { Attester } from './enroll.ts';
import { CallsignError } from './errors.ts';
import { type Identity, keepIdentity, keptPushToken, ownHead } from './identity.ts';

/** When the certificate in use begins and ends, ms. */
export function lifeOf({ chain }: Identity): { readonly from: number; readonly until: number } {
  const leaf = chain[0] && readIdentity(chain[0]);
  if (!leaf) throw new CallsignError('local', 'own-certificate-unreadable');
  return { from: leaf.certificate.notBefore, until: leaf.certificate.notAfter };
}

export interface RenewalOptions {
  /** Shows the hardware again when the server asks for it. */
  readonly attester?: Attester | undefined;
  /** The user is at it: an attester that needs a gesture may be asked too. */
  readonly gesture?: boolean;
  /** A call rings and nobody can show anything: a certificate of one day will do. The server grants it once. */
  readonly overdue?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface Renewed extends Identity {
  /** Until then the identity key alone renews, ms. */
  readonly freshBy: number;
  /** The certificate is of one day, past that: show the hardware before it is over. */
  readonly overdue: boolean;
}

/** The server asks for the hardware: an assertion of its credential, or an attestation. */
const DUE: ReadonlySet<string> = new Set(['assertion-due', 'reattestation-due']);

/**
 * A new certificate for the same key, also when the last one has ended; in the store when it resolves. First with the
 * identity key alone; when more is due, with what the attester shows, or for one day. Refused with the server's reason:
 * `assertion-due` and `reattestation-due` ask for an attester, or a gesture; after `certificate-refused` and
 * `evidence-condemned` the device must enroll again.
 */
export async function renewIdentity(
  config: ClientConfig,
  identity: Identity,
  options: RenewalOptions = {},
): Promise<Renewed> {
  const { attester, gesture, overdue, signal } = options;
  const ask = (shown: Shown) => attempt(config, identity, shown, signal);
  try {
    return await ask({});
  } catch (error) {
    if (!(error instanceof CallsignError) || !DUE.has(error.reason)) throw error;
    if (attester?.show && (attester.silent === true || gesture === true)) return ask({ shower: attester });
    if (overdue !== true) throw error;
    return ask({ overdue });
  }
}

interface Shown {
  readonly shower?: Attester;
  readonly overdue?: boolean;
}

async function attempt(
  config: ClientConfig,
  identity: Identity,
  { shower, overdue }: Shown,
  signal: AbortSignal | undefined,
): Promise<Renewed> {
  const { account, device, key, chain } = identity;
  const api = new Api(config);
  const { token } = await api.ask(RenewalChallenge, {
    method: 'POST',
    path: '/v1/renewals/challenges',
    body: { account, device },
    signal,
  });
  const spki = spkiOf(key.publicKey);
  const transcript = await transcriptOf(config, identity, token);
  const fresh = await shower?.show?.(transcript, { api, token, options: undefined, signal });
  const body = requestBody(spki, transcript);
  const csr = base64url(signedRequest(body, await key.sign(body)));
  const certificate = chain.map((der) => base64url(der));
  const reply = await api.ask(Renewal, {
    method: 'POST',
    path: '/v1/renewals',
    body: { token, certificate, csr, ...(fresh && { fresh }), ...(overdue && { overdue }) },
    signal,
  });
  const renewed = reply.certificate.map((text) => fromBase64url(text));
  if (!renewed.every((der) => der !== null)) throw new CallsignError('protocol', 'renewal-of-another');
  const leaf = renewed[0] && readIdentity(renewed[0]);
  if (!leaf || leaf.account !== account || leaf.device !== device || !equal(leaf.key, spki))
    throw new CallsignError('protocol', 'renewal-of-another');
  // The token may have been rotated meanwhile.
  const pushToken = (await keptPushToken(config)) ?? identity.pushToken;
  const next = { ...identity, pushToken, chain: renewed, notAfter: reply.notAfter };
  await keepIdentity(config, next, await ownHead(config, account));
  return { ...next, freshBy: reply.freshBy, overdue: reply.overdue };
}

/** What request and hardware sign: this renewal of this certificate, and nothing else. */
async function transcriptOf(config: ClientConfig, identity: Identity, token: string): Promise<Bytes> {
  const { account, device, key, chain } = identity;
  const serial = (chain[0] && readIdentity(chain[0]))?.certificate.serial ?? '';
  return config.crypto.sha256(
    renewalInput({
      origin: config.origin,
      nonce: await config.crypto.sha256(utf8(token)),
      deviceId: deviceBytes(device) ?? new Uint8Array(),
      identityKey: spkiOf(key.publicKey),
      accountId: accountBytes(account) ?? new Uint8Array(),
      serial: fromHex(serial.length % 2 === 0 ? serial : `0${serial}`) ?? new Uint8Array(),
    }),
  );
}
