/** What enrollment evidence and renewals sign over, before it is hashed: the same bytes on the server and in every client. */
import { concat, lp } from './join.ts';
import { utf8 } from './utf8.ts';

export interface EnrollmentFields {
  /** Configured URL of the deployment. */
  readonly origin: string;
  /** What kind of evidence: `webauthn`, `android-keystore`, `app-attest`, `tpm2`, `linked`. */
  readonly format: string;
  /** SHA-256 of the server's enrollment token, 32 bytes. */
  readonly nonce: Uint8Array;
  readonly purpose: string;
  /** 16 bytes, assigned by the server in the token. */
  readonly deviceId: Uint8Array;
  /** SubjectPublicKeyInfo (DER); empty for Android Keystore, whose challenge is fixed before its key exists. */
  readonly identityKey: Uint8Array;
  /** Empty while the account is not known. */
  readonly accountId: Uint8Array;
}

/** "callsign/enrol/1" || lp(origin) || lp(format) || nonce || lp(purpose) || lp(device id) || lp(SPKI) || lp(account id). */
export function enrollmentInput(fields: EnrollmentFields): Uint8Array<ArrayBuffer> {
  if (fields.nonce.length !== 32) throw new RangeError('enrollment nonce: 32 bytes');
  return concat(
    utf8('callsign/enrol/1'),
    lp(utf8(fields.origin)),
    lp(utf8(fields.format)),
    fields.nonce,
    lp(utf8(fields.purpose)),
    lp(fields.deviceId),
    lp(fields.identityKey),
    lp(fields.accountId),
  );
}

/**
 * What the hardware itself signs of these fields: all of them, but for Android Keystore, whose challenge is fixed before its key
 * exists. There the key is compared with the leaf's, and the request, signed by that key, names the account.
 */
export function attestedFields(fields: EnrollmentFields): EnrollmentFields {
  if (fields.format !== 'android-keystore') return fields;
  return { ...fields, identityKey: new Uint8Array(), accountId: new Uint8Array() };
}

export interface RenewalFields {
  /** Configured URL of the deployment. */
  readonly origin: string;
  /** SHA-256 of the server's renewal token, 32 bytes. */
  readonly nonce: Uint8Array;
  /** 16 bytes. */
  readonly deviceId: Uint8Array;
  /** SubjectPublicKeyInfo (DER): the same as before. */
  readonly identityKey: Uint8Array;
  readonly accountId: Uint8Array;
  /** Of the certificate that is renewed, as its INTEGER's bytes without leading zeros. */
  readonly serial: Uint8Array;
}

/** "callsign/renew/1" || lp(origin) || nonce || lp(device id) || lp(SPKI) || lp(account id) || lp(serial). */
export function renewalInput(fields: RenewalFields): Uint8Array<ArrayBuffer> {
  if (fields.nonce.length !== 32) throw new RangeError('renewal nonce: 32 bytes');
  return concat(
    utf8('callsign/renew/1'),
    lp(utf8(fields.origin)),
    fields.nonce,
    lp(fields.deviceId),
    lp(fields.identityKey),
    lp(fields.accountId),
    lp(fields.serial),
  );
}
