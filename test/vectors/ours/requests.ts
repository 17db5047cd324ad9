import { hex } from '../../../src/bytes/hex.ts';
import { readRecovery } from '../../../src/directory/recovery/statement.ts';
import { readCompact } from '../../../src/directory/jws.ts';
import { verifyAll } from '../../../src/directory/signature.ts';
import { headerOf, payloadUnder } from '../../../src/http/auth/chain.ts';
import { verifyProof } from '../../../src/http/auth/dpop.ts';
import { dpopNonce, mintNonce } from '../../../src/http/auth/nonce.ts';
import { thumbprint, tokenHash } from '../../../src/identity/proof.ts';
import { TYP } from '../../../src/protocol/identity.ts';
import { spkiOf } from '../../../src/sdk/crypto/point.ts';
import { b, type Input, type Table } from './input.ts';

const chained = (typ: string) => async (i: Input) => {
  const header = headerOf(i.jws, typ, ['x5c']);
  const claims = header && (await payloadUnder(i.jws, spkiOf(b(i.key))));
  if (!header || claims === null) return null;
  return { chain: (header.x5c ?? []).map((der) => hex(new Uint8Array(Buffer.from(der, 'base64')))), claims };
};

const statement = (typ: string) => async (i: Input) => {
  const jws = readCompact(i.jws, typ, 2_048);
  const [holds] = jws ? await verifyAll(crypto.subtle, [jws.under(spkiOf(b(i.key)))]) : [];
  return jws && holds ? { kid: jws.kid, claims: jws.claims } : null;
};

const macKey = (i: Input) => [{ kid: i.kid, secret: b(i.key) }] as const;

export const requests: Table = {
  'proof/thumbprint': (i) => thumbprint(spkiOf(b(i.key))),
  'proof/token-hash': (i) => tokenHash(i.token),
  'proof/dpop': async (i) => {
    const { method, url, token: accessToken } = i;
    const judged = await verifyProof(i.jws, { method, url, accessToken, nonceKeys: null, now: i.now * 1_000 });
    return judged.ok ? { jkt: judged.proof.jkt, jti: judged.proof.jti } : null;
  },
  'proof/client-assertion': chained(TYP.clientAuthentication),
  'proof/hello': chained(TYP.hello),
  'nonce/stateless': (i) =>
    mintNonce(
      macKey(i),
      { purpose: i.purpose, device: i.device || null, account: i.account || null, detail: i.detail, expiresAt: i.expiry },
      b(i.random),
    ),
  'nonce/dpop': (i) => dpopNonce(macKey(i), i.seconds * 1_000),
  'statement/handle': statement(TYP.handle),
  'statement/reset': statement(TYP.reset),
  'statement/veto': statement(TYP.veto),
  'statement/recovery': async (i) => {
    const read = readRecovery(i.jws, i.audience, i.now * 1_000);
    if (!read.ok) return null;
    const held = await verifyAll(crypto.subtle, [...read.checks]);
    const concluded = read.conclude((_, at) => held[at] === true);
    return concluded.ok ? { of: concluded.value.of, key: hex(concluded.value.key) } : null;
  },
};
