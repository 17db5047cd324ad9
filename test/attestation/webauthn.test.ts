import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Evidence } from '../../src/attestation/format.ts';
import type { Policy } from '../../src/attestation/policy/policy.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';
import type { TrustStore } from '../../src/attestation/trust/store.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';
import { base64url, fromBase64url } from '../../src/bytes/base64url.ts';
import { type Cbor, encodeCbor } from '../../src/bytes/cbor.ts';
import { concat } from '../../src/bytes/join.ts';
import * as device from './support/authenticator.ts';
import * as ca from './support/ca.ts';
import { makeAnchor, makeChain } from './support/chain.ts';
import * as der from './support/der.ts';

const { standard } = policies;
const withWebauthn = (change: Partial<Policy['webauthn']>): Policy => ({
  ...standard,
  webauthn: { ...standard.webauthn, ...change },
});

interface Ask {
  readonly policy?: Policy;
  readonly trust?: TrustStore;
  readonly expected?: Partial<typeof device.expected>;
}

function judge(evidence: Evidence, { policy = standard, trust = device.trust, expected = {} }: Ask = {}) {
  return verifyEvidence(evidence, { ...device.expected, ...expected }, trust, policy);
}

async function reason(evidence: Evidence | Promise<Evidence>, ask: Ask = {}) {
  const verdict = await judge(await evidence, ask);
  const failed = verdict.checks.find(({ outcome }) => outcome === 'fail');
  return verdict.decision === 'accept' ? 'accept' : `${verdict.reason} ${failed?.id}`;
}

const stranger = await ca.makeKey();

describe('a packed registration', () => {
  it('is accepted, with what was proven', async () => {
    const verdict = await judge(await device.packed());
    expect(verdict).toMatchObject({
      decision: 'accept',
      format: 'packed',
      policy: 'standard-1',
      assurance: {
        attestedKeyHardware: 'security-key',
        identityKeyHardware: 'unproven',
        freshness: 'challenge',
        trustAnchor: 'TEST-ANCHOR',
      },
      identityBinding: 'vouched',
      attestedKey: base64url(device.credential.spki),
    });
    expect(verdict.facts).toMatchObject({ aaguid: device.AAGUID, signCount: 1, chain: [{ serial: '65' }] });
  });

  it('is accepted with an intermediate, and with the root sent along', async () => {
    const upper = { extensions: [ca.basicConstraints(true, 0), ca.keyUsage(0x04)] };
    const chain = await device.attestationChain({}, [upper]);
    expect(await reason(device.packed({ chain }))).toBe('accept');
    const whole = [...(await device.attestationChain()), device.anchor.certificate.der.slice()];
    expect(await reason(device.packed({ chain: whole }))).toBe('accept');
  });
});

