/**
 * Native TPM 2.0: an endorsement key that its maker certified, an attestation key that was activated against it, and a
 * statement by that key about the identity key, over our transcript.
 * TCG EK Credential Profile 2.6; TPM 2.0 Library Part 1 §24 (credential activation), Part 2 §10.12 (statements).
 */
import { hex } from '../../bytes/hex.ts';
import { equal } from '../../bytes/join.ts';
import type { Checklist } from '../checklist.ts';
import type { Expected, Finding, Format } from '../format.ts';
import { readCertificates } from '../path/certificate.ts';
import { judgePath } from '../path/judge.ts';
import { ek } from '../path/profiles/ek.ts';
import { tpmAttributes } from '../path/tpm-name.ts';
import type { Policy } from '../policy/policy.ts';
import { checkActivation, endorsementKeyHash } from '../tpm/activation.ts';
import type { Attest } from '../tpm/attest.ts';
import { readAttest, TPM_GENERATED } from '../tpm/attest.ts';
import type { Tpm2Evidence } from '../tpm/evidence.ts';
import { readTpm2 } from '../tpm/evidence.ts';
import { gradeTpm } from '../tpm/grade.ts';
import type { KeyProblem } from '../tpm/keys.ts';
import { attestationKeyProblem, identityKeyProblem } from '../tpm/keys.ts';
import { nameOf } from '../tpm/name.ts';
import type { ReadPublic } from '../tpm/public.ts';
import { readPublic } from '../tpm/public.ts';
import { judgeQuote } from '../tpm/quote.ts';
import { readSignature, verifyTpmSignature } from '../tpm/signature.ts';
import { isKeyOf, spkiOf } from '../tpm/spki.ts';
import { ekTemplateOf } from '../tpm/templates.ts';
import { recordPath } from '../trust/chain.ts';
import { anchorsFor } from '../trust/judge.ts';
import type { TrustStore } from '../trust/store.ts';
import type { KeyHardware } from '../verdict.ts';

const PROFILE = 'TCG EK Credential Profile 2.6';
const PART1 = 'TPM 2.0 Part 1';
const PART2 = 'TPM 2.0 Part 2';

export const tpm2: Format<Tpm2Evidence> = {
  id: 'tpm2',
  read: readTpm2,

  async verify(
    evidence: Tpm2Evidence,
    expected: Expected,
    trust: TrustStore,
    policy: Policy,
    steps: Checklist,
  ): Promise<Finding> {
    // 1. The endorsement key: its shape, its certificate, and that the certificate is of this key.
    const endorsement = readKey(evidence.endorsementKey, 'tpm2.endorsement-key', steps);
    const { hardware, trustAnchor } = await judgeEndorsement(endorsement, evidence, expected, trust, policy, steps);

    // 2. The attestation key: made in a TPM, unable to leave it, signing only what the TPM states.
    const attestation = readKey(evidence.attestationKey, 'tpm2.attestation-key', steps);
    judgeKey(attestationKeyProblem(attestation), 'tpm2.attestation-key', `${PART2} §8.3`, steps);

    // 3. Both keys are in one TPM: it released the secret that was sealed to this pair.
    judgeActivation(endorsement, attestation, evidence, expected, steps);

    // 4. The attestation key states that the identity key is in the same TPM, over our transcript.
    const identity = readKey(evidence.identityKey, 'tpm2.identity-key', steps);
    const certified = await judgeStatement('certify', evidence.certify, attestation, expected, steps);
    steps.demand(
      equal(certified.name, nameOf(identity)),
      'tpm2.certify-name',
      `${PART1} §16`,
      'key-mismatch',
      'the statement is about the identity key',
    );

    // 5. The identity key: what the certificate will name, and as hard to move as the attestation key.
    judgeKey(identityKeyProblem(identity), 'tpm2.identity-key', `${PART2} §8.3`, steps);
    const attestedKey = spkiOf(identity.key);
    steps.demand(
      equal(attestedKey, expected.identityKey),
      'tpm2.identity-spki',
      'docs/tpm.md, step 5',
      'key-mismatch',
      'the certified key is the key that asks for a certificate',
    );

    // 6. The platform's state, where policy asks for it.
    await judgePlatform(evidence, attestation, expected, policy, steps);

    const assurance = { attestedKeyHardware: hardware, identityKeyHardware: hardware, freshness: 'challenge' } as const;
    return { assurance: { ...assurance, trustAnchor }, attestedKey, identityBinding: 'key-attested' };
  },
};

function readKey(bytes: Uint8Array, id: string, steps: Checklist): ReadPublic {
  return steps.present(readPublic(bytes), `${id}-structure`, `${PART2} §12.2.4`, 'malformed', 'TPMT_PUBLIC is whole');
}

function judgeKey(problem: KeyProblem | null, id: string, spec: string, steps: Checklist): void {
  const rule = problem === null ? id : `${id}-${problem.rule}`;
  const detail = problem === null ? 'attributes, scheme and size are as required' : `the key ${problem.detail}`;
  steps.demand(problem === null, rule, spec, problem?.reason ?? 'attributes', detail);
}

