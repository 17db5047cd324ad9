import type { Checklist } from '../checklist.ts';
import type { Policy } from '../policy/policy.ts';
import type { FormatId, Reason } from '../verdict.ts';
import type { Anchor, AnchorClass, TrustStore } from './store.ts';

/** The anchors of one format, of every class: a chain that ends at a test root is refused by that name, not as unknown. */
export function anchorsFor(trust: TrustStore, format: FormatId): readonly Anchor[] {
  return trust.anchors.filter((anchor) => anchor.class !== 'metadata' && anchor.formats.includes(format));
}

const REFUSAL: Readonly<Record<AnchorClass, Reason>> = {
  hardware: 'untrusted-root',
  'virtual-tpm': 'assurance',
  software: 'software-key',
  metadata: 'untrusted-root',
  development: 'untrusted-root',
  test: 'test-root',
};

/** Whether policy takes chains that end at this anchor. The one place where a class of anchor becomes a decision. */
export function judgeAnchor(anchor: Anchor, policy: Policy, steps: Checklist): void {
  steps.fact('anchor', { id: anchor.id, class: anchor.class, vendor: anchor.vendor });
  steps.demand(
    policy.anchorClasses.some((allowed) => allowed === anchor.class),
    'trust.anchor-class',
    'policy anchorClasses',
    anchor.refusal ?? REFUSAL[anchor.class],
    `chain ends at ${anchor.id}, class ${anchor.class}`,
  );
}
