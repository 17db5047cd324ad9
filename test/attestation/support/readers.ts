/** Every reader of certificates, Android and Apple evidence, with samples to mutate: for property tests and for fuzzing. */
import { readKeyDescription } from '../../../src/attestation/android/key-description.ts';
import { certificatesIssued } from '../../../src/attestation/android/provisioning-info.ts';
import { readStatusList } from '../../../src/attestation/android/status-list.ts';
import { readAssertion } from '../../../src/attestation/apple/assertion.ts';
import { derFromBer } from '../../../src/attestation/apple/ber.ts';
import { appleNonce, systemVersion } from '../../../src/attestation/apple/credential.ts';
import { readReceipt } from '../../../src/attestation/apple/receipt.ts';
import { readSignedData } from '../../../src/attestation/apple/signed-data.ts';
import { appAttest } from '../../../src/attestation/formats/app-attest.ts';
import { readCertificate } from '../../../src/attestation/path/certificate.ts';
import { readSpki } from '../../../src/attestation/path/public-key.ts';
import { rawEcdsa } from '../../../src/attestation/path/signature.ts';
import { tpmAttributes } from '../../../src/attestation/path/tpm-name.ts';
import { weakness } from '../../../src/attestation/path/weak-key.ts';
import { base64url } from '../../../src/bytes/base64url.ts';
import { readDer } from '../../../src/bytes/der.ts';
import { utf8 } from '../../../src/bytes/utf8.ts';
import { keyDescription } from './android.ts';
import { factory, leaf, remote } from './android-chain.ts';
import { makeAssertion, makeAttestation, makeReceipt, receiptFields } from './apple.ts';
import * as ca from './ca.ts';
import { makeChain } from './chain.ts';

export interface Reader {
  readonly name: string;
  /** Returns for every input; what it returns is null, false or a refusal for what it does not read. */
  readonly read: (bytes: Uint8Array) => unknown;
  readonly samples: readonly Uint8Array[];
}

const chains = [await makeChain(factory(leaf({}))), await makeChain(remote(leaf({})))];
const attestation = await makeAttestation();
const fields = receiptFields(chains[0]!.ders[0]!, new Uint8Array(32));
const receipts = [
  await makeReceipt(fields),
  await makeReceipt(fields, { indefinite: true }),
  await makeReceipt(fields, { attributes: 'signed' }),
];
const assertion = await makeAssertion({ clientData: new Uint8Array(8), counter: 1 });
const rsa = await ca.makeKey('RSA-2048');
const certificates = chains.flatMap(({ ders }) => ders);
const statusList = utf8(
  '{"entries":{"a1":{"status":"REVOKED","reason":"KEY_COMPROMISE"},"0B2":{"status":"SUSPENDED"}}}',
);
const keyId = attestation.fields.keyId;

export const readers: readonly Reader[] = [
  { name: 'DER', read: readDer, samples: [...certificates, keyDescription()] },
  { name: 'BER', read: derFromBer, samples: receipts },
  {
    name: 'certificate',
    read: (bytes) => {
      const certificate = readCertificate(bytes);
      return certificate && [appleNonce(certificate), systemVersion(certificate), tpmAttributes(certificate)];
    },
    samples: [...certificates, ...attestedCertificates()],
  },
  {
    name: 'public key',
    read: (bytes) => {
      const key = readSpki(bytes);
      return key && weakness(key);
    },
    samples: [rsa.spki, chains[0]!.keys[0]!.spki],
  },
  {
    name: 'ECDSA signature',
    read: (bytes) => rawEcdsa(bytes, 'P-256'),
    samples: [chains[0]!.certificates[0]!.signature],
  },
  {
    name: 'KeyDescription',
    read: readKeyDescription,
    samples: [keyDescription(), keyDescription({ level: 2, version: 3 })],
  },
  { name: 'ProvisioningInfo', read: certificatesIssued, samples: [new Uint8Array([0xa1, 0x01, 0x0c])] },
  { name: 'status list', read: (bytes) => readStatusList(bytes, 0), samples: [statusList] },
  { name: 'receipt container', read: readSignedData, samples: receipts },
  { name: 'receipt', read: readReceipt, samples: receipts.map((receipt) => readSignedData(receipt)!.content) },
  {
    name: 'App Attest object',
    read: (bytes) => appAttest.read({ format: 'app-attest', attestationObject: base64url(bytes), keyId }),
    samples: [attestation.object],
  },
  { name: 'App Attest assertion', read: readAssertion, samples: [assertion] },
];

function attestedCertificates(): readonly Uint8Array[] {
  const read = appAttest.read(attestation.fields);
  return read === null ? [] : read.certificates.map(({ der }) => der);
}
