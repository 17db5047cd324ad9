/** A phone for tests: factory or remotely provisioned, every detail changeable. Test keys, made at run time. */
import type { AndroidStatusList, TrustStore } from '../../../src/attestation/trust/store.ts';
import { PROVISIONING_INFO } from '../../../src/attestation/path/profiles/android.ts';
import { base64url } from '../../../src/bytes/base64url.ts';
import * as ca from './ca.ts';
import { type Chain, type Link, makeAnchor, makeChain } from './chain.ts';
import { name } from './der.ts';
import { type Description, keyDescriptionExtension } from './android.ts';

const keys = await Promise.all(Array.from({ length: 5 }, () => ca.makeKey()));
const [rootKey, upperKey, lowerKey, batchKey, deviceKey] = keys as [
  ca.TestKey,
  ca.TestKey,
  ca.TestKey,
  ca.TestKey,
  ca.TestKey,
];

const isCa = [ca.basicConstraints(true), ca.keyUsage(0x04)];
const titled = (serial: string, title: string) => name(['2.5.4.5', serial], ['2.5.4.12', title]);
const google = (text: string) => name(['2.5.4.10', 'TEST Google'], ['2.5.4.3', text]);

export const root: Link = { key: rootKey, subject: name(['2.5.4.5', 'TEST-ROOT']), extensions: isCa };

/** CBOR {1: 12}: twelve certificates in 30 days. */
const info = ca.extension(PROVISIONING_INFO, false, new Uint8Array([0xa1, 0x01, 0x0c]));

export function leaf(description: Description, change: Link = {}): Link {
  return {
    key: deviceKey,
    serial: 1,
    extensions: [ca.keyUsage(0x80), keyDescriptionExtension(description)],
    ...change,
  };
}

export function factory(target: Link, title = 'TEE'): readonly Link[] {
  const upper: Link = { key: upperKey, subject: titled('f1', title), extensions: isCa };
  return [root, upper, { key: batchKey, subject: titled('b1', title), extensions: isCa, serial: 0x00_ab_cd }, target];
}

export function remote(target: Link, organization = 'TEE'): readonly Link[] {
  const subject = name(['2.5.4.10', organization], ['2.5.4.3', 'd1']);
  return [
    root,
    { key: upperKey, subject: google('CA2'), extensions: isCa },
    { key: lowerKey, subject: google('CA3'), extensions: isCa },
    { key: batchKey, subject, extensions: [...isCa, info], serial: 0x00_ab_cd },
    target,
  ];
}

export const freshList = (entries: AndroidStatusList['entries'] = new Map()): AndroidStatusList => ({
  fetchedAt: ca.TEST_NOW - 1000,
  entries,
});

const anchor = makeAnchor((await makeChain([root])).certificates[0]!);

export function trust(androidStatus: AndroidStatusList | null = freshList()): TrustStore {
  return { anchors: [anchor], intermediates: [], metadata: null, androidStatus };
}

export function fields(chain: Chain) {
  return { format: 'android-keystore', certificateChain: chain.ders.map(base64url) };
}
