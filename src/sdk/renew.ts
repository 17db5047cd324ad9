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
import { CallsignError } from './errors.ts';
import { type Identity, keepIdentity, ownHead } from './identity.ts';

/** When the certificate in use begins and ends, ms. */
export function lifeOf({ chain }: Identity): { readonly from: number; readonly until: number } {
  const leaf = chain[0] && readIdentity(chain[0]);
  if (!leaf) throw new CallsignError('local', 'own-certificate-unreadable');
  return { from: leaf.certificate.notBefore, until: leaf.certificate.notAfter };
}

/**
 * A new certificate for the same key, also when the last one has ended; in the store when it resolves. Refused with the
 * server's reason: `assertion-due` and `certificate-refused` mean that the device must enroll again.
 */
export async function renewIdentity(config: ClientConfig, identity: Identity, signal?: AbortSignal): Promise<Identity> {
  const { account, device, key, chain } = identity;
  const api = new Api(config);
  const { token } = await api.ask(RenewalChallenge, {
    method: 'POST',
    path: '/v1/renewals/challenges',
    body: { account, device },
    signal,
  });
  const spki = spkiOf(key.publicKey);
  const serial = (chain[0] && readIdentity(chain[0]))?.certificate.serial ?? '';
  const transcript = await config.crypto.sha256(
    renewalInput({
      origin: config.origin,
      nonce: await config.crypto.sha256(utf8(token)),
      deviceId: deviceBytes(device) ?? new Uint8Array(),
      identityKey: spki,
      accountId: accountBytes(account) ?? new Uint8Array(),
      serial: fromHex(serial.length % 2 === 0 ? serial : `0${serial}`) ?? new Uint8Array(),
    }),
  );
  const body = requestBody(spki, transcript);
  const csr = base64url(signedRequest(body, await key.sign(body)));
  const certificate = chain.map((der) => base64url(der));
  const reply = await api.ask(Renewal, {
    method: 'POST',
    path: '/v1/renewals',
    body: { token, certificate, csr },
    signal,
  });
  const renewed = reply.certificate.map((text) => fromBase64url(text));
  if (!renewed.every((der) => der !== null)) throw new CallsignError('protocol', 'renewal-of-another');
  const leaf = renewed[0] && readIdentity(renewed[0]);
  if (!leaf || leaf.account !== account || leaf.device !== device || !equal(leaf.key, spki))
    throw new CallsignError('protocol', 'renewal-of-another');
  const next = { ...identity, chain: renewed, notAfter: reply.notAfter };
  await keepIdentity(config, next, await ownHead(config, account));
  return next;
}