describe('the ceremony refuses', () => {
  const client = (change: device.ClientDataChange) => device.packed({ client: device.clientData(change) });
  const data = (change: device.DataChange, ask?: Ask) =>
    reason(device.packed({ data: device.authenticatorData(change) }), ask);

  it('another challenge: of another account, key, purpose, format or deployment', async () => {
    expect(await reason(client({ challenge: base64url(new Uint8Array(32)) }))).toBe(
      'challenge-mismatch webauthn.challenge',
    );
    const expected = { transcript: new Uint8Array(32).fill(1) };
    expect(await reason(device.packed(), { expected })).toBe('challenge-mismatch webauthn.challenge');
  });

  it('another type, origin or relying party', async () => {
    expect(await reason(client({ type: 'webauthn.get' }))).toBe('malformed webauthn.type');
    expect(await reason(client({ origin: 'https://calls.example.evil' }))).toBe('origin-not-allowed webauthn.origin');
    expect(await data({ rpId: 'other.example' })).toBe('origin-not-allowed webauthn.rp-id');
  });

  it('a page inside another page, unless policy takes it', async () => {
    const framed = client({ crossOrigin: true });
    expect(await reason(framed)).toBe('origin-not-allowed webauthn.cross-origin');
    expect(await reason(framed, { policy: withWebauthn({ crossOrigin: true }) })).toBe('accept');
    expect(await reason(client({ topOrigin: 'https://elsewhere.example' }))).toBe(
      'origin-not-allowed webauthn.top-origin',
    );
  });

  it('no user, no verified user, and contradictory backup flags', async () => {
    expect(await data({ flags: 0x44 })).toBe('attributes webauthn.user-present');
    expect(await data({ flags: 0x41 })).toBe('user-verification webauthn.user-verified');
    expect(await data({ flags: 0x41 }, { policy: withWebauthn({ userVerification: false }) })).toBe('accept');
    expect(await data({ flags: 0x55 })).toBe('attributes webauthn.backup-flags');
  });

  it('a credential that may be synced (BE), under every policy for production', async () => {
    for (const policy of [policies.consumer, policies.standard]) {
      expect(await data({ flags: 0x4d }, { policy })).toBe('syncable webauthn.syncable');
    }
    expect(await data({ flags: 0x4d }, { policy: withWebauthn({ syncable: true }) })).toBe('accept');
  });

  it('a credential key of an algorithm that policy does not take, and RS1 always', async () => {
    const policy = withWebauthn({ algorithms: [-8] });
    expect(await reason(device.packed(), { policy })).toBe('signature-algorithm webauthn.algorithm');
    const rs1 = new Map<number, Cbor>([
      [1, 3],
      [3, -65535],
      [-1, new Uint8Array(256).fill(0xff)],
      [-2, new Uint8Array([1, 0, 1])],
    ]);
    expect(await data({ key: rs1 })).toBe('signature-algorithm webauthn.credential-key');
    expect(await data({ key: rs1 }, { policy: withWebauthn({ algorithms: [-65535] }) })).toBe(
      'signature-algorithm webauthn.credential-key',
    );
  });

  it('a weak credential key', async () => {
    const key = await ca.makeKey('RSA-1024');
    const jwk = await crypto.subtle.exportKey('jwk', await importRsa(key.spki));
    const cose = new Map<number, Cbor>([
      [1, 3],
      [3, -257],
      [-1, fromBase64url(jwk.n!)!],
      [-2, new Uint8Array([1, 0, 1])],
    ]);
    expect(await data({ key: cose })).toBe('weak-key webauthn.weak-key');
  });
});

function importRsa(spki: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey('spki', spki, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, true, ['verify']);
}

/** Every format's name over fields of any type. */
const anyFields = fc.record({
  format: fc.constantFrom('webauthn', 'android-keystore', 'app-attest', 'tpm2', 'linked', 'constructor'),
  attestationObject: fc.anything(),
  clientDataJSON: fc.anything(),
  certificateChain: fc.anything(),
  keyId: fc.anything(),
  signature: fc.anything(),
  certify: fc.anything(),
});

const good = fromBase64url((await device.packed()).attestationObject)!;

