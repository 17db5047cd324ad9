import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { derExplicit, derOctets, derOid, derSequence, derTrue, derUnsigned } from '../../bytes/der-write.ts';
import { u32 } from '../../bytes/join.ts';
import { tpm2b } from '../../attestation/tpm/sized.ts';
import { HANDLE } from './command.ts';
import type { StoredIdentity } from './identity.ts';

/** id-loadablekey of "ASN.1 Specification for TPM 2.0 Key Files" (draft-bottomley-tpm2-keys §3.1). */
const LOADABLE_KEY = derOid('2.23.133.10.1.3');

/**
 * A key of TpmIdentity.wrapped as a PEM file (TSS2 PRIVATE KEY), which OpenSSL reads with the provider tpm2-openssl and GnuTLS by
 * itself. It names no parent but the owner hierarchy: whoever loads it makes the P-256 storage root again, as we do.
 * The file is worth nothing outside its TPM.
 */
export function keyFile(key: StoredIdentity['identityKey']): string {
  const [area, wrapped] = [fromBase64url(key.public), fromBase64url(key.private)];
  if (!area || !wrapped) throw new TypeError('the stored key is not base64url');
  const der = derSequence(
    LOADABLE_KEY,
    derExplicit(0, derTrue()),
    derUnsigned(u32(HANDLE.owner)),
    derOctets(tpm2b(area)),
    derOctets(tpm2b(wrapped)),
  );
  const text = base64url(der).replaceAll('-', '+').replaceAll('_', '/');
  const padded = text.padEnd(Math.ceil(text.length / 4) * 4, '=');
  const lines = padded.match(/.{1,64}/g) ?? [];
  return ['-----BEGIN TSS2 PRIVATE KEY-----', ...lines, '-----END TSS2 PRIVATE KEY-----', ''].join('\n');
}