async function judgeEndorsement(
  endorsement: ReadPublic,
  evidence: Tpm2Evidence,
  expected: Expected,
  trust: TrustStore,
  policy: Policy,
  steps: Checklist,
): Promise<{ readonly hardware: KeyHardware; readonly trustAnchor: string }> {
  const template = steps.present(
    ekTemplateOf(endorsement),
    'tpm2.endorsement-template',
    `${PROFILE} annex B`,
    'attributes',
    'the endorsement key was made from a TCG template',
  );
  const chain = steps.present(
    readCertificates(evidence.endorsementCertificates),
    'tpm2.endorsement-certificates',
    'RFC 5280 §4.1',
    'malformed',
    `${evidence.endorsementCertificates.length} certificates`,
  );
  const query = { chain, anchors: anchorsFor(trust, 'tpm2'), intermediates: trust.intermediates };
  const { anchor, path } = await judgePath({ ...query, now: expected.now, profile: ek }, policy, steps);
  recordPath(path, steps);
  steps.demand(
    isKeyOf(chain[0]!.key, endorsement.key),
    'tpm2.endorsement-key',
    `${PROFILE} §3.2.6`,
    'key-mismatch',
    'the certificate is of the endorsement key that was used',
  );
  const named = tpmAttributes(chain[0]!);
  steps.fact('endorsementKey', hex(endorsementKeyHash(endorsement)));
  steps.fact('endorsementTemplate', template.name);
  steps.fact('endorsementSerial', chain[0]!.serial);
  steps.fact('tpm', named && { ...named });
  steps.rule(
    named === null || !policy.tpm.vendorsDeny.includes(named.manufacturer),
    'tpm2.vendor',
    'policy tpm.vendorsDeny',
    'vendor-refused',
    `manufacturer ${named?.manufacturer ?? 'not named'}`,
  );
  return { hardware: gradeTpm(anchor, named?.manufacturer ?? null), trustAnchor: anchor.id };
}

function judgeActivation(
  endorsement: ReadPublic,
  attestation: ReadPublic,
  evidence: Tpm2Evidence,
  expected: Expected,
  steps: Checklist,
): void {
  const spec = `${PART1} §24`;
  const state = steps.present(
    expected.activation,
    'tpm2.activation',
    spec,
    'challenge-mismatch',
    'an activation challenge was made for this enrollment',
  );
  const misfit = checkActivation(state, endorsement, attestation, evidence.secret);
  steps.demand(
    misfit !== 'endorsementKey',
    'tpm2.activation-endorsement-key',
    spec,
    'key-mismatch',
    'the challenge was sealed to this endorsement key',
  );
  steps.demand(
    misfit !== 'attestationKey',
    'tpm2.activation-name',
    spec,
    'key-mismatch',
    "the challenge was sealed to this attestation key's Name",
  );
  steps.demand(
    misfit === null,
    'tpm2.activation-secret',
    spec,
    'challenge-mismatch',
    'the released secret is the sealed one',
  );
  steps.fact('attestationKeyName', hex(nameOf(attestation)));
}

/** A statement of the wanted kind, signed by the activated attestation key over the transcript. */
async function judgeStatement<K extends Attest['attested']['kind']>(
  kind: K,
  { statement, signature }: { readonly statement: Uint8Array; readonly signature: Uint8Array },
  attestation: ReadPublic,
  expected: Expected,
  steps: Checklist,
): Promise<Extract<Attest['attested'], { kind: K }>> {
  const id = `tpm2.${kind}`;
  const attest = steps.present(
    readAttest(statement),
    `${id}-structure`,
    `${PART2} §10.12.12`,
    'malformed',
    'TPMS_ATTEST is whole',
  );
  const signed = steps.present(
    readSignature(signature),
    `${id}-signature-structure`,
    `${PART2} §11.3.4`,
    'malformed',
    'TPMT_SIGNATURE is whole',
  );
  const magic = `${PART2} §6.2`;
  steps.demand(attest.magic === TPM_GENERATED, `${id}-magic`, magic, 'malformed', 'the TPM made the statement itself');
  steps.demand(
    attest.attested.kind === kind,
    `${id}-type`,
    `${PART2} §6.9`,
    'malformed',
    `type ${attest.attested.kind}`,
  );
  const result = await verifyTpmSignature(signed, attestation, statement);
  const reason = result.ok ? 'signature-invalid' : result.reason;
  const scheme = `${signed.scheme} with ${signed.hash}`;
  steps.demand(result.ok, `${id}-signature`, `${PART1} §31`, reason, `signed by the attestation key, ${scheme}`);
  steps.demand(
    equal(attest.extraData, expected.transcript),
    `${id}-transcript`,
    'docs/protocol/enrollment.md §2',
    'challenge-mismatch',
    'qualifyingData is the transcript of this enrollment',
  );
  recordClock(attest, steps);
  return attest.attested as Extract<Attest['attested'], { kind: K }>;
}

/** For whoever compares later enrollments of one attestation key: a clock that goes back was reset. */
function recordClock({ clockInfo, firmwareVersion }: Attest, steps: Checklist): void {
  const { clock, resetCount, restartCount, safe } = clockInfo;
  steps.fact('tpmClock', { clock: `${clock}`, resetCount, restartCount, safe });
  steps.fact('tpmFirmware', firmwareVersion.toString(16).padStart(16, '0'));
}

async function judgePlatform(
  { quote }: Tpm2Evidence,
  attestation: ReadPublic,
  expected: Expected,
  policy: Policy,
  steps: Checklist,
): Promise<void> {
  const { pcrs } = policy.tpm;
  if (quote === undefined) {
    const wanted = 'policy tpm.pcrs';
    if (pcrs === null) steps.skip('tpm2.quote', wanted, 'policy asks for no quote');
    else steps.demand(false, 'tpm2.quote', wanted, 'boot-state', 'policy asks for a quote and the evidence has none');
    return;
  }
  const quoted = await judgeStatement('quote', quote, attestation, expected, steps);
  judgeQuote(quoted, quote.pcrs, pcrs, steps);
}
