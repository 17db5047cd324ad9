/** What comes with a request: the other end of its connection; null for what has no address. */
export interface Connection {
  readonly peer: string | null;
}

export function peerOf(address: { readonly hostname?: string }): string | null {
  return address.hostname ?? null;
}

const MOST_HOPS = 32;

/**
 * Where a request came from. A proxy that the operator trusts appends whom it heard to X-Forwarded-For, so the list is read from
 * its end, and the first address that is no trusted proxy counts: whatever stands before it, the client may have written.
 */
export function clientAddress(request: Request, { peer }: Connection, proxies: readonly string[]): string | null {
  if (peer === null || !proxies.includes(peer)) return peer;
  const told = (request.headers.get('X-Forwarded-For') ?? '').split(',').slice(-MOST_HOPS);
  const hops = told.map((hop) => hop.trim()).filter((hop) => hop !== '');
  return hops.findLast((hop) => !proxies.includes(hop)) ?? hops[0] ?? peer;
}
