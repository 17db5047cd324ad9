/**
 * Push services on the loopback that hold senders to the published protocols: RFC 8030, 8188, 8291 and 8292 for Web Push, the
 * provider API for APNs, RFC 7523 and HTTP v1 for FCM. They check everything with node:crypto and nothing of src.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { type Receiver, receiver } from './rfc8291.ts';

/** What a service answers next instead of accepting. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface Pushed {
  readonly service: 'web' | 'apns' | 'fcm';
  /** Of the subscription: path of the endpoint, or token. */
  readonly to: string;
  readonly tag: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** What the service itself could read of it, besides headers. */
  readonly body: Buffer;
  readonly at: number;
}

export interface PushServices {
  readonly url: string;
  /** Accepted, oldest first. */
  readonly pushed: Pushed[];
  /** Why a request was refused as not of the protocol; empty when every one was. */
  readonly violations: string[];
  /** Requests of any kind, refused ones included, but not those for access tokens. */
  requests: number;
  /** Tokens that were granted. */
  granted: number;
  /** Taken from the front, one for each request that is of the protocol; empty accepts. */
  readonly answers: Answer[];
  readonly apns: { readonly team: string; readonly kid: string; readonly key: string; readonly topic: string };
  readonly account: { readonly client_email: string; readonly private_key: string; readonly project_id: string };
  /** A subscription of a browser, as its `toJSON` has it, and its receiver. */
  subscribe(path?: string): { endpoint: string; p256dh: string; auth: string };
  stop(): Promise<void>;
}

const TEAM = 'TESTTEAM01';
const KID = 'TESTKEY001';
const TOPIC = 'com.example.callsign';
const EMAIL = 'push@test-project.iam.gserviceaccount.test';
const PROJECT = 'test-project';

