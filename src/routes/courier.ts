import { base64url } from '../bytes/base64url.ts';
import { accountOf, ask, deviceOf } from '../http/ask.ts';
import { verifyHello } from '../http/auth/hello.ts';
import { mintNonce } from '../http/auth/nonce.ts';
import { factory } from '../http/context.ts';
import { dormantExpectation } from '../http/identity.ts';
import { problem } from '../http/problem.ts';
import { ofActor } from '../http/refusals.ts';
import { subprotocols, upgrade, upgradeRefusal } from '../http/upgrade.ts';
import { COURIER_PROTOCOL } from '../protocol/courier.ts';
import type { Services } from '../http/services.ts';

const NONCE_MS = 300_000;
/** Of a welcome: long enough for the next reconnect to be one round trip. */
const NEXT_NONCE_MS = 24 * 3_600_000;

function helloNonce(services: Services, device: string | null, life: number): string {
  const nonce = { purpose: 'hello', device, account: null, detail: '', expiresAt: services.now() + life } as const;
  return mintNonce(services.keys.nonces, nonce, services.random(16));
}

/** The one live connection of a device. Everything is verified here; strangers wake no object. */
export const courier = factory
  .createApp()
  .get('/v1/courier/nonce', (c) =>
    c.json({ nonce: helloNonce(c.var.services, null, NONCE_MS), serverNow: c.var.services.now() }),
  )
  .get('/v1/courier', async (c) => {
    const refused = upgradeRefusal(c);
    if (refused) return refused;
    const [protocol, jws] = subprotocols(c);
    if (protocol !== COURIER_PROTOCOL || jws === undefined) return problem(c, 'bad-request', 'subprotocol');
    const { services } = c.var;
    const { deployment, keys, now } = services;
    const greeted = await verifyHello(jws, {
      deployment: deployment.id,
      nonceKeys: keys.nonces,
      identity: dormantExpectation(services, now()),
    });
    if (!greeted.ok) return problem(c, 'unauthenticated', greeted.reason);
    const { identity, hello, nonceId, replayUntil } = greeted.greeted;
    if (identity.account === null) return problem(c, 'forbidden', 'no-account');
    const key = base64url(identity.key);
    const standing = await ask(c, accountOf(identity.account), { do: 'authorize', device: identity.device, key });
    if (!standing.ok) return standing.response;
    if (!standing.value.ok) {
      const { slug, reason } = ofActor(standing.value.reason);
      return problem(c, slug, reason);
    }
    const body = {
      do: 'courier',
      account: identity.account,
      device: identity.device,
      key,
      pushTokenHash: hello.pushTokenHash,
      box: hello.box,
      lastSeq: hello.lastSeq,
      notAfter: identity.certificate.notAfter,
      nextNonce: helloNonce(services, identity.device, NEXT_NONCE_MS),
      nonce: { id: nonceId, until: replayUntil },
    };
    return upgrade(c, deviceOf(identity.device), { tags: ['courier'], body, protocol });
  });
