import type { Address, Bind } from '../port.ts';

/** Synchronous rows, inside a transaction that the host opened and will commit or roll back. */
export interface Store {
  all<R>(sql: string, binds: readonly Bind[]): R[];
  /** 0 when no row was changed, else a number above it: a host may count what indexes wrote, too. */
  run(sql: string, binds: readonly Bind[]): number;
}

/** How an actor is named in the port's own tables, which all kinds share. */
export function nameOf(address: Address): string {
  return `${address.kind}/${address.name}`;
}

export function addressOf(name: string): Address {
  const slash = name.indexOf('/');
  return { kind: name.slice(0, slash), name: name.slice(slash + 1) };
}

/** The host told the kernel something that cannot be, or an actor broke the port's rules: a bug, never an input. */
export class PortError extends Error {
  override readonly name = 'PortError';
}
