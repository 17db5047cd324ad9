/** Profile `device`: an attested certificate and nothing else. No account, no manifest, no calls. */
import { base64url, fromBase64url } from '../bytes/base64url.ts';
import { fromHex } from '../bytes/hex.ts';
import { equal } from '../bytes/join.ts';
import { renewalInput } from '../bytes/transcript.ts';
import { utf8 } from '../bytes/utf8.ts';
import { deviceBytes } from '../directory/account.ts';
import { readIdentity } from '../identity/certificate.ts';
import { requestBody, signedRequest } from '../identity/request.ts';
import { Challenge, Enrollment, Renewal, RenewalChallenge } from '../protocol/api.ts';
import { Api } from './api.ts';
import type { ClientConfig } from './config.ts';
import type { Bytes, SigningKey } from './crypto/provider.ts';
import { spkiOf } from './crypto/point.ts';
import { type Attester, identityKeyFor, prove } from './enroll.ts';
import { CallsignError } from './errors.ts';

/** A device without account, and what vouches for its key. */
export interface LoneDevice {
  readonly device: string;
  readonly key: SigningKey;
  /** DER: leaf, then its issuer. */
  readonly chain: readonly Bytes[];
  readonly notAfter: number;
}

/** A certificate for the attester's key. The caller keeps it; nothing is stored here. */
export async function enrollAlone(config: ClientConfig, attester: Attester, signal?: AbortSignal): Promise<LoneDevice> {
  const api = new Api(config);
  const { format } = attester;
  const path = '/v1/enrollments';
  const challenge = await api.ask(Challenge, { method: 'POST', path: `${path}/challenges`, body: { format }, signal });
  const key = await identityKeyFor(config, attester, challenge);
  const proof = await prove(config, api, attester, { challenge, key, account: '' }, signal);
  const body = { ...proof, token: challenge.token, profile: 'device' };
  const reply = await api.ask(Enrollment, { method: 'POST', path, body, signal });
  return accepted(challenge.device, key, reply);
}

/** A new certificate for the same key; with the hardware shown again where the attester can, which is always accepted. */
export async function renewAlone(
  config: ClientConfig,
  { device, key, chain }: LoneDevice,
  attester: Attester,
  signal?: AbortSignal,
): Promise<LoneDevice> {
  const api = new Api(config);
  const path = '/v1/renewals';
  const { token } = await api.ask(RenewalChallenge, {
    method: 'POST',
    path: `${path}/challenges`,
    body: { device },
    signal,
  });
  const serial = (chain[0] && readIdentity(chain[0]))?.certificate.serial ?? '';
  const spki = spkiOf(key.publicKey);
  const transcript = await config.crypto.sha256(
    renewalInput({
      origin: config.origin,
      nonce: await config.crypto.sha256(utf8(token)),
      deviceId: deviceBytes(device) ?? new Uint8Array(),
      identityKey: spki,
      accountId: new Uint8Array(),
      serial: fromHex(serial.length % 2 === 0 ? serial : `0${serial}`) ?? new Uint8Array(),
    }),
  );
  const fresh = await attester.show?.(transcript, { api, token, options: undefined, signal });
  const request = requestBody(spki, transcript);
  const csr = base64url(signedRequest(request, await key.sign(request)));
  const certificate = chain.map((der) => base64url(der));
  const body = { token, certificate, csr, ...(fresh && { fresh }) };
  return accepted(device, key, await api.ask(Renewal, { method: 'POST', path, body, signal }));
}

/** The answer must be about this device and key. */
function accepted(
  device: string,
  key: SigningKey,
  reply: { readonly certificate: readonly string[]; readonly notAfter: number },
): LoneDevice {
  const chain = reply.certificate.map((text) => fromBase64url(text));
  const leaf = chain[0] ? readIdentity(chain[0]) : null;
  const own = leaf?.profile === 'device' && leaf.device === device && equal(leaf.key, spkiOf(key.publicKey));
  if (!own || !chain.every((der) => der !== null)) throw new CallsignError('protocol', 'certificate-of-another');
  return { device, key, chain, notAfter: reply.notAfter };
}
