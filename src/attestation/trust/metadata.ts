/** The FIDO Metadata Service BLOB (FIDO MDS 3.1 §3.1, §3.2): verified, then read into what verdicts ask of it. */
import * as v from 'valibot';
import { fromBase64 } from '../../bytes/base64.ts';
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { fromUtf8, utf8 } from '../../bytes/utf8.ts';
import { type Certificate, readCertificates } from '../path/certificate.ts';
import { attributeValues } from '../path/name.ts';
import { strict } from '../path/profiles/strict.ts';
import type { SignatureAlgorithm } from '../path/public-key.ts';
import { verifySignature } from '../path/signature.ts';
import { validatePath } from '../path/validate.ts';
import type { Reason } from '../verdict.ts';
import type { Anchor, MetadataEntry, MetadataList, MetadataRoot, TrustStore } from './store.ts';

export type MetadataResult =
  | { readonly ok: true; readonly list: MetadataList; readonly anchor: string }
  | { readonly ok: false; readonly reason: Reason | 'rollback'; readonly detail: string };

export interface MetadataQuery {
  /** The BLOB: a JWS in compact serialization. */
  readonly blob: string;
  readonly trust: TrustStore;
  /** When the BLOB is judged and when it was fetched, milliseconds since 1970. */
  readonly now: number;
  readonly fetchedAt: number;
  /** `no` of the list that is in use; an older one is refused. */
  readonly previousNo: number | null;
}

const LONGEST = 16 * 1024 * 1024;
const SIGNER = 'mds.fidoalliance.org';

const ALGORITHMS: ReadonlyMap<string, SignatureAlgorithm> = new Map<string, SignatureAlgorithm>([
  ['RS256', { kind: 'rsa-pkcs1', hash: 'SHA-256' }],
  ['ES256', { kind: 'ecdsa', hash: 'SHA-256' }],
]);

function refuse(reason: Reason | 'rollback', detail: string): MetadataResult {
  return { ok: false, reason, detail };
}

/** MDS 3.1 §3.2, in its order: the path first, then the signature, then `no`, then the entries. */
export async function readMetadata(query: MetadataQuery): Promise<MetadataResult> {
  const parts = query.blob.length > LONGEST ? [] : query.blob.split('.');
  const [head = '', body = '', mac = ''] = parts;
  const header = parts.length === 3 ? readHeader(head) : null;
  const signature = fromBase64url(mac);
  if (header === null || signature === null) return refuse('malformed', 'not a signed BLOB with x5c');

  const path = await validatePath({
    chain: header.chain,
    anchors: metadataAnchors(query.trust),
    now: query.now,
    profile: strict,
  });
  if (path.anchor?.class === 'test') return refuse('test-root', `signed under ${path.anchor.id}`);
  if (!path.ok) return refuse(path.reason, `${path.rule}: ${path.detail}`);
  const leaf = header.chain[0]!;
  if (!isSigner(leaf)) return refuse('chain-invalid', `the signer is not ${SIGNER}`);

  const signed = await verifySignature(header.algorithm, leaf.key, utf8(`${head}.${body}`), signature, { raw: true });
  if (!signed.ok) return refuse(signed.reason, 'signature of the BLOB');

  const payload = readPayload(body);
  if (payload === null) return refuse('malformed', 'the payload is not a metadata BLOB');
  if (query.previousNo !== null && payload.no < query.previousNo) {
    return refuse('rollback', `no ${payload.no} is older than ${query.previousNo}`);
  }
  const list = readList(payload, query.fetchedAt);
  return list === null
    ? refuse('malformed', 'an entry carries what is no certificate or date')
    : { ok: true, list, anchor: path.anchor.id };
}

/** Anchors of the class `metadata` that speak for no evidence sign the lists; test roots are known so that they can be named. */
export function metadataAnchors(trust: TrustStore): readonly Anchor[] {
  return trust.anchors.filter(
    (anchor) => anchor.formats.length === 0 && (anchor.class === 'metadata' || anchor.class === 'test'),
  );
}

function isSigner(leaf: Certificate): boolean {
  const names = leaf.subjectAltName?.flatMap((name) => (name.kind === 'dns' ? [name.text] : [])) ?? [];
  return names.includes(SIGNER) || attributeValues(leaf.subject, '2.5.4.3').includes(SIGNER);
}

