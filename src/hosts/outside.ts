import { importPKCS8 } from 'jose';
import * as v from 'valibot';
import { APNS_ORIGINS, type ApnsConfig } from '../push/apns.ts';
import { FCM_ORIGIN, type FcmConfig, GOOGLE_TOKENS } from '../push/fcm.ts';
import type { PushConfig } from '../push/open.ts';
import type { VapidKey } from '../push/web/sender.ts';
import { CLOUDFLARE_TURN } from '../turn/cloudflare.ts';
import type { TurnConfig } from '../turn/open.ts';
import { type Secrets, SecretsError } from './secrets.ts';

/** PUSH_HOSTS, PUSH_CONTACT, ICE_URLS: what of push and relays is no secret. */
export interface OutsideSettings {
  /** Hosts of Web Push beside the known ones. */
  readonly pushHosts: readonly string[];
  /** `mailto:` or `https:`: whom a push service asks. Null: the deployment's origin, when that is https. */
  readonly pushContact: string | null;
  /** STUN and TURN servers that know the secret `coturn`. */
  readonly iceUrls: readonly string[];
}

interface Place {
  readonly environment: 'development' | 'production';
  readonly origin: string;
}

const HOST = /^(?=.{1,253}$)(?!.*\d$)[a-z0-9-]+(?:\.[a-z0-9-]+)+$/;
const CONTACT = /^(?:mailto:[^\s@]+@[^\s@]+|https:\/\/\S+)$/;
/** RFC 7064, RFC 7065. */
const ICE_URL = /^(?:stuns?:[^\s/?@]+|turns?:[^\s/?@]+(?:\?transport=(?:udp|tcp))?)$/;

const Line = v.pipe(v.string(), v.minLength(1), v.maxLength(256));
const Origin = v.exactOptional(v.pipe(v.string(), v.url()));
const Pem = v.pipe(v.string(), v.startsWith('-----BEGIN PRIVATE KEY-----'));
const Apns = v.object({
  team: v.pipe(v.string(), v.regex(/^[A-Z0-9]{10}$/)),
  kid: v.pipe(v.string(), v.regex(/^[A-Z0-9]{10}$/)),
  key: Pem,
  topics: v.pipe(v.array(v.pipe(v.string(), v.regex(/^[A-Za-z0-9.-]{1,155}$/))), v.minLength(1)),
  origin: Origin,
});
/** As Google gives the file of a service account; the rest of it is not read. */
const Fcm = v.object({
  project_id: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,64}$/)),
  client_email: Line,
  private_key: Pem,
  private_key_id: v.exactOptional(Line),
  token_uri: Origin,
  origin: Origin,
});
const PushSecret = v.object({ apns: v.exactOptional(Apns), fcm: v.exactOptional(Fcm) });
const TurnSecret = v.object({
  coturn: v.exactOptional(v.pipe(v.string(), v.minLength(16), v.maxLength(256))),
  cloudflare: v.exactOptional(
    v.object({ key: v.pipe(v.string(), v.regex(/^[A-Za-z0-9]{1,64}$/)), token: Line, origin: Origin }),
  ),
});

/** Push services of a deployment; throws a sentence for a setting that cannot be. */
export async function pushConfig(
  { pushHosts, pushContact }: OutsideSettings,
  secrets: Partial<Secrets>,
  vapid: VapidKey | null,
  place: Place,
): Promise<PushConfig> {
  for (const host of pushHosts)
    if (!HOST.test(host)) throw new SecretsError(`PUSH_HOSTS holds ${JSON.stringify(host)}, which is no host name.`);
  if (pushContact !== null && !CONTACT.test(pushContact))
    throw new SecretsError('PUSH_CONTACT must be a `mailto:` or `https:` URL.');
  if (vapid !== null && vapid.crv !== 'P-256') throw new SecretsError('CALLSIGN_KEYS.vapid must be a key on P-256.');
  const { apns, fcm } = read(PushSecret, secrets.CALLSIGN_PUSH, 'CALLSIGN_PUSH') ?? {};
  const own = place.origin.startsWith('https:') ? place.origin : null;
  const loopback = place.environment === 'development';
  const web = vapid && { key: vapid, contact: pushContact ?? own, hosts: pushHosts, loopback };
  return {
    web,
    apns: apns ? await apnsConfig(apns, place) : null,
    fcm: fcm ? await fcmConfig(fcm, place) : null,
  };
}

