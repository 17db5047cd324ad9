import * as v from 'valibot';
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { Media } from '../../protocol/call.ts';
import type { Offer } from '../crypto/content.ts';
import { ownHead } from '../identity.ts';
import type { Ground } from './ground.ts';

/** How long a sealed invitation or answer counts, ms. */
export const SEALED_LIFE_MS = 110_000;

const Sealed = v.looseObject({ kinds: Media });

/** The media kinds that a sealed body names; null when it names none. */
export function kindsOf({ media }: Pick<Offer, 'media'>): string[] | null {
  const read = v.safeParse(Sealed, media);
  return read.success ? read.output.kinds : null;
}

/** What a sealed body says of this device. */
export async function offerOf({ config, api }: Ground, media: readonly string[]): Promise<Offer> {
  const { account, chain } = api.identity;
  const head = await ownHead(config, account);
  return {
    certificates: chain.map((der) => base64url(der)),
    handleAssertion: null,
    manifest: { version: head.version, hash: fromBase64url(head.hash) ?? new Uint8Array() },
    media: { kinds: [...media] },
    transport: {},
  };
}
