import { sha256 } from '@noble/hashes/sha2.js';
import * as v from 'valibot';
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { parseCanonicalJson } from '../../bytes/jcs.ts';
import { fromUtf8, utf8 } from '../../bytes/utf8.ts';
import {
  Manifest,
  ManifestHeader,
  type ManifestReason,
  RECOVERY_KID,
  SignedManifest,
} from '../../protocol/manifest.ts';
import { isP256Spki, p256Spki } from '../signature.ts';

/** A manifest whose form is right and whose signatures nobody has checked. */
export interface ParsedManifest {
  readonly manifest: Manifest;
  /** SHA-256 of the payload bytes, base64url. */
  readonly hash: string;
  readonly signatures: readonly ParsedSignature[];
}

export interface ParsedSignature {
  /** Device id, or 'recovery'. */
  readonly kid: string;
  /** The recovery key's SubjectPublicKeyInfo; null for a device, whose key the manifests hold. */
  readonly recoveryKey: Uint8Array<ArrayBuffer> | null;
  /** JWS signing input (RFC 7515 §5.1 step 5). */
  readonly data: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

type Refusal = { ok: false; reason: ManifestReason };
const refuse = (reason: ManifestReason): Refusal => ({ ok: false, reason });

/** Members that this version of the rules understands; `must` may name no other. */
const KNOWN = new Set<string>(Object.keys(Manifest.entries));

/** Reads a JWS General object. Bounds come first, then encodings, then form; nothing is verified. */
export function parseManifest(raw: unknown): { ok: true; parsed: ParsedManifest } | Refusal {
  const jws = v.safeParse(SignedManifest, raw);
  if (!jws.success) return refuse('malformed');
  const payload = fromBase64url(jws.output.payload);
  const document = payload && canonical(payload);
  if (!payload || document === undefined) return refuse('not-canonical');
  const manifest = v.safeParse(Manifest, document);
  if (!manifest.success || !wellOrdered(manifest.output)) return refuse('malformed');
  if (manifest.output.must?.some((name) => !KNOWN.has(name))) return refuse('must-understand');
  const signatures = jws.output.signatures.map((entry) => parseSignature(entry, jws.output.payload));
  if (!signatures.every((entry) => entry !== null)) return refuse('malformed');
  return { ok: true, parsed: { manifest: manifest.output, hash: base64url(sha256(payload)), signatures } };
}

function canonical(bytes: Uint8Array): unknown {
  const text = fromUtf8(bytes);
  return text === null ? undefined : parseCanonicalJson(text);
}

/** One order for one set: ascending ids, commitments and places, keys of the one encoding and different, places that exist. */
function wellOrdered({ devices, handles, recovery }: Manifest): boolean {
  const keys = devices.map((device) => device.key);
  return (
    ascending(devices.map((device) => device.id)) &&
    ascending(handles) &&
    ascending(recovery.handles) &&
    recovery.handles.every((place) => place < handles.length) &&
    new Set(keys).size === keys.length &&
    keys.every((key) => isP256Spki(fromBase64url(key) ?? new Uint8Array()))
  );
}

function ascending(values: readonly (string | number)[]): boolean {
  return values.every((value, i) => i === 0 || values[i - 1]! < value);
}

function parseSignature(
  { protected: header, signature }: SignedManifest['signatures'][number],
  payload: string,
): ParsedSignature | null {
  const headerBytes = fromBase64url(header);
  const parsed = v.safeParse(ManifestHeader, headerBytes && canonical(headerBytes));
  const bytes = fromBase64url(signature);
  if (!parsed.success || !bytes) return null;
  const { kid, jwk } = parsed.output;
  if ((kid === RECOVERY_KID) !== (jwk !== undefined)) return null;
  const x = jwk && fromBase64url(jwk.x);
  const y = jwk && fromBase64url(jwk.y);
  if (jwk && !(x && y)) return null;
  return { kid, recoveryKey: x && y ? p256Spki(x, y) : null, data: utf8(`${header}.${payload}`), signature: bytes };
}
