import type { Exported } from '../own-rows.ts';

/** What an owner is given of a device's tables. The others are named, with why, in http/export.ts. */
export const DEVICE_EXPORT: Exported = {
  device_self: ['account', 'key', 'registered_at', 'revoked_at'],
  device_box: ['box', 'next_seq', 'acked'],
  device_push: ['subscription', 'since'],
  device_row: ['seq', 'id', 'state', 'expires', 'row', 'body'],
  device_stream: ['stream', 'revision', 'until'],
  device_bundle: ['bundle', 'hash', 'at'],
  device_batch: ['batch', 'signed', 'next', 'count', 'expires'],
};
