/**
 * Where Web Push may be sent. A subscription's URL is input of a client, so only hosts that are known as push services count:
 * no address, no port, no credentials, nothing inside a network of the operator's.
 */

/** Push services of browsers: Chrome and Edge on Android, Firefox, Edge on Windows, Safari. A leading dot covers all below. */
export const WEB_PUSH_HOSTS: readonly string[] = [
  'fcm.googleapis.com',
  'updates.push.services.mozilla.com',
  '.push.services.mozilla.com',
  '.notify.windows.com',
  '.push.apple.com',
];

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

export interface EndpointRules {
  /** Beside the known ones; the operator's own. */
  readonly hosts: readonly string[];
  /** Development: plain HTTP to the loopback is a push service too. */
  readonly loopback: boolean;
}

export function isEndpoint(text: string, { hosts, loopback }: EndpointRules): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '') return false;
  if (loopback && LOOPBACK.has(url.hostname)) return url.protocol === 'http:' || url.protocol === 'https:';
  if (url.protocol !== 'https:' || url.port !== '') return false;
  return [...WEB_PUSH_HOSTS, ...hosts].some((known) =>
    known.startsWith('.') ? url.hostname.endsWith(known) : url.hostname === known,
  );
}