const headerSchema = v.object({
  alg: v.string(),
  x5c: v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(10)),
  crit: v.optional(v.undefined()),
});

function readHeader(
  text: string,
): { readonly algorithm: SignatureAlgorithm; readonly chain: readonly Certificate[] } | null {
  const header = v.safeParse(headerSchema, readJson(text));
  if (!header.success) return null;
  const algorithm = ALGORITHMS.get(header.output.alg);
  const der = header.output.x5c.map(fromBase64);
  const chain = der.every((bytes) => bytes !== null) ? readCertificates(der) : null;
  return algorithm === undefined || chain === null ? null : { algorithm, chain };
}

function readJson(text: string): unknown {
  const bytes = fromBase64url(text);
  const json = bytes === null ? null : fromUtf8(bytes);
  try {
    return json === null ? null : JSON.parse(json);
  } catch {
    return null;
  }
}

const date = v.pipe(v.string(), v.regex(/^\d{4}-\d{2}-\d{2}$/));
const names = v.optional(v.array(v.string()), []);
const entrySchema = v.object({
  aaguid: v.optional(v.pipe(v.string(), v.toLowerCase())),
  statusReports: v.array(
    v.object({
      status: v.string(),
      effectiveDate: v.optional(date),
      sunsetDate: v.optional(date),
      certificate: v.optional(v.string()),
      batchCertificate: v.optional(v.string()),
    }),
  ),
  metadataStatement: v.optional(
    v.object({
      description: v.optional(v.string(), ''),
      attestationRootCertificates: names,
      keyProtection: names,
      attestationTypes: names,
    }),
  ),
});
const payloadSchema = v.object({
  no: v.pipe(v.number(), v.integer(), v.minValue(0)),
  nextUpdate: date,
  entries: v.array(entrySchema),
});
type Entry = v.InferOutput<typeof entrySchema>;

function readPayload(text: string): v.InferOutput<typeof payloadSchema> | null {
  const payload = v.safeParse(payloadSchema, readJson(text));
  return payload.success ? payload.output : null;
}

/** Entries without AAGUID (U2F, UAF) are passed over: no evidence that is accepted can name them. */
function readList(payload: v.InferOutput<typeof payloadSchema>, fetchedAt: number): MetadataList | null {
  const entries = new Map<string, MetadataEntry>();
  const counts = countRoots(payload.entries);
  for (const entry of payload.entries) {
    if (entry.aaguid === undefined) continue;
    const read = readEntry(entry, entry.aaguid, counts);
    if (read === null || entries.has(entry.aaguid)) return null;
    entries.set(entry.aaguid, read);
  }
  const nextUpdate = Date.parse(payload.nextUpdate);
  return Number.isNaN(nextUpdate) ? null : { no: payload.no, fetchedAt, nextUpdate, entries };
}

function countRoots(entries: readonly Entry[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const entry of entries) {
    for (const text of new Set(entry.metadataStatement?.attestationRootCertificates)) {
      const key = rootKey(fromBase64(text));
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return counts;
}

function rootKey(der: Uint8Array | null): string {
  return der === null ? '' : base64url(der);
}

function readEntry(entry: Entry, aaguid: string, counts: ReadonlyMap<string, number>): MetadataEntry | null {
  const statement = entry.metadataStatement;
  const roots: MetadataRoot[] = [];
  for (const text of statement?.attestationRootCertificates ?? []) {
    const certificate = fromBase64(text);
    if (certificate === null) return null;
    roots.push({ certificate, shared: (counts.get(rootKey(certificate)) ?? 0) > 1 });
  }
  const statusReports = entry.statusReports.map((report) => {
    const scope = report.certificate ?? report.batchCertificate;
    return {
      status: report.status,
      effectiveAt: report.effectiveDate === undefined ? null : Date.parse(report.effectiveDate),
      sunsetAt: report.sunsetDate === undefined ? null : Date.parse(report.sunsetDate),
      certificate: scope === undefined ? null : fromBase64(scope),
    };
  });
  return {
    aaguid,
    description: statement?.description ?? '',
    roots,
    statusReports,
    keyProtection: statement?.keyProtection ?? [],
    attestationTypes: statement?.attestationTypes ?? [],
  };
}
