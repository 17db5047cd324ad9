/** The path of one statement: validated under its profile, judged by the class of its anchor, remembered for later lists. */
import { sha256 } from '@noble/hashes/sha2.js';
import { hex } from '../../bytes/hex.ts';
import type { Checklist } from '../checklist.ts';
import type { Certificate } from '../path/certificate.ts';
import { judgePath } from '../path/judge.ts';
import type { Path, Profile } from '../path/profile.ts';
import type { FormatId } from '../verdict.ts';
import type { Judging } from '../webauthn/statement.ts';
import { anchorsFor } from './judge.ts';
import type { Anchor } from './store.ts';

export interface ChainQuestion {
  readonly format: FormatId;
  readonly profile: Profile;
  readonly chain: readonly Certificate[];
}

export async function judgeChain(
  { format, profile, chain }: ChainQuestion,
  { now, trust, policy }: Judging,
  steps: Checklist,
): Promise<Anchor> {
  const anchors = anchorsFor(trust, format);
  const { anchor, path } = await judgePath({ chain, anchors, now, profile }, policy, steps);
  recordPath(path, steps);
  return anchor;
}

/** What a revocation list or a later policy is compared with. */
export function recordPath(path: Path, steps: Checklist): void {
  steps.fact(
    'chain',
    path.map((certificate) => ({ serial: certificate.serial, spki: hex(sha256(certificate.spki)) })),
  );
}