async function apnsConfig(given: v.InferOutput<typeof Apns>, place: Place): Promise<ApnsConfig> {
  const { team, kid, key, topics, origin } = given;
  await checkKey(key, 'ES256', 'CALLSIGN_PUSH.apns.key');
  if (origin === undefined) return { team, kid, key, topics, origins: APNS_ORIGINS };
  const test = testOrigin(origin, 'CALLSIGN_PUSH.apns.origin', place);
  return { team, kid, key, topics, origins: { production: test, sandbox: test } };
}

async function fcmConfig(given: v.InferOutput<typeof Fcm>, place: Place): Promise<FcmConfig> {
  const { project_id, client_email, private_key, private_key_id, token_uri = GOOGLE_TOKENS, origin } = given;
  await checkKey(private_key, 'RS256', 'CALLSIGN_PUSH.fcm.private_key');
  const tokens = token_uri === GOOGLE_TOKENS ? token_uri : testOrigin(token_uri, 'CALLSIGN_PUSH.fcm.token_uri', place);
  return {
    project: project_id,
    account: client_email,
    key: private_key,
    kid: private_key_id ?? null,
    origin: origin === undefined ? FCM_ORIGIN : testOrigin(origin, 'CALLSIGN_PUSH.fcm.origin', place),
    tokens,
  };
}

/** STUN and TURN of a deployment. */
export function turnConfig({ iceUrls }: OutsideSettings, secrets: Partial<Secrets>, place: Place): TurnConfig {
  for (const url of iceUrls)
    if (!ICE_URL.test(url))
      throw new SecretsError(`ICE_URLS holds ${JSON.stringify(url)}, which is no stun: or turn: URL.`);
  const { coturn, cloudflare } = read(TurnSecret, secrets.CALLSIGN_TURN, 'CALLSIGN_TURN') ?? {};
  if (coturn === undefined && iceUrls.some((url) => url.startsWith('turn')))
    throw new SecretsError(
      'ICE_URLS names a TURN server: CALLSIGN_TURN must hold `coturn`, the secret it shares with it.',
    );
  const origin = cloudflare?.origin;
  return {
    coturn: iceUrls.length > 0 ? { urls: iceUrls, secret: coturn ?? null } : null,
    cloudflare: cloudflare
      ? {
          key: cloudflare.key,
          token: cloudflare.token,
          origin: origin === undefined ? CLOUDFLARE_TURN : testOrigin(origin, 'CALLSIGN_TURN.cloudflare.origin', place),
        }
      : null,
  };
}

/** Another address than the service's own is for tests on one machine. */
function testOrigin(url: string, what: string, { environment }: Place): string {
  const { hostname } = new URL(url);
  if (environment === 'development' && hostname === '127.0.0.1') return url;
  throw new SecretsError(`${what} is for development on the loopback; leave it out.`);
}

async function checkKey(pem: string, algorithm: string, what: string): Promise<void> {
  await importPKCS8(pem, algorithm).catch(() => {
    throw new SecretsError(`${what} is no private key for ${algorithm} (PKCS#8 in PEM).`);
  });
}

function read<S extends v.GenericSchema>(schema: S, text: string | undefined, name: string): v.InferOutput<S> | null {
  if (text === undefined) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SecretsError(`${name} is not JSON.`);
  }
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const paths = parsed.issues.map((issue) => v.getDotPath(issue) ?? '').join(', ');
  throw new SecretsError(`${name} is not as docs/operations.md has it: ${paths}.`);
}
