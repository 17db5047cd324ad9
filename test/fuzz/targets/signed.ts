/** Everything of ours that carries a signature: mutated, it is refused with a word, never accepted and never thrown at. */
import { fromUtf8, utf8 } from '../../../src/bytes/utf8.ts';
import { equal } from '../../../src/bytes/join.ts';
import { readRequest } from '../../../src/ca/request.ts';
import { signRevocationList } from '../../../src/ca/revocation.ts';
import { extend } from '../../../src/directory/manifest/chain.ts';
import { parseManifest } from '../../../src/directory/manifest/parse.ts';
import { genesisOf } from '../../../src/directory/manifest/write.ts';
import { readCompact } from '../../../src/directory/jws.ts';
import { readHandle } from '../../../src/directory/handle/canonical.ts';
import type { Plan } from '../../../src/directory/signature.ts';
import { verifyClientAssertion } from '../../../src/http/auth/client-assertion.ts';
import { verifyProof } from '../../../src/http/auth/dpop.ts';
import { openNonce, mintNonce } from '../../../src/http/auth/nonce.ts';
import { judgeIdentity } from '../../../src/identity/judge.ts';
import { clientAssertion, dpopProof } from '../../../src/identity/proof.ts';
import { acceptRevocationList } from '../../../src/identity/revocation.ts';
import { certify, csr, DEVICE, keys, NOW, random as bytesOf, TRANSCRIPT, world } from '../../support/authority.ts';
import { verifyAll } from '../../../src/directory/signature.ts';
import { PLAIN, replayAt, sign, toy, toyHolds } from '../../support/manifests.ts';
import { mutate } from '../mutate.ts';
import { Finding, type Target } from '../target.ts';

interface Kind {
  readonly sample: Uint8Array;
  /** Whether the bytes are accepted, every signature verified. */
  accepts(bytes: Uint8Array<ArrayBuffer>): Promise<boolean>;
}

let kinds: Readonly<Record<string, Kind>> = {};

async function holds<T, R extends string>(plan: Plan<T, R> | { ok: false; reason: string }): Promise<boolean> {
  if (!plan.ok) return false;
  const results = await verifyAll(crypto.subtle, plan.checks);
  return plan.conclude((_, i) => results[i] === true).ok;
}

const text = (bytes: Uint8Array): string => fromUtf8(bytes) ?? '';

export const signedTarget: Target = {
  name: 'signed',

  async prepare() {
    const [ca, device] = [await world(), await keys()];
    const leaf = await certify(ca, device);
    const issuing = ca.authority.issuing.certificate;
    const expected = { profile: 'call', roots: [issuing], now: NOW, validity: 'in-force', revocations: null } as const;
    const list = await signRevocationList(
      ca.issuer,
      [{ serial: '0a', at: NOW, reason: 'owner', until: NOW }],
      1,
      NOW,
      3_600_000,
    );
    const origin = 'https://calls.example';
    const [iat, jti] = [NOW / 1000, 'jti-12345678'];
    const assertion = clientAssertion([leaf], { iss: DEVICE, sub: DEVICE, aud: origin, jti, iat, exp: iat + 60 });
    const proof = dpopProof(device.spki, { jti, htm: 'GET', htu: origin, iat });
    const nonceKeys = [{ kid: 'k', secret: bytesOf(32) }] as const;
    const nonce = { purpose: 'enrol', device: DEVICE, account: null, detail: '', expiresAt: NOW + 1000 } as const;
    const A = toy(1);
    kinds = {
      certificate: { sample: leaf, accepts: (bytes) => holds(judgeIdentity([bytes], expected)) },
      issuer: {
        sample: issuing,
        accepts: (bytes) => holds(judgeIdentity([leaf, bytes], { ...expected, roots: [ca.root] })),
      },
      list: { sample: list, accepts: (bytes) => holds(acceptRevocationList(bytes, [], [issuing], NOW)) },
      request: {
        sample: await csr(device),
        accepts: (bytes) => holds(readRequest(bytes, { key: device.spki, transcript: TRANSCRIPT })),
      },
      assertion: {
        sample: utf8(assertion.seal(await device.sign(assertion.input))),
        accepts: async (bytes) => (await verifyClientAssertion(text(bytes), origin, expected)).ok,
      },
      proof: {
        sample: utf8(proof.seal(await device.sign(proof.input))),
        accepts: async (bytes) => {
          const about = { method: 'GET', url: origin, accessToken: null, nonceKeys: null, now: NOW };
          return (await verifyProof(text(bytes), about)).ok;
        },
      },
      nonce: {
        sample: utf8(mintNonce(nonceKeys, nonce, bytesOf(16))),
        accepts: async (bytes) => openNonce(nonceKeys, text(bytes), 'enrol', NOW).ok,
      },
      manifest: {
        sample: utf8(JSON.stringify(sign(genesisOf(A, NOW, PLAIN), A))),
        accepts: async (bytes) => {
          const parsed = parseManifest(jsonOf(text(bytes)));
          const plan = parsed.ok ? extend(null, null, [parsed.parsed], replayAt(NOW)) : parsed;
          return plan.ok && plan.conclude(toyHolds).ok;
        },
      },
      'compact and handle': {
        sample: utf8('alice@example.org'),
        accepts: async (bytes) => {
          readCompact(text(bytes), 'at+jwt', 4096);
          readHandle(text(bytes), { kinds: ['phone', 'email', 'external'], issuers: ['corp'] });
          return false;
        },
      },
    };
    return true;
  },

  async once(random) {
    const name = random.pick(Object.keys(kinds));
    const kind = kinds[name]!;
    const { sample } = kind;
    const bytes = mutate(
      sample,
      random,
      Object.values(kinds).map((kind) => kind.sample),
    );
    if (!(await kind.accepts(bytes))) return 'refused';
    if (equal(bytes, sample) || sameJson(bytes, sample)) return 'accepted-unchanged';
    throw new Finding(`${name} is accepted with other bytes: ${Buffer.from(bytes).toString('base64url')}`);
  },
};

/** The envelope of a manifest is JSON whose spelling nobody signs; its members are what counts. */
function sameJson(a: Uint8Array, b: Uint8Array): boolean {
  const [x, y] = [jsonOf(text(a)), jsonOf(text(b))];
  return x !== undefined && JSON.stringify(x) === JSON.stringify(y);
}

function jsonOf(source: string): unknown {
  try {
    return JSON.parse(source) as unknown;
  } catch {
    return undefined;
  }
}
