import { createHash } from 'node:crypto';
import { base64url } from '../../../src/bytes/base64url.ts';
import { hex } from '../../../src/bytes/hex.ts';
import { enrollmentInput, renewalInput } from '../../../src/bytes/transcript.ts';
import { utf8 } from '../../../src/bytes/utf8.ts';
import { linkedInput } from '../../../src/attestation/formats/linked.ts';
import { pushTag } from '../../../src/courier/push-tag.ts';
import { accountIdOf, deviceIdOf } from '../../../src/directory/account.ts';
import { mintCapability } from '../../../src/directory/capability.ts';
import { pendingCode } from '../../../src/directory/handle/code.ts';
import { commitmentOf } from '../../../src/directory/handle/commitment.ts';
import { keysDigest } from '../../../src/directory/keys-digest.ts';
import { comparisonCode, linkCommitment } from '../../../src/directory/link/code.ts';
import { writeInvitation } from '../../../src/directory/link/invitation.ts';
import { parseManifest } from '../../../src/directory/manifest/parse.ts';
import { assemble, draft, signingInput } from '../../../src/directory/manifest/write.ts';
import { fromUtf8 } from '../../../src/bytes/utf8.ts';
import { nobleCrypto } from '../../../src/sdk/crypto/noble.ts';
import { uuidOf } from '../../../src/sdk/native/calls.ts';
import { recoveryKeyFrom } from '../../../src/sdk/recovery-key.ts';
import { b, type Input, type Table } from './input.ts';

const crypto = nobleCrypto();
const sha = (text: string) => new Uint8Array(createHash('sha256').update(text).digest());
const text = (digits: string) => base64url(b(digits));
const side = (s: Input) => ({ device: b(s.device), key: b(s.key), nonce: b(s.nonce) });
const place = (i: Input) => ({ link: b(i.link), account: b(i.account) });
const payload = (i: Input) => ({ manifest: JSON.parse(i.payload), payload: utf8(i.payload) });

export const account: Table = {
  'account/id': (i) => accountIdOf(sha(i.payload)),
  'device/id': (i) => deviceIdOf(b(i.device)),
  'manifest/payload': (i) => fromUtf8(draft(i.manifest).payload),
  'manifest/hash': (i) => {
    const signed = assemble(payload(i), [{ kid: 'a'.repeat(26), signature: new Uint8Array(64) }]);
    const parsed = parseManifest(signed);
    if (!parsed.ok) throw new Error(parsed.reason);
    return parsed.parsed.hash;
  },
  'manifest/signed': (i) => fromUtf8(signingInput(payload(i), { kid: i.device })),
  'manifest/signed-by-recovery-key': (i) =>
    fromUtf8(signingInput(payload(i), { kid: 'recovery', jwk: { x: i.x, y: i.y } })),
  'handle/commitment': (i) => commitmentOf(b(i.salt), i.canonical),
  'handle/code': (i) => {
    const { account: of, device, canonical: handle, code } = i;
    return pendingCode({ kid: 'k', secret: b(i.key) }, { account: of, device, handle }, code, 0).mac;
  },
  'keys/digest': (i) =>
    keysDigest({
      bundle: i.bundleHash === '' ? null : text(i.bundleHash),
      batches: i.batches.map((one: Input) => ({ ...one, batchId: text(one.batchId), root: text(one.root) })),
    }),
  capability: (i) =>
    mintCapability(
      { kid: i.keyId, secret: b(i.key) },
      {
        caller: { account: accountIdOf(b(i.callerAccount)), device: deviceIdOf(b(i.callerDevice)) },
        callee: { account: accountIdOf(b(i.calleeAccount)), device: deviceIdOf(b(i.calleeDevice)) },
        purpose: i.purpose,
        epoch: i.epoch,
        expiresAt: i.expiry,
      },
    ),
  'link/invitation': (i) =>
    writeInvitation({ account: accountIdOf(b(i.account)), link: text(i.link), secret: text(i.secret) }),
  'link/commitment': (i) => hex(linkCommitment(place(i), side(i.newcomer))),
  'link/code': (i) => {
    const head = { version: i.head.version, hash: b(i.head.hash) };
    return comparisonCode(place(i), { ...side(i.sponsor), head }, side(i.newcomer));
  },
  'recovery/key': async (i) => {
    const { key, keyHash } = await recoveryKeyFrom(crypto, b(i.secret));
    return { point: hex(key.publicKey), keyHash };
  },
  'recovery/text': async (i) => (await recoveryKeyFrom(crypto, b(i.secret))).text,
  'enrollment/transcript': async (i) => {
    const { origin, format, purpose } = i;
    const ids = { deviceId: b(i.device), identityKey: b(i.key), accountId: b(i.account) };
    return hex(await crypto.sha256(enrollmentInput({ origin, format, nonce: sha(i.token), purpose, ...ids })));
  },
  'renewal/transcript': async (i) => {
    const ids = { deviceId: b(i.device), identityKey: b(i.key), accountId: b(i.account), serial: b(i.serial) };
    return hex(await crypto.sha256(renewalInput({ origin: i.origin, nonce: sha(i.token), ...ids })));
  },
  'voucher/signed': (i) => hex(linkedInput(b(i.transcript))),
  'push/tag': (i) => base64url(pushTag(b(i.secret), i.ring, i.account)),
  'native/shown-call': (i) => uuidOf(i.text),
};
