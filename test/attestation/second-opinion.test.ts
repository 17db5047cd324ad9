/** @simplewebauthn/server as a second opinion, on evidence where the two should agree. What it leaves to its caller is not asked of it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { verifyAuthenticationResponse, verifyRegistrationResponse } from '@simplewebauthn/server';
import { describe, expect, it } from 'vitest';
import { vectorFolder } from '../../cli/support/files.ts';
import { evidenceOf } from '../../cli/vectors/evidence.ts';
import { familyPolicy } from '../../cli/vectors/policy.ts';
import { bytes, readVectorFile, text, type Vector, type VectorFile } from '../../cli/vectors/vector.ts';
import { builtInTrust } from '../../src/attestation/trust/load.ts';
import type { Verdict } from '../../src/attestation/verdict.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';
import { verifyAssertion } from '../../src/attestation/webauthn/assertion.ts';

/** Families whose paths it does not judge by a clock of its own. */
const FAMILIES = ['webauthn-packed', 'webauthn-fido-u2f', 'w3c-level3'];

/** What the specification's vectors leave out is asked for by the one or the other. */
const DIFFERENT: ReadonlySet<string> = new Set([
  'w3c-l3-tpm-es256',
  'w3c-l3-android-key-es256',
  'w3c-l3-apple-es256',
  'w3c-l3-fido-u2f-es256',
  'w3c-l3-packed-ed448',
  'w3c-l3-none-es256-toporigin',
]);

const trust = builtInTrust();
const vectors = existsSync(vectorFolder)
  ? FAMILIES.flatMap((family) => {
      const file = readVectorFile(join(vectorFolder, `${family}.json`));
      return file.vectors.filter(({ id }) => !DIFFERENT.has(id)).map((vector) => [vector.id, vector, file] as const);
    })
  : [];

async function ours(vector: Vector, file: VectorFile): Promise<Verdict> {
  const asked = evidenceOf(vector)!;
  return verifyEvidence(asked.evidence, asked.expected, trust, familyPolicy(file));
}

const registration = ({ input }: Vector) => ({
  response: {
    id: text(input['credentialId']),
    rawId: text(input['credentialId']),
    type: 'public-key' as const,
    response: {
      attestationObject: text(input['attestationObject']),
      clientDataJSON: text(input['clientDataJSON']),
    },
    clientExtensionResults: {},
  },
  expectedChallenge: text(input['challenge']),
  expectedOrigin: text(input['origin']),
  expectedRPID: text(input['rpId']),
  requireUserVerification: false,
  supportedAlgorithmIDs: [-7, -8, -35, -36, -257],
});

async function theirs(vector: Vector, change: object = {}): Promise<string | null> {
  try {
    const { verified, registrationInfo } = await verifyRegistrationResponse({ ...registration(vector), ...change });
    return verified ? registrationInfo.credential.id : null;
  } catch {
    return null;
  }
}

describe.skipIf(vectors.length === 0)('where the two should agree', () => {
  const accepted = vectors.filter(
    ([
      ,
      {
        expect: { verdict },
      },
    ]) => verdict === 'accept',
  );

  it.each(accepted)('%s: both accept the registration, for the same credential', async (_, vector, file) => {
    const verdict = await ours(vector, file);
    expect(verdict.decision).toBe('accept');
    expect(await theirs(vector)).toBe(verdict.facts['credentialId']);
  });

  it.each(accepted)('%s: both refuse another challenge, origin and relying party', async (_, vector, file) => {
    const asked = evidenceOf(vector)!;
    const policy = familyPolicy(file);
    for (const change of [
      { transcript: new Uint8Array(32) },
      { origins: ['https://other.example'] },
      { rpId: 'other.example' },
    ]) {
      const verdict = await verifyEvidence(asked.evidence, { ...asked.expected, ...change }, trust, policy);
      expect(verdict.decision).toBe('refuse');
    }
    for (const change of [
      { expectedChallenge: 'AAAA' },
      { expectedOrigin: 'https://other.example' },
      { expectedRPID: 'other.example' },
    ]) {
      expect(await theirs(vector, change)).toBeNull();
    }
  });

  const asserted = accepted.filter(([, { input }]) => input['assertion'] !== undefined);

  it.each(asserted)('%s: both verify the assertion, and refuse it changed', async (_, vector, file) => {
    const verdict = await ours(vector, file);
    const given = vector.input['assertion'] as Readonly<Record<string, unknown>>;
    const judge = async (signature: string) => [
      await ourAssertion(vector, verdict, file, signature),
      await theirAssertion(vector, verdict, signature),
    ];
    const signature = text(given['signature']);
    expect(await judge(signature)).toEqual([true, true]);
    const last = bytes(signature).map((byte, i, all) => (i === all.length - 1 ? byte ^ 1 : byte));
    expect(await judge(Buffer.from(last).toString('base64url'))).toEqual([false, false]);
  });
});

async function ourAssertion(
  { input }: Vector,
  verdict: Verdict,
  file: VectorFile,
  signature: string,
): Promise<boolean> {
  const given = input['assertion'] as Readonly<Record<string, unknown>>;
  const { facts } = verdict;
  const result = await verifyAssertion(
    {
      credentialId: bytes(input['credentialId']),
      clientDataJson: bytes(given['clientDataJSON']),
      authenticatorData: bytes(given['authenticatorData']),
      signature: bytes(signature),
    },
    {
      credentialId: bytes(facts['credentialId']),
      attestedKey: bytes(verdict.attestedKey),
      algorithm: Number(facts['credentialAlgorithm']),
      signCount: Number(facts['signCount']),
      backupEligible: facts['backupEligible'] === true,
    },
    {
      challenge: bytes(given['challenge']),
      rpId: text(input['rpId']),
      origins: [text(given['origin'] ?? input['origin'])],
    },
    familyPolicy(file),
  );
  return result.ok;
}

async function theirAssertion({ input }: Vector, verdict: Verdict, signature: string): Promise<boolean> {
  const given = input['assertion'] as Readonly<Record<string, unknown>>;
  const id = text(input['credentialId']);
  try {
    const { verified } = await verifyAuthenticationResponse({
      response: {
        id,
        rawId: id,
        type: 'public-key',
        response: {
          clientDataJSON: text(given['clientDataJSON']),
          authenticatorData: text(given['authenticatorData']),
          signature,
        },
        clientExtensionResults: {},
      },
      expectedChallenge: text(given['challenge']),
      expectedOrigin: text(given['origin'] ?? input['origin']),
      expectedRPID: text(input['rpId']),
      requireUserVerification: false,
      credential: {
        id,
        publicKey: bytes(input['credentialPublicKey']),
        counter: Number(verdict.facts['signCount']),
      },
    });
    return verified;
  } catch {
    return false;
  }
}
