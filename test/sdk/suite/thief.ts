import { fromBase64url } from '../../../src/bytes/base64url.ts';
import { openInvitation } from '../../../src/sdk/crypto/invitation.ts';
import { pointOf, spkiOf } from '../../../src/sdk/crypto/point.ts';
import { selfOf } from '../../../src/sdk/identity.ts';
import { prekeyStore } from '../../../src/sdk/prekeys.ts';
import type { Device } from './cast.ts';
import type { Liar } from './lies.ts';

/** Opens the recorded invitation with what is in the store, every check that is not of keys answered as the thief likes. */
export async function openedBy(thief: Device, by: Device, recorded: Liar): Promise<string> {
  const body = fromBase64url(recorded.heard.find(({ type }) => type === 'invite').body)!;
  const { config } = thief;
  const identityKey = pointOf(spkiOf(by.client.identity.key.publicKey))!;
  const now = Date.now();
  const made = await openInvitation(
    config.crypto,
    {
      self: selfOf(thief.client.identity),
      keys: { ...prekeyStore(config), seen: async () => false, consume: async () => true },
      judge: async () => ({ ok: true, identityKey }),
      knowsOurManifest: async () => true,
      clocks: { local: now, server: now },
    },
    body,
  );
  return made.ok ? 'opened' : made.reason;
}