describe('malformed evidence', () => {
  const malformed = 'malformed webauthn.attestation-object';
  const object = (change: readonly (readonly [string, Cbor])[]) => {
    const whole = new Map<string, Cbor>([
      ['fmt', 'packed'],
      ['attStmt', new Map()],
      ['authData', device.authenticatorData()],
      ...change,
    ]);
    return {
      format: 'webauthn',
      attestationObject: base64url(encodeCbor(whole)),
      clientDataJSON: base64url(device.clientData()),
    };
  };

  it('is named so: truncated, trailing bytes, a member too many, duplicate keys', async () => {
    const { clientDataJSON } = await device.packed();
    const sent = (bytes: Uint8Array) => ({ format: 'webauthn', attestationObject: base64url(bytes), clientDataJSON });
    for (const at of [1, 20, 200, good.length - 1]) expect(await reason(sent(good.slice(0, at)))).toBe(malformed);
    expect(await reason(sent(concat(good, new Uint8Array(1))))).toBe(malformed);
    expect(await reason(object([['more', 1]]))).toBe(malformed);
    const twice = concat(new Uint8Array([0xa4]), good.subarray(1), encodeCbor('fmt'), encodeCbor('packed'));
    expect(await reason(sent(twice))).toBe(malformed);
  });

  it('is named so: fields that are no base64url, no text, or missing', async () => {
    const { attestationObject, clientDataJSON } = await device.packed();
    for (const change of [
      { attestationObject: `${attestationObject}=` },
      { attestationObject: 7 },
      { attestationObject: undefined },
      { clientDataJSON: { toString: () => clientDataJSON } },
    ]) {
      expect(await reason({ format: 'webauthn', attestationObject, clientDataJSON, ...change })).toBe(malformed);
    }
  });

  it('is named so: authenticator data with bytes that no flag announces, or without a credential', async () => {
    const trailing = device.authenticatorData({ tail: new Uint8Array(1) });
    expect(await reason(device.packed({ data: trailing }))).toBe(malformed);
    expect(await reason(object([['authData', device.authenticatorData().slice(0, 37)]]))).toBe(malformed);
    const noKey = device.authenticatorData({ credentialId: new Uint8Array(1024) });
    expect(await reason(device.packed({ data: noKey }))).toBe(malformed);
  });

  it('is named so: a statement with a member too many, too few or of another type', async () => {
    const syntax = 'malformed packed.syntax';
    expect(await reason(device.packed({ fields: [['ecdaaKeyId', new Uint8Array(1)]] }))).toBe(syntax);
    expect(await reason(device.packed({ fields: [['sig', 'text']] }))).toBe(syntax);
    expect(await reason(device.packed({ fields: [['alg', 'ES256']] }))).toBe(syntax);
    expect(await reason(device.packed({ chain: [] }))).toBe(syntax);
    expect(await reason(device.packed({ chain: [new Uint8Array([0x30, 0])] }))).toBe(syntax);
    const [leaf] = await device.attestationChain();
    expect(await reason(device.packed({ chain: Array.from({ length: 11 }, () => leaf!) }))).toBe(syntax);
    expect(await reason(device.packed({ chain: [concat(leaf!, new Uint8Array(1))] }))).toBe(syntax);
  });

  it('of more than 64 KiB is refused before it is read, in depth too', async () => {
    const evidence = await device.packed();
    expect(await reason({ ...evidence, more: 'x'.repeat(90_000) })).toBe('too-large evidence.size');
    expect(await reason({ ...evidence, more: [[[[[['x']]]]]] })).toBe('too-large evidence.size');
    expect(await reason({ ...evidence, more: Array.from({ length: 20_000 }, () => 1) })).toBe(
      'too-large evidence.size',
    );
  });

  it('of any shape at all gets a refusal and never an exception', async () => {
    for (const policy of [standard, policies.development]) {
      await fc.assert(
        fc.asyncProperty(fc.anything(), anyFields, async (anything, fields) => {
          for (const sent of [anything, fields]) {
            const verdict = await judge(sent as Evidence, { policy });
            expect(verdict.decision).toBe('refuse');
          }
        }),
      );
    }
  });

  it('of a format that nobody knows is refused by that name', async () => {
    expect(await reason({ format: 'magic' })).toBe('format-unknown evidence.format');
    expect(await reason({ format: '__proto__' })).toBe('format-unknown evidence.format');
    expect(await reason(device.evidence('magic', new Map()))).toBe('format-unknown webauthn.format');
  });
});

