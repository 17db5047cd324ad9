import { afterAll, beforeAll, expect, it } from 'vitest';
import { sha256 } from '@noble/hashes/sha2.js';
import { base64url } from '../../src/bytes/base64url.ts';
import { writeInvitation } from '../../src/directory/link/invitation.ts';
import { parseManifest } from '../../src/directory/manifest/parse.ts';
import { draft } from '../../src/directory/manifest/write.ts';
import { LINK, LinkStarted, SponsorView } from '../../src/protocol/link.ts';
import type { Manifest, SignedManifest } from '../../src/protocol/manifest.ts';
import { CallsignClient, developmentAttester, type LinkEvent } from '../../src/sdk/index.ts';
import { join } from '../../src/sdk/join.ts';
import { type Between, type Member, Members, rewriting } from '../support/members.ts';

let members: Members;
beforeAll(async () => {
  members = await Members.open();
});
afterAll(() => members.close());

const joined = (invitation: string, between?: Between, onEvent?: (event: LinkEvent) => void) => {
  const config = members.config(between);
  return join(config, developmentAttester(config.crypto), invitation, onEvent);
};
let strangersKey = '';
const other = base64url(new Uint8Array(32).fill(7));

/** A phone of a new account whose answers go through `between`. */
const phone = (between?: Between): Promise<Member> => members.member(between ? { between } : {});

it('two devices that show one code are of one account, and each side hears how it went', async () => {
  const told: string[] = [];
  const { client } = await phone();
  const linking = await client.link((event) => told.push(`phone ${event.type}`));
  const joining = await joined(linking.invitation, undefined, (event) => told.push(`tablet ${event.type}`));
  const [here, there] = await Promise.all([linking.code(), joining.code()]);
  expect(here.code).toMatch(/^\d{4} \d{4}$/);
  expect(there.code).toBe(here.code);
  expect(here.verdict).toMatchObject({ decision: 'accept', format: 'development' });
  const [device, enrolled] = await Promise.all([linking.confirm(), joining.confirm()]);
  expect(enrolled.identity).toMatchObject({ account: client.identity.account, device });
  expect(enrolled.head.manifest.devices.map(({ id }) => id)).toContain(client.identity.device);
  expect(told.filter((one) => one.startsWith('phone'))).toEqual(['phone arrived', 'phone code', 'phone linked']);
  expect(told.filter((one) => one.startsWith('tablet'))).toEqual(['tablet arrived', 'tablet code', 'tablet linked']);
  await client.refreshOwnChain();
  expect((await client.directory.head(client.identity.account))?.version).toBe(2);
});

it('whoever stands between shows another code: a nonce that it changed for one side', async () => {
  const { client } = await phone();
  const linking = await client.link();
  const swapped = rewriting(/looks$/, (view: { sponsor: object | null }) => ({
    ...view,
    sponsor: view.sponsor && { ...view.sponsor, nonce: other },
  }));
  const joining = await joined(linking.invitation, swapped);
  expect((await joining.code()).code).not.toBe((await linking.code()).code);
  await linking.refuse();
  await expect(joining.confirm()).rejects.toMatchObject({ reason: 'link-sponsor' });
});

it.each([
  ['nonce', { nonce: other }],
  ['key', null],
])('a server that changes the newcomer’s %s after the commitment is caught by the phone', async (_, changed) => {
  const stranger = (await phone()).enrolled.head.manifest.devices[0]!.key;
  const { client } = await phone(
    rewriting(/^\/v1\/links\/[^/]+$/, (view: { newcomer?: object | null }) => ({
      ...view,
      ...(view.newcomer && { newcomer: { ...view.newcomer, ...(changed ?? { key: stranger }) } }),
    })),
  );
  const linking = await client.link();
  const joining = await joined(linking.invitation);
  await expect(linking.code()).rejects.toMatchObject({ code: 'verification', reason: 'link-commitment' });
  await joining.code();
  await expect(joining.confirm()).rejects.toMatchObject({ reason: 'link-sponsor' });
});

/** What a newcomer might be handed to sign, made of what the sponsor signed. */
it.each([
  ['removes the sponsor as well', (manifest: Manifest) => ({ ...manifest, devices: manifest.devices.slice(1) })],
  ['changes recovery as well', (manifest: Manifest) => ({ ...manifest, minProtocol: 2 })],
  [
    'names the newcomer under another key',
    (manifest: Manifest) => ({ ...manifest, devices: manifest.devices.map((one) => ({ ...one, key: strangersKey })) }),
  ],
])('a version that %s is not signed by the newcomer', async (_, spoil) => {
  strangersKey = (await phone()).enrolled.head.manifest.devices[0]!.key;
  const { client } = await phone();
  const linking = await client.link();
  const spoilt = rewriting(/looks$/, (view: { manifest: SignedManifest | null }) => {
    if (!view.manifest) return view;
    const read = parseManifest(view.manifest);
    if (!read.ok) throw new Error(read.reason);
    return { ...view, manifest: { ...view.manifest, payload: base64url(draft(spoil(read.parsed.manifest)).payload) } };
  });
  const joining = await joined(linking.invitation, spoilt);
  await Promise.all([joining.code(), linking.code()]);
  const confirmed = linking.confirm();
  await expect(joining.confirm()).rejects.toMatchObject({ code: 'verification', reason: 'link-manifest' });
  await expect(confirmed).rejects.toMatchObject({ reason: 'link-newcomer' });
});

