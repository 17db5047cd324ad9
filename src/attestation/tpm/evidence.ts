import * as v from 'valibot';
import { fromBase64url } from '../../bytes/base64url.ts';
import { fromHex } from '../../bytes/hex.ts';

/** base64url without padding of at most `most` bytes. */
function bytes(most: number) {
  return v.pipe(
    v.string(),
    v.maxLength(Math.ceil((most * 4) / 3)),
    v.transform(fromBase64url),
    v.custom<Uint8Array<ArrayBuffer>>((value) => value !== null),
  );
}

const digest = v.pipe(
  v.string(),
  v.maxLength(128),
  v.transform(fromHex),
  v.custom<Uint8Array<ArrayBuffer>>((value) => value !== null),
);

const KEY = 1024;
const STATEMENT = 2048;
const CERTIFICATE = 4096;
const MOST_CERTIFICATES = 8;
const TOKEN = 2048;

const attested = v.strictObject({ statement: bytes(STATEMENT), signature: bytes(STATEMENT) });
const bank = v.picklist(['sha1', 'sha256', 'sha384', 'sha512']);
const index = v.pipe(v.string(), v.regex(/^(?:[0-9]|1[0-9]|2[0-3])$/));

const schema = v.object({
  endorsementCertificates: v.pipe(v.array(bytes(CERTIFICATE)), v.minLength(1), v.maxLength(MOST_CERTIFICATES)),
  endorsementKey: bytes(KEY),
  attestationKey: bytes(KEY),
  identityKey: bytes(KEY),
  /** What the TPM released, and the server's own token that came with the challenge: whoever calls the verifier reads that. */
  secret: bytes(64),
  activation: v.optional(v.pipe(v.string(), v.maxLength(TOKEN))),
  certify: attested,
  quote: v.optional(v.strictObject({ ...attested.entries, pcrs: v.record(bank, v.record(index, digest)) })),
});

/**
 * Evidence of the format `tpm2` as JSON carries it: structures and certificates in base64url, PCR values in lowercase
 * hexadecimal by bank and index. docs/tpm.md shows one.
 */
export type Tpm2Json = v.InferInput<typeof schema>;

/** The same with bytes decoded; the TPM structures inside are not read yet. */
export type Tpm2Evidence = v.InferOutput<typeof schema>;

/** Null when a field is missing, of another type, too long or not canonically encoded. */
export function readTpm2(fields: { readonly [name: string]: unknown }): Tpm2Evidence | null {
  const result = v.safeParse(schema, fields);
  return result.success ? result.output : null;
}
