/** No attestation (WebAuthn L3 §8.7): recognized, so that a refusal can say what is missing. */
import { cborMap } from '../../bytes/cbor.ts';
import type { StatementFormat } from '../webauthn/statement.ts';

export const none: StatementFormat<'nothing'> = {
  id: 'none',
  read: (statement) => (cborMap(statement)?.size === 0 ? 'nothing' : null),
  verify: () => Promise.resolve({ attestedKeyHardware: 'none', freshness: 'cached' }),
};
