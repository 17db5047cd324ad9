/**
 * For browsers that cannot attest: an attested device of the same account signs the newcomer's transcript. How long such a
 * device may stay, how many there may be and that it vouches for nobody are rules of the account, not of the evidence.
 */
import * as v from 'valibot';
import { concat } from '../../bytes/join.ts';
import { utf8 } from '../../bytes/utf8.ts';
import type { Checklist } from '../checklist.ts';
import { bytesOfAtMost } from '../fields.ts';
import type { Format } from '../format.ts';
import { readSpki } from '../path/public-key.ts';
import { verifySignature } from '../path/signature.ts';

export interface LinkedEvidence {
  /** Id of the device that vouches, as the newcomer names it: the server asks the account whether it may. */
  readonly voucher: string;
  /** ECDSA P-256 with SHA-256 by the voucher's identity key, r || s, over linkedInput(transcript). */
  readonly signature: Uint8Array;
}

/** What the vouching device signs: "callsign/link/1" || transcript. */
export function linkedInput(transcript: Uint8Array): Uint8Array<ArrayBuffer> {
  return concat(utf8('callsign/link/1'), transcript);
}

const SPEC = 'docs/protocol/enrollment.md §4';
const schema = v.object({ voucher: v.pipe(v.string(), v.maxLength(64)), signature: bytesOfAtMost(64) });

export const linked: Format<LinkedEvidence> = {
  id: 'linked',

  read(fields) {
    const result = v.safeParse(schema, fields);
    return result.success ? result.output : null;
  },

  async verify({ voucher: named, signature }, expected, _trust, _policy, steps: Checklist) {
    // Step 1: the account has an attested device of that name that may vouch; only the server knows.
    const voucher = steps.present(
      expected.voucher?.deviceId === named ? expected.voucher : null,
      'linked.voucher',
      SPEC,
      'no-attestation',
      'an attested device of the account vouches',
    );

    // Step 2: its identity key signed this transcript.
    const key = steps.present(readSpki(voucher.identityKey), 'linked.voucher-key', SPEC, 'malformed', 'its key reads');
    const algorithm = { kind: 'ecdsa', hash: 'SHA-256' } as const;
    const result = await verifySignature(algorithm, key, linkedInput(expected.transcript), signature, { raw: true });
    const reason = result.ok ? 'signature-invalid' : result.reason;
    steps.demand(result.ok, 'linked.signature', SPEC, reason, 'the voucher signed the transcript of this enrollment');

    steps.fact('voucher', voucher.deviceId);
    return {
      assurance: {
        attestedKeyHardware: voucher.attestedKeyHardware,
        identityKeyHardware: 'unproven',
        freshness: 'challenge',
      },
      attestedKey: voucher.identityKey,
      identityBinding: 'vouched',
    };
  },
};
