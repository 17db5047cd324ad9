/** Where a device keeps what must survive it: keys, its place in the mailbox, what it verified of others. */

/** `value` is structured-cloneable: plain data, bytes, CryptoKeys. Undefined deletes. */
export interface Change {
  readonly collection: Collection;
  readonly id: string;
  readonly value: unknown;
}

/**
 * identity: who this device is, and the key that wraps KEM seeds. prekey, kem, one-time: private keys of its bundle, by key id. inbox: its place in the
 * mailbox. seen: invitations opened. head: verified heads by account. pin: handle -> account. contact: what the
 * user verified, by account. veto: signed vetoes of recoveries, by recovery.
 */
export type Collection =
  | 'identity'
  | 'prekey'
  | 'kem'
  | 'one-time'
  | 'inbox'
  | 'seen'
  | 'head'
  | 'pin'
  | 'contact'
  | 'veto';

export interface KeyStore {
  /** True where CryptoKeys cannot be kept: keys are then made exportable, and kept as bytes that the store protects. */
  readonly bytesOnly?: boolean;
  get(collection: Collection, id: string): Promise<unknown>;
  ids(collection: Collection): Promise<string[]>;
  /** All of it or nothing, durable when it resolves. False, and nothing written, when an id of `absent` is there already. */
  write(changes: readonly Change[], absent?: readonly { collection: Collection; id: string }[]): Promise<boolean>;
}