describe('the packed statement refuses', () => {
  const leaf = async (change: Parameters<typeof device.attestationChain>[0]) =>
    reason(device.packed({ chain: await device.attestationChain(change) }));
  const subject = (index: number, value: string | null) =>
    der.name(
      ...device.SUBJECT.flatMap((pair, i) =>
        i !== index ? [pair] : value === null ? [] : [[pair[0], value] as const],
      ),
    );

  it('a signature by another key, over other bytes, or in another algorithm', async () => {
    expect(await reason(device.packed({ signer: stranger }))).toBe('signature-invalid packed.signature');
    expect(await reason(device.packed({ signed: device.authenticatorData() }))).toBe(
      'signature-invalid packed.signature',
    );
    expect(await reason(device.packed({ algorithm: -257 }))).toBe('signature-algorithm packed.signature');
    expect(await reason(device.packed({ algorithm: -35 }))).toBe('signature-invalid packed.signature');
    expect(await reason(device.packed({ algorithm: -65535 }))).toBe('signature-algorithm packed.signature');
    expect(await reason(device.packed({ algorithm: 0 }))).toBe('signature-algorithm packed.signature-algorithm');
  });

  it('a certificate that is not what §8.2.1 asks for', async () => {
    const extensions = [ca.basicConstraints(false), device.aaguidExtension(device.AAGUID)];
    expect(await leaf({ subject: subject(0, 'Sweden') })).toBe('attributes packed.subject-country');
    expect(await leaf({ subject: subject(1, null) })).toBe('attributes packed.subject-organization');
    expect(await leaf({ subject: subject(2, 'Authenticator attestation') })).toBe('attributes packed.subject-unit');
    expect(await leaf({ subject: subject(3, null) })).toBe('attributes packed.subject-name');
    expect(await leaf({ extensions: extensions.slice(1) })).toBe('attributes packed.not-a-ca');
    expect(await leaf({ extensions: [ca.basicConstraints(true), extensions[1]!] })).toBe('attributes packed.not-a-ca');
    expect(await leaf({ version: 0, extensions: [] })).toBe('attributes packed.version');
  });

  it('an AAGUID extension that is critical, of another AAGUID, or wrapped once', async () => {
    const other = 'fa2b99dc-0000-4000-8000-00000000cafe';
    const wrapped = device.aaguidBytes(device.AAGUID);
    const extended = (extension: Uint8Array) => leaf({ extensions: [ca.basicConstraints(false), extension] });
    expect(await extended(device.aaguidExtension(device.AAGUID, true))).toBe('attributes packed.aaguid-critical');
    expect(await extended(device.aaguidExtension(other))).toBe('aaguid-refused packed.aaguid');
    expect(await extended(ca.extension(device.AAGUID_EXTENSION, false, wrapped))).toBe('aaguid-refused packed.aaguid');
  });

  it('a chain to nowhere, of the wrong order, broken, too deep, or out of time', async () => {
    const path = 'path.strict';
    const [forged] = (
      await makeChain([{ subject: der.name(...device.SUBJECT), extensions: [ca.basicConstraints(false)] }])
    ).ders;
    expect(await leaf({ issuer: der.commonName('somebody') })).toBe(`untrusted-root ${path}`);
    expect(await leaf({ signer: stranger })).toBe(`untrusted-root ${path}`);
    const [first] = await device.attestationChain();
    expect(await reason(device.packed({ chain: [first!, forged!] }))).toBe(`chain-invalid ${path}`);
    const notCa = await device.attestationChain({}, [{ extensions: [ca.basicConstraints(false)] }]);
    expect(await reason(device.packed({ chain: notCa }))).toBe(`chain-invalid ${path}`);
    const noSign = await device.attestationChain({}, [{ extensions: [ca.basicConstraints(true), ca.keyUsage(0x80)] }]);
    expect(await reason(device.packed({ chain: noSign }))).toBe(`chain-invalid ${path}`);
    expect(await leaf({ notAfter: ca.TEST_NOW - 1 })).toBe(`chain-expired ${path}`);
    expect(await leaf({ notBefore: ca.TEST_NOW + 1000 })).toBe(`chain-expired ${path}`);
    const critical = [
      ca.basicConstraints(false),
      device.aaguidExtension(device.AAGUID),
      ca.extension('1.2.3.4', true, der.nul()),
    ];
    expect(await leaf({ extensions: critical })).toBe(`chain-invalid ${path}`);
  });

  it('a certificate made by an attested leaf for a key of its own choosing', async () => {
    const attested = {
      subject: der.name(...device.SUBJECT),
      extensions: [ca.basicConstraints(false), device.aaguidExtension(device.AAGUID)],
    };
    const chain = await device.attestationChain({ key: stranger }, [attested]);
    expect(await reason(device.packed({ chain, signer: stranger }))).toBe('chain-invalid path.strict');
  });

  it('every chain when no anchor is configured', async () => {
    const trust = { ...device.trust, anchors: [] };
    expect(await reason(device.packed(), { trust })).toBe('untrusted-root path.strict');
  });

  it.each([
    ['test', 'test-root'],
    ['software', 'software-key'],
    ['virtual-tpm', 'assurance'],
    ['development', 'untrusted-root'],
  ] as const)('an anchor of the class %s: %s', async (name, word) => {
    const trust = { ...device.trust, anchors: [{ ...device.anchor, class: name }] };
    expect(await reason(device.packed(), { trust })).toBe(`${word} trust.anchor-class`);
  });
});