export async function startPushServices(): Promise<PushServices> {
  const apple = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const google = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const receivers = new Map<string, Receiver>();
  const tokens = new Set<string>();
  const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' });
  let url = '';
  const state: PushServices = {
    get url() {
      return url;
    },
    pushed: [],
    violations: [],
    requests: 0,
    granted: 0,
    answers: [],
    apns: { team: TEAM, kid: KID, key: pem(apple.privateKey), topic: TOPIC },
    account: { client_email: EMAIL, private_key: pem(google.privateKey), project_id: PROJECT },
    subscribe(path = `/web/${receivers.size + 1}`) {
      const made = receiver();
      receivers.set(path, made);
      return { endpoint: `${url}${path}`, p256dh: made.p256dh, auth: made.auth };
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  function judge(request: IncomingMessage, body: Buffer): Answer {
    const path = request.url ?? '';
    try {
      need(request.method === 'POST', 'POST');
      if (path === '/token') return grant(body);
      state.requests += 1;
      const pushed = path.startsWith('/web/') ? web(path) : path.startsWith('/3/') ? apns(path) : fcm(path);
      const next = state.answers.shift();
      if (next && next.status >= 300) return next;
      state.pushed.push(pushed);
      return next ?? { status: path.startsWith('/web/') ? 201 : 200, body: {} };
    } catch (error) {
      state.violations.push(`${path}: ${String(error)}`);
      return { status: 400, body: { reason: 'Violation' } };
    }

    function told(service: Pushed['service'], to: string, tag: unknown): Pushed {
      need(typeof tag === 'string' && /^[A-Za-z0-9_-]{32}$/.test(tag), 'a tag of 24 bytes');
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      return { service, to, tag: String(tag), headers, body, at: Date.now() };
    }

    function web(to: string): Pushed {
      const { headers } = request;
      // RFC 8030 §5.2: TTL is a must.
      need(/^\d{1,10}$/.test(String(headers['ttl'])), 'TTL');
      need(['very-low', 'low', 'normal', 'high'].includes(String(headers['urgency'])), 'Urgency');
      need(/^[A-Za-z0-9_-]{1,32}$/.test(String(headers['topic'])), 'Topic (RFC 8030 §5.4)');
      need(headers['content-encoding'] === 'aes128gcm', 'Content-Encoding');
      const [scheme, t, k] = String(headers['authorization']).split(/ t=|, k=/);
      need(scheme === 'vapid' && !!t && !!k, 'Authorization of RFC 8292 §3');
      const claims = jwt(t!, 'ES256', vapidKey(k!));
      need(claims['aud'] === url, `aud is the service's origin, not ${claims['aud']}`);
      const exp = Number(claims['exp']) * 1_000;
      need(exp > Date.now() && exp <= Date.now() + 86_400_000, 'exp within 24 h (RFC 8292 §2)');
      need(claims['sub'] === undefined || /^(mailto:|https:)/.test(claims['sub']), 'sub is a contact');
      const receiving = receivers.get(to);
      need(receiving !== undefined, 'a subscription');
      const opened = JSON.parse(receiving!.open(body).toString()) as Record<string, unknown>;
      need(Object.keys(opened).join() === 'tag', 'nothing but the tag');
      return told('web', to, opened['tag']);
    }

    function apns(to: string): Pushed {
      const { headers } = request;
      const token = /^\/3\/device\/((?:[0-9a-f]{2}){32,})$/.exec(to)?.[1];
      need(token !== undefined, 'the path');
      const bearer = /^bearer (.+)$/.exec(String(headers['authorization']))?.[1];
      const claims = jwt(bearer ?? '', 'ES256', apple.publicKey, KID);
      need(claims['iss'] === TEAM, 'iss is the team');
      const age = Date.now() / 1_000 - Number(claims['iat']);
      need(age > -60 && age < 3_600, 'iat within the hour');
      const type = String(headers['apns-push-type']);
      need(type === 'voip' || type === 'background', 'apns-push-type');
      need(headers['apns-topic'] === (type === 'voip' ? `${TOPIC}.voip` : TOPIC), 'apns-topic');
      need(headers['apns-priority'] === (type === 'voip' ? '10' : '5'), 'apns-priority');
      const expiration = Number(headers['apns-expiration']) * 1_000;
      need(expiration > Date.now() - 1_000 && expiration < Date.now() + 3_600_000, 'apns-expiration');
      need(Buffer.byteLength(String(headers['apns-collapse-id'])) <= 64, 'apns-collapse-id');
      const sent = JSON.parse(body.toString()) as { aps: Record<string, unknown>; tag: unknown };
      need(Object.keys(sent).toSorted().join() === 'aps,tag', 'nothing but aps and the tag');
      need(Object.keys(sent.aps).join() === (type === 'voip' ? '' : 'content-available'), 'aps');
      return told('apns', token!, sent.tag);
    }

    function fcm(to: string): Pushed {
      need(to === `/v1/projects/${PROJECT}/messages:send`, 'the path');
      const bearer = /^Bearer (.+)$/.exec(String(request.headers['authorization']))?.[1];
      need(bearer !== undefined && tokens.has(bearer), 'an access token that was granted');
      const sent = JSON.parse(body.toString()) as { message: Record<string, never> };
      const { token, data, android } = sent.message as unknown as {
        token: string;
        data: Record<string, string>;
        android: Record<string, string>;
      };
      need(Object.keys(sent.message).toSorted().join() === 'android,data,token', 'a data message');
      need(Object.keys(data).join() === 'tag', 'nothing but the tag');
      need(android['priority'] === 'HIGH' && /^\d+s$/.test(android['ttl'] ?? ''), 'priority and ttl');
      return told('fcm', token, data['tag']);
    }
  }

  function grant(body: Buffer): Answer {
    const form = new URLSearchParams(body.toString());
    need(form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:jwt-bearer', 'grant_type (RFC 7523 §2.1)');
    const claims = jwt(form.get('assertion') ?? '', 'RS256', google.publicKey);
    need(claims['iss'] === EMAIL && claims['aud'] === `${url}/token`, 'iss and aud');
    need(claims['scope'] === 'https://www.googleapis.com/auth/firebase.messaging', 'scope');
    const life = Number(claims['exp']) - Number(claims['iat']);
    need(life > 0 && life <= 3_600 && Math.abs(Number(claims['iat']) - Date.now() / 1_000) < 120, 'iat and exp');
    const token = `granted-${(state.granted += 1)}`;
    tokens.add(token);
    return { status: 200, body: { access_token: token, expires_in: 3_600, token_type: 'Bearer' } };
  }

  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { status, headers = {}, body } = judge(request, Buffer.concat(parts));
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(body === undefined ? '' : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  return state;
}

function need(right: boolean, what: string): void {
  if (!right) throw new Error(`not as the protocol has it: ${what}`);
}

/** An uncompressed point as a key, by the fixed head of its SubjectPublicKeyInfo (RFC 5480). */
function vapidKey(k: string): KeyObject {
  const point = Buffer.from(k, 'base64url');
  need(point.length === 65 && point[0] === 4, 'k is an uncompressed point');
  const head = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');
  return createPublicKey({ key: Buffer.concat([head, point]), format: 'der', type: 'spki' });
}

/** Claims of a compact JWS whose signature verified (RFC 7515 §5.2). */
function jwt(text: string, alg: 'ES256' | 'RS256', key: KeyObject, kid?: string): Record<string, string | undefined> {
  const [header = '', payload = '', signature = ''] = text.split('.');
  const head = JSON.parse(Buffer.from(header, 'base64url').toString()) as Record<string, unknown>;
  need(head['alg'] === alg && (kid === undefined || head['kid'] === kid), 'alg and kid');
  const signed = Buffer.from(`${header}.${payload}`);
  const good = verify(
    'sha256',
    signed,
    alg === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key,
    Buffer.from(signature, 'base64url'),
  );
  need(good, 'the signature');
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, string | undefined>;
}
