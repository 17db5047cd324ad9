import { concat } from '../../bytes/join.ts';
import { base64url } from '../../bytes/base64url.ts';
import { utf8 } from '../../bytes/utf8.ts';
import type { Bytes, CryptoProvider, SigningKey } from '../crypto/provider.ts';
import type { Attester } from '../enroll.ts';

/** A device of the account with evidence of its own. `sign` is its identity key's ES256 over these bytes, r || s, after its user agreed. */
export interface Voucher {
  readonly device: string;
  sign(input: Bytes): Promise<Bytes>;
}

/** For browsers that cannot attest: another device of the account vouches, for as long as that one stays in force. */
export function linkedAttester(crypto: CryptoProvider, voucher: Voucher): Attester {
  let key: Promise<SigningKey> | null = null;
  return {
    format: 'linked',
    identityKey: () => (key ??= crypto.generateSigningKey()),
    async attest(transcript) {
      const signature = await voucher.sign(concat(utf8('callsign/link/1'), transcript));
      return { voucher: voucher.device, signature: base64url(signature) };
    },
  };
}