describe('which authenticator it was', () => {
  const anchored = (aaguids: readonly string[]) => ({ ...device.trust, anchors: [{ ...device.anchor, aaguids }] });
  const extensions = [ca.basicConstraints(false)];
  const unnamed = device.attestationChain({ extensions });

  it('must be one that its anchor speaks for, unless policy takes any of the maker', async () => {
    const trust = anchored(['fa2b99dc-0000-4000-8000-00000000cafe']);
    expect(await reason(device.packed(), { trust })).toBe('aaguid-refused trust.aaguid-binding');
    expect(await reason(device.packed(), { trust: anchored([]) })).toBe('aaguid-refused trust.aaguid-binding');
    expect(await reason(device.packed(), { trust, policy: withWebauthn({ knownAaguid: false }) })).toBe('accept');
  });

  it('must be in the certificate where the anchor speaks for several', async () => {
    const chain = await unnamed;
    expect(await reason(device.packed({ chain }))).toBe('accept');
    const trust = anchored([device.AAGUID, 'fa2b99dc-0000-4000-8000-00000000cafe']);
    expect(await reason(device.packed({ chain }), { trust })).toBe('aaguid-refused trust.aaguid-binding');
    expect(await reason(device.packed(), { trust })).toBe('accept');
  });

  it('cannot be one whose anchors speak for it in another format', async () => {
    const hello = { ...device.anchor, id: 'HELLO', formats: ['tpm' as const], aaguids: [device.AAGUID] };
    const trust = { ...device.trust, anchors: [{ ...device.anchor, aaguids: [] }, hello] };
    const policy = withWebauthn({ knownAaguid: false });
    expect(await reason(device.packed(), { trust, policy })).toBe('aaguid-refused trust.claimed-aaguid');
  });

  it('is allowed and denied by policy', async () => {
    const deny = withWebauthn({ aaguidDeny: [device.AAGUID] });
    expect(await reason(device.packed(), { policy: deny })).toBe('aaguid-refused policy.aaguid');
    const allow = withWebauthn({ aaguidAllow: ['fa2b99dc-0000-4000-8000-00000000cafe'] });
    expect(await reason(device.packed(), { policy: allow })).toBe('aaguid-refused policy.aaguid');
    const { development } = policies;
    const denied = { ...development, webauthn: { ...development.webauthn, aaguidDeny: [device.AAGUID] } };
    expect(await reason(device.evidence('none', new Map()), { policy: denied })).toBe('aaguid-refused policy.aaguid');
  });

  it('is watched instead where policy monitors the rule, and the proof itself never is', async () => {
    const policy: Policy = { ...withWebauthn({ aaguidDeny: [device.AAGUID] }), monitor: ['aaguid-refused'] };
    const verdict = await judge(await device.packed(), { policy });
    expect(verdict.decision).toBe('accept');
    expect(verdict.checks).toContainEqual(expect.objectContaining({ id: 'policy.aaguid', outcome: 'monitored' }));
    expect(await reason(device.packed({ signer: stranger }), { policy })).toBe('signature-invalid packed.signature');
  });
});

describe('evidence without hardware', () => {
  it('self attestation: refused by its own name even when it verifies, and checked where policy takes it', async () => {
    expect(await reason(device.selfAttested())).toBe('self-attestation packed.self-attestation');
    const policy = { ...withWebauthn({ selfAttestation: true }), hardware: ['software' as const] };
    expect(await reason(device.selfAttested(), { policy })).toBe('accept');
    expect(await reason(device.selfAttested(-7, stranger), { policy })).toBe('signature-invalid packed.self-signature');
    expect(await reason(device.selfAttested(-257), { policy })).toBe('signature-algorithm packed.self-algorithm');
    const verdict = await judge(await device.selfAttested(), { policy });
    expect(verdict.assurance).toMatchObject({ attestedKeyHardware: 'software' });
  });

  it('none: refused by its own name; not empty is malformed', async () => {
    expect(await reason(device.evidence('none', new Map()))).toBe('no-attestation policy.format');
    const { development } = policies;
    expect(await reason(device.evidence('none', new Map()), { policy: development })).toBe('accept');
    expect(await reason(device.evidence('none', new Map([['x', 1]])), { policy: development })).toBe(
      'malformed none.syntax',
    );
  });

  it('SafetyNet and compound statements: recognized and refused by every policy', async () => {
    const safetynet = new Map<string, Cbor>([
      ['ver', '1'],
      ['response', new Uint8Array(3)],
    ]);
    const one = new Map<string, Cbor>([
      ['fmt', 'none'],
      ['attStmt', new Map()],
    ]);
    for (const policy of Object.values(policies)) {
      expect(await reason(device.evidence('android-safetynet', safetynet), { policy })).toBe(
        'format-refused policy.format',
      );
      expect(await reason(device.evidence('compound', [one, one]), { policy })).toBe('format-refused policy.format');
    }
  });

  it('a kind of hardware that policy does not take', async () => {
    const policy = { ...standard, hardware: ['tee' as const] };
    expect(await reason(device.packed(), { policy })).toBe('assurance policy.hardware');
  });
});

