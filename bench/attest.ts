/**
 * Verdicts by format: CPU time of one under Node and on workerd, on recorded evidence at its own time; and how many for the same
 * CPU beside the registration verifier of @simplewebauthn/server on the same evidence, in turns, under Node. That verifier
 * checks no path for packed, tpm and fido-u2f. CPU and not time, because other programs take time and no CPU of ours.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyRegistrationResponse } from '@simplewebauthn/server';
import { vectorFolder } from '../cli/support/files.ts';
import { type Asked, evidenceOf } from '../cli/vectors/evidence.ts';
import { familyPolicy } from '../cli/vectors/policy.ts';
import { readVectorFile, text, type Vector } from '../cli/vectors/vector.ts';
import type { Policy } from '../src/attestation/policy/policy.ts';
import { base64url } from '../src/bytes/base64url.ts';
import { startWorkerd, type Workerd } from '../test/support/workerd.ts';
import { judgeWith, type Question } from './attest-question.ts';
import type { Figures } from './run.ts';

interface Sample {
  readonly family: string;
  readonly id: string;
  /** What is measured, with the shape of the chain. */
  readonly name: string;
  /** Whether the other verifier judges the same evidence without a clock or a network of its own. */
  readonly beside: boolean;
}

const SAMPLES: readonly Sample[] = [
  { family: 'webauthn-packed', id: 'yubikey-5-nfc-es256-example-com', name: 'packed, RSA root', beside: true },
  {
    family: 'webauthn-packed',
    id: 'feitian-biopass-three-certificates',
    name: 'packed, EC chain of three',
    beside: false,
  },
  { family: 'webauthn-tpm', id: 'windows-hello-ntc-ecc-2022', name: 'tpm, RSA chain of three', beside: true },
  { family: 'webauthn-fido-u2f', id: 'yubikey-neo', name: 'fido-u2f, RSA root', beside: true },
  { family: 'webauthn-android-key', id: 'pixel-8a-rkp', name: 'android-key, chain of five', beside: false },
  { family: 'webauthn-apple', id: 'apple-2021-08', name: 'apple, P-384 chain of three', beside: false },
  { family: 'android-keystore', id: 'caiman-sdk36-tee-ec-rkp', name: 'android-keystore, chain of five', beside: false },
  {
    family: 'app-attest',
    id: 'app-attest-kayak-production',
    name: 'app-attest, P-384 chain and receipt',
    beside: false,
  },
];

const ROUNDS = 15;
const IN_A_ROUND = 12;
/** The system counts a process's CPU in hundredths of a second. */
const ON_WORKERD = 60;
const TICK_MS = 10;

export async function attest(): Promise<Figures> {
  if (!existsSync(vectorFolder)) throw new Error(`no vectors at ${vectorFolder}; set CALLSIGN_VECTORS`);
  const figures: Record<string, number> = {};
  const ratios: Record<string, number> = {};
  const worker = await startWorkerd({ entry: 'bench/attest-worker.ts', objects: {} });
  try {
    for (const sample of SAMPLES) await measure(sample, worker, figures, ratios);
  } finally {
    await worker.stop();
  }
  return { figures, ratios };
}

async function measure(
  { family, id, name, beside }: Sample,
  worker: Workerd,
  figures: Record<string, number>,
  ratios: Record<string, number>,
): Promise<void> {
  const file = readVectorFile(join(vectorFolder, `${family}.json`));
  const vector = file.vectors.find((candidate) => candidate.id === id);
  const asked = vector === undefined ? null : evidenceOf(vector);
  if (vector === undefined || asked === null) throw new Error(`no vector ${id}`);
  const question = questionOf(asked, withApplication(familyPolicy(file), vector));
  const theirs = beside ? theirVerdict(vector) : null;
  const times = await inTurns(ourVerdict(question), theirs);
  figures[`${name}, Node, CPU ms`] = median(times.ours);
  figures[`${name}, workerd, CPU ms`] = await onWorkerd(question, worker);
  if (theirs === null) return;
  figures[`${name}, @simplewebauthn/server, Node, CPU ms`] = median(times.theirs);
  ratios[`${name}, verdicts per CPU beside @simplewebauthn/server`] = median(times.theirs) / median(times.ours);
}

function questionOf({ evidence, expected }: Asked, policy: Policy): Question {
  const { transcript, identityKey, now, rpId, origins } = expected;
  const sent = { transcript: base64url(transcript), identityKey: base64url(identityKey), now, rpId, origins };
  return { evidence, expected: sent, policy };
}

/** Median over rounds of the CPU that workerd took for a request of many verdicts, divided by their number; the first warms up. */
async function onWorkerd(question: Question, worker: Workerd): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i <= ROUNDS; i++) {
    const before = cpuOf(worker);
    const body = JSON.stringify({ question, times: ON_WORKERD });
    const response = await fetch(worker.url, { method: 'POST', body });
    if (!response.ok) throw new Error(await response.text());
    await response.text();
    times.push((cpuOf(worker) - before) / ON_WORKERD);
  }
  return median(times.slice(1));
}

/** User and system time of a process, ms (proc(5), stat, fields 14 and 15). */
function cpuOf({ pid }: Workerd): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

function withApplication(policy: Policy, { input }: Vector): Policy {
  if (input['teamId'] === undefined) return policy;
  const applications = [`${text(input['teamId'])}.${text(input['bundleId'])}`];
  return { ...policy, apple: { applications, environments: ['production', 'development'] } };
}

function ourVerdict(question: Question): () => Promise<void> {
  const judge = judgeWith(question);
  return async () => {
    const { decision, reason } = await judge();
    if (decision !== 'accept') throw new Error(`refused: ${reason}`);
  };
}

function theirVerdict({ input }: Vector): () => Promise<void> {
  const id = text(input['credentialId']);
  const response = {
    id,
    rawId: id,
    type: 'public-key' as const,
    response: {
      attestationObject: text(input['attestationObject']),
      clientDataJSON: text(input['clientDataJSON']),
    },
    clientExtensionResults: {},
  };
  return async () => {
    const { verified } = await verifyRegistrationResponse({
      response,
      expectedChallenge: text(input['challenge']),
      expectedOrigin: text(input['origin']),
      expectedRPID: text(input['rpId']),
      requireUserVerification: false,
    });
    if (!verified) throw new Error('refused by @simplewebauthn/server');
  };
}

async function inTurns(ours: () => Promise<void>, theirs: (() => Promise<void>) | null) {
  const times = { ours: [] as number[], theirs: [] as number[] };
  await round(ours);
  if (theirs !== null) await round(theirs);
  for (let i = 0; i < ROUNDS; i++) {
    times.ours.push(...(await round(ours)));
    if (theirs !== null) times.theirs.push(...(await round(theirs)));
  }
  return times;
}

/** CPU of this process for one verdict, ms; of many together, because threads that verify signatures are in it too. */
async function round(verdict: () => Promise<void>): Promise<readonly number[]> {
  const started = process.cpuUsage();
  for (let i = 0; i < IN_A_ROUND; i++) await verdict();
  const { user, system } = process.cpuUsage(started);
  return [(user + system) / 1_000 / IN_A_ROUND];
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!;
}
