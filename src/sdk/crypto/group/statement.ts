/** What members of a group call sign about who is in it. The server orders and carries these; it makes none. */
import { concat, u32 } from '../../../bytes/join.ts';
import { utf8 } from '../../../bytes/utf8.ts';
import { SUITE, VERSION } from '../labels.ts';
import type { Bytes, CryptoProvider, SigningKey } from '../provider.ts';

/** A current member lets an account in. */
export interface Admit {
  kind: 'admit';
  participant: Bytes;
  account: Bytes;
  /** Of the roster that the signer sees. */
  rosterDigest: Bytes;
  /** 16 random bytes, so that no two admissions are one. */
  nonce: Bytes;
}

/** A device enters. Its participant id (16 bytes) and its prekey are made for this entry and never used again. */
export interface Join {
  kind: 'join';
  participant: Bytes;
  account: Bytes;
  device: Bytes;
  manifest: { version: number; hash: Bytes };
  /** Call prekey number 0, a point. */
  prekey: Bytes;
  /** Hash of the admission; 32 zero bytes for the creator. */
  admission: Bytes;
}

/** The creator, or whoever admitted it, puts a participant out, for good. */
export interface Remove {
  kind: 'remove';
  participant: Bytes;
  removed: Bytes;
}

export interface Leave {
  kind: 'leave';
  participant: Bytes;
}

export type Statement = Admit | Join | Remove | Leave;
export type SignedStatement = { statement: Statement; signature: Bytes };

const DOMAIN = {
  admit: utf8('callsign/ftgk/1 admit\0'),
  join: utf8('callsign/ftgk/1 join\0'),
  remove: utf8('callsign/ftgk/1 remove\0'),
  leave: utf8('callsign/ftgk/1 leave\0'),
} as const;

function fields(statement: Statement): Uint8Array[] {
  switch (statement.kind) {
    case 'admit':
      return [statement.account, statement.rosterDigest, statement.nonce];
    case 'join': {
      const { account, device, manifest, prekey, admission } = statement;
      return [account, device, u32(manifest.version), manifest.hash, prekey, admission];
    }
    case 'remove':
      return [statement.removed];
    case 'leave':
      return [];
  }
}

/** Domain, version, suite, call id, participant id of the signer, then the fields; every length is fixed. */
export function statementBytes(callId: Bytes, statement: Statement): Bytes {
  const head = concat(DOMAIN[statement.kind], Uint8Array.of(VERSION, SUITE), callId, statement.participant);
  return concat(head, ...fields(statement));
}

export const statementHash = (crypto: CryptoProvider, callId: Bytes, statement: Statement): Promise<Bytes> =>
  crypto.sha256(statementBytes(callId, statement));

export async function signStatement(
  identity: SigningKey,
  callId: Bytes,
  statement: Statement,
): Promise<SignedStatement> {
  return { statement, signature: await identity.sign(statementBytes(callId, statement)) };
}
