/** App Attest receipts (Apple, "Assessing fraud risk"): signed by Apple, under another root than attestations. */
import { type Der, octetString, readDer, sequence, set, smallInteger } from '../../bytes/der.ts';
import { equal } from '../../bytes/join.ts';
import { fromUtf8 } from '../../bytes/utf8.ts';
import { type Certificate, readCertificate } from '../path/certificate.ts';
import type { PathReason } from '../path/profile.ts';
import { apple } from '../path/profiles/apple.ts';
import { readSpki } from '../path/public-key.ts';
import { validatePath } from '../path/validate.ts';
import type { TrustStore } from '../trust/store.ts';
import { isSigned, readSignedData, type SignedData, signerCertificate } from './signed-data.ts';

export interface Receipt {
  /** `<team id>.<bundle id>`, field 2. */
  readonly appId: string;
  /** SubjectPublicKeyInfo (DER) of the App Attest key, field 3. */
  readonly attestedKey: Uint8Array;
  /** Field 4. */
  readonly clientHash: Uint8Array;
  /** `ATTEST` inside an attestation, `RECEIPT` when Apple's server gave it; field 6. */
  readonly type: string;
  /** `sandbox` or `production`; field 7, absent from the earliest. */
  readonly environment: string | null;
  /** Milliseconds since 1970; fields 12, 19, 21. */
  readonly creationTime: number;
  readonly notBefore: number | null;
  readonly expirationTime: number;
  /** About how many attestations this device made for this app in 30 days; field 17, only in `RECEIPT`. */
  readonly riskMetric: number | null;
}

export interface ReceiptQuestion {
  readonly trust: TrustStore;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Oldest creation time that still counts, in milliseconds before `now`. */
  readonly maxAgeMs: number;
}

export type ReceiptResult =
  | { readonly ok: true; readonly receipt: Receipt }
  | { readonly ok: false; readonly reason: PathReason | 'signature-invalid' | 'attributes'; readonly detail: string };

/** A device's clock is not Apple's: how far in the future a receipt may be dated. */
const SKEW_MS = 60_000;

/** Marker extensions: many leaves stand under Apple Root CA - G3, developers' among them; only this kind signs receipts. */
const RECEIPT_SIGNING = '1.2.840.113635.100.12.15';
const INTEGRATION_CA = '1.2.840.113635.100.6.2.3';

export async function verifyReceipt(bytes: Uint8Array, question: ReceiptQuestion): Promise<ReceiptResult> {
  const signed = readSignedData(bytes);
  const receipt = signed === null ? null : readReceipt(signed.content);
  if (signed === null || receipt === null) return refused('malformed', 'no receipt in CMS SignedData');
  const signer = signerCertificate(signed);
  if (signer === null) return refused('chain-invalid', "the signer's certificate is not included");
  const chain = await checkSigner(signed, signer, question);
  if (chain !== null) return chain;
  if (!(await isSigned(signed, signer))) return refused('signature-invalid', 'signature over the receipt');
  return checkTimes(receipt, question) ?? { ok: true, receipt };
}

function refused(reason: (ReceiptResult & { ok: false })['reason'], detail: string): ReceiptResult {
  return { ok: false, reason, detail };
}

/** The signer's chain to Apple Root CA - G3, by names among the certificates that came along. */
async function checkSigner(
  { certificates }: SignedData,
  signer: Certificate,
  { trust, now }: ReceiptQuestion,
): Promise<ReceiptResult | null> {
  const anchors = trust.anchors.filter(
    (anchor) => anchor.class === 'metadata' && anchor.formats.includes('app-attest'),
  );
  const path = await validatePath({ chain: [signer], intermediates: certificates, anchors, now, profile: apple });
  if (!path.ok) return refused(path.reason, `${path.rule}: ${path.detail}`);
  const marked = signer.extensions.has(RECEIPT_SIGNING) && path.path[1]?.extensions.has(INTEGRATION_CA) === true;
  return marked ? null : refused('chain-invalid', 'the signer is not one of receipts');
}

function checkTimes(
  { creationTime, expirationTime }: Receipt,
  { now, maxAgeMs }: ReceiptQuestion,
): ReceiptResult | null {
  const fresh = creationTime <= now + SKEW_MS && now - creationTime <= maxAgeMs;
  const detail = `created ${new Date(creationTime).toISOString()}, judged at ${new Date(now).toISOString()}`;
  if (!fresh) return refused('attributes', detail);
  return now <= expirationTime ? null : refused('attributes', 'the receipt is expired');
}

/** The payload: a SET of (type, version, value), each type once; fields that we do not know are passed over. */
export function readReceipt(content: Uint8Array): Receipt | null {
  const fields = new Map<number, Uint8Array>();
  for (const member of set(readDer(content)) ?? []) {
    const field = readField(member);
    if (field === null || fields.has(field.type)) return null;
    fields.set(field.type, field.value);
  }
  const text = (type: number) => fromUtf8(fields.get(type) ?? new Uint8Array()) || null;
  const appId = text(2);
  const attestedKey = keyOf(fields.get(3));
  const clientHash = fields.get(4) ?? null;
  const type = text(6);
  const creationTime = instant(text(12));
  const expirationTime = instant(text(21));
  const notBefore = instant(text(19));
  const metric = text(17);
  if (appId === null || attestedKey === null || clientHash === null || type === null) return null;
  if (creationTime === null || expirationTime === null || (fields.has(19) && notBefore === null)) return null;
  if (metric !== null && !/^\d{1,9}$/.test(metric)) return null;
  const riskMetric = metric === null ? null : Number(metric);
  const environment = text(7);
  return { appId, attestedKey, clientHash, type, environment, creationTime, notBefore, expirationTime, riskMetric };
}

function readField(value: Der): { readonly type: number; readonly value: Uint8Array } | null {
  const [type, version, content, ...rest] = sequence(value) ?? [];
  const number = smallInteger(type);
  const bytes = octetString(content);
  if (number === null || smallInteger(version) === null || bytes === null || rest.length > 0) return null;
  return { type: number, value: bytes };
}

/** Field 3: the App Attest key's certificate, or its SubjectPublicKeyInfo. */
function keyOf(value: Uint8Array | undefined): Uint8Array | null {
  if (value === undefined) return null;
  const certificate = readCertificate(value);
  if (certificate !== null) return certificate.spki;
  return readSpki(value) === null ? null : value;
}

/** RFC 3339 in UTC, seconds with up to nine decimals. */
function instant(text: string | null): number | null {
  if (text === null || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(text)) return null;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : time;
}

/** Whether a receipt is about this key, this app and this environment. */
export function isAbout(receipt: Receipt, key: Uint8Array, appId: string): boolean {
  return equal(receipt.attestedKey, key) && receipt.appId === appId;
}
