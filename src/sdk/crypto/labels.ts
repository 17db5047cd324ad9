/** Domain strings. Each ends in NUL, so none is a prefix of another, and each names its version. */
import { utf8 } from '../../bytes/utf8.ts';

export const LABEL = {
  sealKey: utf8('callsign/seal/1 key\0'),
  sealExporter: utf8('callsign/seal/1 exporter\0'),
  sealSignature: utf8('callsign/seal/1\0'),
  answerKey: utf8('callsign/answer/1\0'),
  answerSignature: utf8('callsign/answer/1 signature\0'),
  session: utf8('callsign/session/1\0'),
  confirm: utf8('callsign/confirm/1\0'),
  sas: utf8('callsign/sas/1\0'),
  srtp: utf8('callsign/srtp/1\0'),
  sframe: utf8('callsign/sframe/1\0'),
  signal: utf8('callsign/signal/1\0'),
  relay: utf8('callsign/relay/1\0'),
} as const;

export const VERSION = 1;
/** P-256 ECDH and ES256, ML-KEM-768, HKDF-SHA256, AES-256-GCM. The only suite there is. */
export const SUITE = 1;
export const KIND = { invite: 1, answer: 2, signal: 3 } as const;
/** The sender's part in a call; one byte in headers and derivations. */
export const ROLE = { caller: 1, callee: 2 } as const;
export type Role = keyof typeof ROLE;

export const EMPTY = new Uint8Array();
