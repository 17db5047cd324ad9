/** What the sealed invitation says of the group: enough to verify the whole log from its first entry on. */
import * as v from 'valibot';
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import type { Bytes } from '../crypto/provider.ts';

export interface Invited {
  /** Hash of the founder's JOIN, with which the log must begin. */
  readonly founder: Bytes;
  /** Hash of the ADMIT under which the newcomer joins; its signer must be who seals this. */
  readonly admission: Bytes;
}

const Hash = v.pipe(
  v.string(),
  v.length(43),
  v.transform(fromBase64url),
  v.check((bytes) => bytes?.length === 32),
  v.transform((bytes) => bytes!),
);
const Schema = v.object({ founder: Hash, admission: Hash });

export function readInvited(group: unknown): Invited | null {
  const read = v.safeParse(Schema, group);
  return read.success ? read.output : null;
}

/** May not be ignored: a device that knows no groups rings nothing. */
export function inviteInto({ founder, admission }: Invited): { group: Record<string, unknown>; must: string[] } {
  return { group: { founder: base64url(founder), admission: base64url(admission) }, must: ['group'] };
}
