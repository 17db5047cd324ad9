/** The path validator: RFC 5280 §6.1 for a given chain, with one profile's exceptions and additions. Never throws. */
import { equal } from '../../bytes/join.ts';
import { checkPath } from './check.ts';
import { findEnd } from './find.ts';
import { invalid, untrusted, type Violation } from './profile.ts';
import { MAX_CHAIN, type PathQuery, type PathResult } from './query.ts';

export { MAX_CHAIN, type PathQuery, type PathResult } from './query.ts';

const RFC = 'RFC 5280 §6.1';

export async function validatePath(query: PathQuery): Promise<PathResult> {
  const shape = checkShape(query);
  if (shape !== null) return { ok: false, anchor: null, ...shape };
  const found = await findEnd(query);
  if (!('path' in found)) return { ok: false, ...found };
  const { path, anchor } = found;
  const violation = (await checkPath(found, query)) ?? query.profile.rules(path, anchor, query.chain);
  return violation === null ? { ok: true, anchor, path } : { ok: false, anchor, ...violation };
}

function checkShape({ chain, anchors }: PathQuery): Violation | null {
  if (chain.length === 0 || chain.length > MAX_CHAIN) {
    return { ...invalid(null, 'path.length', RFC, `${chain.length} certificates`), reason: 'malformed' };
  }
  if (anchors.length === 0) return untrusted('path.anchors', 'no anchor is configured for this format');
  for (let i = 1; i < chain.length; i++) {
    if (!equal(chain[i - 1]!.issuer.der, chain[i]!.subject.der)) {
      return invalid(i - 1, 'path.names', `${RFC}.3 (a)(4)`, 'the issuer is not the subject of the next certificate');
    }
    if (chain.slice(0, i).some((earlier) => equal(earlier.der, chain[i]!.der))) {
      return invalid(i, 'path.repeated', `${RFC}.1`, 'a certificate appears twice');
    }
  }
  return null;
}
