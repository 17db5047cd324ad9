/** How bytes stand in evidence. */
import * as v from 'valibot';
import { fromBase64url } from '../bytes/base64url.ts';

/** Text of one field: canonical base64url without padding, of at most `most` bytes. */
export function bytesOfAtMost(most: number) {
  return v.pipe(
    v.string(),
    v.maxLength(Math.ceil((most * 4) / 3)),
    v.transform(fromBase64url),
    v.custom<Uint8Array<ArrayBuffer>>((bytes) => bytes !== null),
  );
}
