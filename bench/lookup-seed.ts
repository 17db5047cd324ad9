/**
 * Inside Deno: accounts with three devices each in a data folder, made by the actors' own commands: manifests of three versions, a
 * certificate, a bundle and 20 one-time keys per device, and the handle's row. Keys and signatures are random bytes of the right size,
 * because nothing that serves a lookup verifies them. The environment is the server's. Arguments: how many accounts.
 */
import { account } from '../src/actors/account/account.ts';
import { call } from '../src/actors/call/call.ts';
import { device } from '../src/actors/device/device.ts';
import type { Json } from '../src/actors/port.ts';
import { base64url } from '../src/bytes/base64url.ts';
import { openRepositories } from '../src/db/open.ts';
import { openBindings } from '../src/hosts/deno/bindings.ts';
import { readConfig } from '../src/hosts/deno/config.ts';
import { openSecrets } from '../src/hosts/secrets.ts';
import { handleHash } from '../src/http/handles.ts';
import { commitmentOf } from '../src/directory/handle/commitment.ts';
import { Town } from '../test/actors/people.ts';

const IN_FLIGHT = 64;
const DEVICES = 3;
const KEYS = 20;
const DAY_MS = 86_400_000;
const count = Number(process.argv[2]);
const config = readConfig(process.env);
const { keys } = await openSecrets(process.env, config.settings.origin, 'development');
const bindings = await openBindings(config, {
  actors: [account, device, call],
  // Events are forgotten as each account is done: else every actor would ask for them every 30 s, here and at the server.
  consumers: () => new Map([['events', async () => ({ done: true as const })]]),
  rests: new Map(),
});
const { actors } = bindings;
const db = openRepositories(bindings.d1);
const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));
const text = (bytes: number) => base64url(random(bytes));
const town = new Town({
  /** Seeding may take longer than a manifest may be old. */
  get now() {
    return Date.now();
  },
  dice: { bytes: random },
  command: (to, key, body) => actors.command(to, key, body as Json),
  pass: async () => undefined,
});

async function seed(index: number): Promise<void> {
  const handle = `mail1:person-${index}@example.com`;
  const salt = random(32);
  const person = await town.person(DEVICES, commitmentOf(salt, handle));
  const now = Date.now();
  const told = {
    handle,
    salt: base64url(salt),
    commitment: commitmentOf(salt, handle),
    method: 'inbox',
    verifiedAt: now,
  };
  await town.tell('account', person.account, { do: 'handle', ...told });
  for (const one of person.devices) {
    const dates = { manifestVersion: 1, notBefore: now, expiresAt: now + 21 * DAY_MS, signature: text(64) };
    const able = {
      manifestVersion: 1,
      issuedAt: now,
      media: ['audio', 'video'],
      codecs: ['opus'],
      protocol: { min: 1, max: 1 },
    };
    const bundle = {
      suite: 1,
      signedPrekey: { ...dates, keyId: 3, key: text(65) },
      lastResort: { ...dates, keyId: 4, key: text(1_184) },
      capabilities: { ...able, signature: text(64) },
    };
    await town.tell('device', one.device, { do: 'publish', bundle, hash: text(32), until: now + 90 * DAY_MS });
    const batch = {
      batchId: text(16),
      manifestVersion: 1,
      firstKeyId: 5,
      count: KEYS,
      expiresAt: now + DAY_MS,
      root: text(32),
      signature: text(64),
    };
    await town.tell('device', one.device, {
      do: 'one-time',
      upload: { batch, keys: Array.from({ length: KEYS }, () => text(65)) },
    });
  }
  await town.tell('account', person.account, { do: 'events-shipped', upTo: Number.MAX_SAFE_INTEGER });
  for (const { device: name } of person.devices)
    await town.tell('device', name, { do: 'events-shipped', upTo: Number.MAX_SAFE_INTEGER });
  const owner = { account: person.account, verifiedAt: now, method: 'inbox' };
  await db.handles.attach(handleHash({ keys }, handle), owner, `seed-${index}`, 0);
}

let next = 0;
await Promise.all(
  Array.from({ length: IN_FLIGHT }, async () => {
    while (next < count) await seed(next++);
  }),
);
await bindings.close();
console.log(JSON.stringify({ accounts: count }));
process.exit(0);
