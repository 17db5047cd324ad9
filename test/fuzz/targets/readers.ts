/** Every reader of bytes or text that strangers send: whatever they are given, they answer and do not throw. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { vectorFolder } from '../../../cli/support/files.ts';
import { readVectorFile } from '../../../cli/vectors/vector.ts';
import { readKeyDescription } from '../../../src/attestation/android/key-description.ts';
import { readStatusList } from '../../../src/attestation/android/status-list.ts';
import { derFromBer } from '../../../src/attestation/apple/ber.ts';
import { readReceipt } from '../../../src/attestation/apple/receipt.ts';
import { readSignedData } from '../../../src/attestation/apple/signed-data.ts';
import { readCertificate } from '../../../src/attestation/path/certificate.ts';
import { readSpki } from '../../../src/attestation/path/public-key.ts';
import { readPolicy } from '../../../src/attestation/policy/policy.ts';
import { readAttest } from '../../../src/attestation/tpm/attest.ts';
import { readPublic } from '../../../src/attestation/tpm/public.ts';
import { readSignature } from '../../../src/attestation/tpm/signature.ts';
import { builtInTrust } from '../../../src/attestation/trust/load.ts';
import { readMetadata } from '../../../src/attestation/trust/metadata.ts';
import { readAuthenticatorData } from '../../../src/attestation/webauthn/authenticator-data.ts';
import { readClientData } from '../../../src/attestation/webauthn/client-data.ts';
import { readCoseKey } from '../../../src/attestation/webauthn/cose-key.ts';
import { fromBase64url } from '../../../src/bytes/base64url.ts';
import { cborMap, encodeCbor, readCbor } from '../../../src/bytes/cbor.ts';
import { readDer } from '../../../src/bytes/der.ts';
import { fromUtf8, utf8 } from '../../../src/bytes/utf8.ts';
import { mutate } from '../mutate.ts';
import type { Target } from '../target.ts';

const trust = builtInTrust();

const readers: Readonly<Record<string, (bytes: Uint8Array<ArrayBuffer>) => unknown>> = {
  cbor: (bytes) => readCbor(bytes),
  cose: (bytes) => {
    const map = cborMap(readCbor(bytes));
    return map === null ? null : readCoseKey(map);
  },
  der: (bytes) => readDer(bytes),
  certificate: readCertificate,
  spki: readSpki,
  'authenticator-data': readAuthenticatorData,
  'client-data': readClientData,
  'key-description': readKeyDescription,
  'status-list': (bytes) => readStatusList(bytes, 0),
  ber: (bytes) => derFromBer(bytes),
  'signed-data': readSignedData,
  receipt: readReceipt,
  'tpm-attest': readAttest,
  'tpm-public': readPublic,
  'tpm-signature': readSignature,
  metadata: (bytes) => readMetadata({ blob: fromUtf8(bytes) ?? '', trust, now: 0, fetchedAt: 0, previousNo: null }),
  policy: (bytes) => {
    try {
      return readPolicy(JSON.parse(fromUtf8(bytes) ?? 'null'));
    } catch (error) {
      if (error instanceof SyntaxError) return null;
      throw error;
    }
  },
};

let samples: readonly Uint8Array[] = [];

export const readersTarget: Target = {
  name: 'readers',

  prepare() {
    samples = [
      utf8('{"type":"webauthn.create","challenge":"AA","origin":"https://a.example"}'),
      utf8('{"entries":{"ab":{"status":"REVOKED"}}}'),
      encodeCbor(new Map([[1, 2]])),
      ...(existsSync(vectorFolder) ? collected() : []),
    ];
    return Promise.resolve(true);
  },

  async once(random) {
    const name = random.pick(Object.keys(readers));
    const value = await readers[name]!(mutate(random.pick(samples), random, samples));
    return value === null ? 'refused' : 'read';
  },
};

/** Every base64url text of the vectors that is bytes of a size that readers meet. */
function collected(): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  const visit = (value: unknown): void => {
    if (typeof value === 'string' && value.length > 40 && value.length < 8192) {
      const bytes = fromBase64url(value);
      if (bytes !== null) found.push(bytes);
    } else if (typeof value === 'object' && value !== null) Object.values(value).forEach(visit);
  };
  for (const name of readdirSync(vectorFolder).filter((file) => file.endsWith('.json') && file !== 'mds.json')) {
    for (const { input } of readVectorFile(join(vectorFolder, name)).vectors) visit(input);
  }
  return found;
}
