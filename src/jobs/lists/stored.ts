/** Lists as they are kept: what verdicts ask of them, gzip of JSON, small enough for one row. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { AndroidStatusList, MetadataEntry, MetadataList } from '../../attestation/trust/store.ts';
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { fromUtf8, utf8 } from '../../bytes/utf8.ts';

export type ListName = 'mds' | 'android-status';
export const LIST_NAMES: readonly ListName[] = ['mds', 'android-status'];

/** Bytes of a body; a row of D1 holds 2,000,000. */
export const MAX_STORED = 1_900_000;

export interface Packed {
  readonly body: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the content, base64url; the time of a fetch is no part of it. */
  readonly digest: string;
}

interface WrittenMetadata {
  readonly no: number;
  readonly nextUpdate: number;
  readonly entries: readonly WrittenEntry[];
}

type WrittenEntry = Omit<MetadataEntry, 'roots' | 'statusReports'> & {
  readonly roots: readonly { readonly certificate: string; readonly shared: boolean }[];
  readonly statusReports: readonly (Omit<MetadataEntry['statusReports'][number], 'certificate'> & {
    readonly certificate: string | null;
  })[];
};

export async function packMetadata({ no, nextUpdate, entries }: MetadataList): Promise<Packed> {
  const written: WrittenMetadata = {
    no,
    nextUpdate,
    entries: [...entries.values()].map((entry) => ({
      ...entry,
      roots: entry.roots.map(({ certificate, shared }) => ({ certificate: base64url(certificate), shared })),
      statusReports: entry.statusReports.map((report) => ({
        ...report,
        certificate: report.certificate && base64url(report.certificate),
      })),
    })),
  };
  return pack(written);
}

export async function unpackMetadata(body: Uint8Array, fetchedAt: number): Promise<MetadataList> {
  const { no, nextUpdate, entries } = (await unpack(body)) as WrittenMetadata;
  const read = entries.map((entry): MetadataEntry => ({
    ...entry,
    roots: entry.roots.map(({ certificate, shared }) => ({ certificate: bytes(certificate), shared })),
    statusReports: entry.statusReports.map((report) => ({
      ...report,
      certificate: report.certificate === null ? null : bytes(report.certificate),
    })),
  }));
  return { no, nextUpdate, fetchedAt, entries: new Map(read.map((entry) => [entry.aaguid, entry])) };
}

export async function packStatus({ entries }: AndroidStatusList): Promise<Packed> {
  return pack([...entries].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

export async function unpackStatus(body: Uint8Array, fetchedAt: number): Promise<AndroidStatusList> {
  const written = (await unpack(body)) as readonly [string, { status: 'REVOKED' | 'SUSPENDED'; reason: string }][];
  return { fetchedAt, entries: new Map(written) };
}

async function pack(content: unknown): Promise<Packed> {
  const text = utf8(JSON.stringify(content));
  return { body: await through(new CompressionStream('gzip'), text), digest: base64url(sha256(text)) };
}

async function unpack(body: Uint8Array): Promise<unknown> {
  const text = fromUtf8(await through(new DecompressionStream('gzip'), Uint8Array.from(body)));
  return JSON.parse(text ?? '') as unknown;
}

async function through(
  transform: CompressionStream | DecompressionStream,
  input: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const output = new Response(new Blob([input]).stream().pipeThrough(transform));
  return new Uint8Array(await output.arrayBuffer());
}

/** What was written here; anything else is a broken row. */
function bytes(text: string): Uint8Array {
  const read = fromBase64url(text);
  if (read === null) throw new Error('a stored list holds what is not base64url');
  return read;
}
