/**
 * Android Keystore key attestation (developer.android.com, "Verify hardware-backed key pairs with key attestation"; schema at
 * source.android.com, "Key and ID attestation"). The attested key is the identity key itself.
 */
import * as v from 'valibot';
import { equal } from '../../bytes/join.ts';
import { demandKeyDescription, judgeKeyDescription, judgeStatus } from '../android/judge.ts';
import type { KeyDescription } from '../android/key-description.ts';
import type { Checklist } from '../checklist.ts';
import { bytesOfAtMost } from '../fields.ts';
import type { Format } from '../format.ts';
import { type Certificate, MAX_CERTIFICATE, readCertificates } from '../path/certificate.ts';
import { judgePath } from '../path/judge.ts';
import { android } from '../path/profiles/android.ts';
import { isAvailable } from '../path/signature.ts';
import { MAX_CHAIN } from '../path/validate.ts';
import type { Policy } from '../policy/policy.ts';
import { recordPath } from '../trust/chain.ts';
import { anchorsFor } from '../trust/judge.ts';

const GUIDE = 'Android, Verify hardware-backed key pairs';

export interface AndroidKeystoreEvidence {
  /** As `KeyStore.getCertificateChain()` gives it, leaf first; the root may be left out. */
  readonly chain: readonly Certificate[];
}

const schema = v.object({
  certificateChain: v.pipe(v.array(bytesOfAtMost(MAX_CERTIFICATE)), v.minLength(1), v.maxLength(MAX_CHAIN)),
});

export const androidKeystore: Format<AndroidKeystoreEvidence> = {
  id: 'android-keystore',

  read(fields) {
    const result = v.safeParse(schema, fields);
    const chain = result.success ? readCertificates(result.output.certificateChain) : null;
    return chain === null ? null : { chain };
  },

  async verify({ chain }, expected, trust, policy, steps: Checklist) {
    const { now } = expected;
    const leaf = chain[0]!;
    // Step 2: the chain ends at a root of Google's, by position, signature and validity.
    const anchors = anchorsFor(trust, 'android-keystore');
    const { path, anchor } = await judgePath({ chain, anchors, now, profile: android }, policy, steps);
    recordPath(path, steps);
    // Step 3: none of the certificates was revoked or suspended.
    judgeStatus([...chain.slice(1), anchor.certificate], trust, policy, expected.listsAt ?? now, steps);
    // Step 5: the record in the leaf, and only there.
    const description = demandKeyDescription(leaf, steps);
    // Step 6: it is about this request, this key, and a device and application that policy takes.
    const fresh = equal(description.challenge, expected.transcript);
    steps.demand(
      fresh,
      'android.challenge',
      GUIDE,
      'challenge-mismatch',
      'attestationChallenge is the enrollment transcript',
    );
    const same = equal(leaf.spki, expected.identityKey);
    steps.demand(
      same,
      'android.key',
      'docs/protocol/enrollment.md',
      'key-mismatch',
      "the identity key is the leaf's key",
    );
    const available = await isAvailable(leaf.key);
    const algorithm = `this runtime verifies signatures of ${leaf.key.kind} keys`;
    steps.demand(available, 'android.algorithm', 'docs/protocol/enrollment.md', 'algorithm-unavailable', algorithm);
    const finding = judgeKeyDescription(description, path, policy, steps);
    judgeApplication(description, policy, steps);
    return {
      assurance: {
        ...finding,
        identityKeyHardware: finding.attestedKeyHardware,
        freshness: 'challenge',
        trustAnchor: anchor.id,
      },
      attestedKey: leaf.spki,
      identityBinding: 'key-attested',
    };
  },
};

/** Exactly one package, known to policy, and signed by exactly the certificates that policy names for it. */
function judgeApplication({ softwareEnforced }: KeyDescription, policy: Policy, steps: Checklist): void {
  const rule = 'policy android.applications';
  const { applications } = policy.android;
  if (applications === 'any') {
    steps.skip('android.application', rule, 'policy takes any application');
    return;
  }
  const { packages, digests } = softwareEnforced.applicationId ?? { packages: [], digests: [] };
  const name = packages.length === 1 ? packages[0]!.name : null;
  const known = applications.find((application) => application.package === name);
  const detail =
    packages.length === 1 ? `package ${name}, ${applications.length} named` : `${packages.length} packages`;
  steps.rule(known !== undefined, 'android.application', rule, 'application', detail);
  const signed = digests.length > 0 && digests.every((digest) => known?.digests.includes(digest) === true);
  steps.rule(signed, 'android.application-digest', rule, 'application', `signed by ${digests.join(', ') || 'nobody'}`);
}