describe('an apple statement', () => {
  const nonce = async (data: Uint8Array, client: Uint8Array) => {
    const hash = async (bytes: Uint8Array) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes.slice()));
    return hash(concat(data, await hash(client)));
  };
  const issuers = [
    { extensions: [ca.basicConstraints(true), ca.keyUsage(0x04)] },
    { extensions: [ca.basicConstraints(true, 0), ca.keyUsage(0x04)] },
  ];

  async function registration(change: { key?: ca.TestKey; extension?: (nonce: Uint8Array) => Uint8Array } = {}) {
    const [data, client] = [device.authenticatorData(), device.clientData()];
    const value = change.extension ?? ((bytes: Uint8Array) => der.seq(der.context(1, der.octets(bytes))));
    const extension = ca.extension('1.2.840.113635.100.8.2', false, value(await nonce(data, client)));
    const leaf = { key: change.key ?? device.credential, extensions: [ca.basicConstraints(false), extension] };
    const { ders, certificates } = await makeChain([...issuers, leaf]);
    const statement = new Map<string, Cbor>([['x5c', ders.slice(0, 2)]]);
    const trust = { ...device.trust, anchors: [makeAnchor(certificates[2]!)] };
    return { evidence: device.evidence('apple', statement, data, client), trust };
  }

  const asked = async (change: Parameters<typeof registration>[0] = {}) => {
    const { evidence, trust } = await registration(change);
    return reason(evidence, { trust });
  };

  it('is accepted when nonce, key and path hold, and refused when one does not', async () => {
    expect(await asked()).toBe('accept');
    expect(await asked({ key: stranger })).toBe('key-mismatch apple.key');
    const changed = (bytes: Uint8Array) => der.seq(der.context(1, der.octets(bytes.map((byte) => byte ^ 1))));
    expect(await asked({ extension: changed })).toBe('challenge-mismatch apple.nonce');
    expect(await asked({ extension: (bytes) => der.seq(der.octets(bytes)) })).toBe('malformed apple.nonce');
    const { evidence } = await registration();
    expect(await reason(evidence)).toBe('untrusted-root path.apple');
  });
});

describe('a fido-u2f statement', () => {
  const policy: Policy = { ...standard, formats: ['fido-u2f'] };
  const trust = { ...device.trust, anchors: [{ ...device.anchor, formats: ['fido-u2f' as const] }] };
  async function registration(change: { key?: ca.KeyKind; prefix?: number; twice?: boolean } = {}) {
    const key = await ca.makeKey(change.key ?? 'P-256');
    const data = device.authenticatorData({ aaguid: '00000000-0000-0000-0000-000000000000' });
    const client = device.clientData();
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', client));
    const credentialId = new Uint8Array(32).fill(3);
    const point = device.credential.spki.slice(-65);
    const signed = concat(new Uint8Array([change.prefix ?? 0]), data.slice(0, 32), hash, credentialId, point);
    const chain = await device.attestationChain({ key, extensions: [ca.basicConstraints(false)] });
    const statement = new Map<string, Cbor>([
      ['sig', await ca.sign(key, signed)],
      ['x5c', change.twice ? [...chain, ...chain] : chain],
    ]);
    return device.evidence('fido-u2f', statement, data, client);
  }

  it('is refused by every policy for production by the name of its format', async () => {
    for (const name of ['consumer', 'standard', 'strict'] as const) {
      expect(await reason(registration(), { policy: policies[name] })).toBe('format-refused policy.format');
    }
  });

  it('is judged step by step where policy takes it', async () => {
    expect(await reason(registration(), { policy, trust })).toBe('accept');
    expect(await reason(registration({ prefix: 5 }), { policy, trust })).toBe('signature-invalid fido-u2f.signature');
    expect(await reason(registration({ key: 'P-384' }), { policy, trust })).toBe(
      'signature-algorithm fido-u2f.certificate-key',
    );
    expect(await reason(registration({ twice: true }), { policy, trust })).toBe('malformed fido-u2f.one-certificate');
  });
});