it('a chain that is another account’s, or that leaves a version out, is no sponsor', async () => {
  const { client } = await phone();
  await members.addHandle({ client } as Member, 'linking@example.com');
  const linking = await client.link();
  const cut = rewriting(/looks$/, (view: { manifests: unknown[] }) => ({
    ...view,
    manifests: view.manifests.slice(0, 1),
  }));
  const joining = await joined(linking.invitation, cut);
  await expect(joining.code()).rejects.toMatchObject({ code: 'verification', reason: 'link-head' });
  await expect(linking.code()).rejects.toMatchObject({ reason: 'link-newcomer' });
});

it('a third device finds the seat taken, and a used, refused or replaced invitation is worth nothing', async () => {
  const { client } = await phone();
  const linking = await client.link();
  const joining = await joined(linking.invitation);
  await expect(joined(linking.invitation)).rejects.toMatchObject({ reason: 'link-taken', status: 409 });
  await Promise.all([linking.code(), joining.code()]);
  await Promise.all([linking.confirm(), joining.confirm()]);
  await expect(joined(linking.invitation)).rejects.toMatchObject({ reason: 'link-taken' });

  const refused = await client.link();
  await refused.refuse();
  await expect(joined(refused.invitation)).rejects.toMatchObject({ reason: 'link-over' });

  const older = await client.link();
  await client.link();
  await expect(joined(older.invitation)).rejects.toMatchObject({ reason: 'link-over' });
});

it('a link is over after ten minutes, and forgotten after an hour', async () => {
  const { client } = await phone();
  const { api } = client;
  const secret = base64url(new Uint8Array(16).fill(3));
  const secretHash = base64url(sha256(new Uint8Array(16).fill(3)));
  const start = () => api.ask(LinkStarted, { method: 'POST', path: '/v1/links', body: { secretHash } });
  const { link } = await start();
  expect(await start()).toMatchObject({ link });
  const invitation = writeInvitation({ account: client.identity.account, link, secret });
  const seen = () => api.ask(SponsorView, { method: 'GET', path: `/v1/links/${link}` });
  await members.pass(LINK.lifeMs - 5_000);
  const joining = await joined(invitation);
  expect(await seen()).toMatchObject({ phase: 'committed' });
  await members.pass(5_000);
  await expect(joining.code()).rejects.toMatchObject({ reason: expect.stringMatching(/^link-(expired|over)$/) });
  expect(await seen()).toMatchObject({ phase: 'ended', end: 'expired' });
  await expect(joined(invitation)).rejects.toMatchObject({ reason: 'link-over' });
  await members.pass(LINK.rememberedMs);
  await expect(joined(invitation)).rejects.toMatchObject({ reason: 'unknown-link', status: 404 });
  const rows = members.place.simulator.rows(`SELECT 1 FROM account_link WHERE actor = ?1`, client.identity.account);
  expect(rows).toEqual([]);
});

it('an invitation of nobody’s, and one with another secret, wake nobody', async () => {
  const { client } = await phone();
  const { invitation } = await client.link();
  const forged = `${invitation.slice(0, -1)}${invitation.endsWith('A') ? 'E' : 'A'}`;
  await expect(joined(forged)).rejects.toMatchObject({ reason: 'unknown-link' });
  await expect(joined('A'.repeat(87))).rejects.toMatchObject({ reason: 'invitation-malformed' });
});

it('a device that was taken out links nobody any more, and so many links are too many', async () => {
  const one = await phone();
  const linking = await one.client.link();
  const joining = await joined(linking.invitation);
  await Promise.all([linking.code(), joining.code()]);
  const [, tablet] = await Promise.all([linking.confirm(), joining.confirm()]);
  const second = new CallsignClient(one.config, tablet.identity);
  const theirs = await second.link();
  await one.client.revokeDevice(tablet.identity.device);
  await expect(joined(theirs.invitation)).rejects.toMatchObject({ reason: 'link-over' });
  const many = async () => {
    for (let i = 0; i <= LINK.burst; i++) await one.client.link();
  };
  await expect(many()).rejects.toMatchObject({ reason: 'too-many-links' });
});
