/** Formats that are recognized and never accepted: each is read, and refused by its own name. */
import { type Cbor, cborBytes, cborMap } from '../../bytes/cbor.ts';
import type { Checklist } from '../checklist.ts';
import { hasExactly } from '../webauthn/fields.ts';
import type { StatementFormat } from '../webauthn/statement.ts';

/** WebAuthn L3 §8.5: the service behind it was switched off, and it never spoke about the key. */
export const androidSafetynet: StatementFormat<Cbor> = {
  id: 'android-safetynet',
  read(statement) {
    const fields = cborMap(statement);
    const sound =
      fields !== null && typeof fields.get('ver') === 'string' && cborBytes(fields.get('response')) !== null;
    return sound && hasExactly(fields, 'ver', 'response') ? statement : null;
  },
  verify: (_statement, _registration, _judging, steps) =>
    refuse(steps, 'android-safetynet.retired', 'WebAuthn L3 §8.5', 'SafetyNet says nothing about where a key lives'),
};

/** WebAuthn L3 §8.9: at least two statements, none of them compound. */
export const compound: StatementFormat<Cbor> = {
  id: 'compound',
  read(statement) {
    if (!Array.isArray(statement) || statement.length < 2) return null;
    return (statement as readonly Cbor[]).every(isSubStatement) ? statement : null;
  },
  verify: (_statement, _registration, _judging, steps) =>
    refuse(steps, 'compound.refused', 'WebAuthn L3 §8.9', 'one statement is judged, not several'),
};

function isSubStatement(value: Cbor): boolean {
  const fields = cborMap(value);
  const format = fields?.get('fmt');
  return fields !== null && typeof format === 'string' && format !== 'compound' && hasExactly(fields, 'fmt', 'attStmt');
}

async function refuse(steps: Checklist, id: string, spec: string, detail: string): Promise<never> {
  steps.demand(false, id, spec, 'format-refused', detail);
}
