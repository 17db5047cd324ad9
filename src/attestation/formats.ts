/** Every format there is, by the name that evidence gives it. A format that is not here is unknown. */
import { type AnyFormat, anyFormat } from './format.ts';
import { androidKey } from './formats/android-key.ts';
import { androidKeystore } from './formats/android-keystore.ts';
import { appAttest } from './formats/app-attest.ts';
import { apple } from './formats/apple.ts';
import { development } from './formats/development.ts';
import { fidoU2f } from './formats/fido-u2f.ts';
import { linked } from './formats/linked.ts';
import { none } from './formats/none.ts';
import { packed } from './formats/packed.ts';
import { androidSafetynet, compound } from './formats/retired.ts';
import { tpm } from './formats/tpm.ts';
import { tpm2 } from './formats/tpm2.ts';
import { type AnyStatementFormat, anyStatement } from './webauthn/statement.ts';

/** Inside a WebAuthn attestation object, by `fmt`. */
export const statementFormats: ReadonlyMap<string, AnyStatementFormat> = byId([
  anyStatement(packed),
  anyStatement(androidKey),
  anyStatement(tpm),
  anyStatement(apple),
  anyStatement(fidoU2f),
  anyStatement(none),
  anyStatement(androidSafetynet),
  anyStatement(compound),
  anyStatement(development),
]);

/** Evidence by themselves, by the evidence's `format`. */
export const nativeFormats: ReadonlyMap<string, AnyFormat> = byId([
  anyFormat(androidKeystore),
  anyFormat(appAttest),
  anyFormat(tpm2),
  anyFormat(linked),
]);

function byId<F extends { readonly id: string }>(formats: readonly F[]): ReadonlyMap<string, F> {
  return new Map(formats.map((format) => [format.id, format]));
}
