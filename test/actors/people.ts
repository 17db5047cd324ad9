import { base64url } from '../../src/bytes/base64url.ts';
import { fromBase64url } from '../../src/bytes/base64url.ts';
import { account } from '../../src/actors/account/account.ts';
import { call } from '../../src/actors/call/call.ts';
import { device } from '../../src/actors/device/device.ts';
import { nameOfCheck } from '../../src/actors/account/manifest.ts';
import type { Address, Answer, Json } from '../../src/actors/port.ts';
import { accountIdOf, deviceIdOf } from '../../src/directory/account.ts';
import { p256Spki } from '../../src/directory/signature.ts';
import {
  assemble,
  draft,
  genesisOf,
  type ManifestSignature,
  signingInput,
  successor,
} from '../../src/directory/manifest/write.ts';
import type { Head } from '../../src/directory/manifest/head.ts';
import type { Manifest, SignedManifest } from '../../src/protocol/manifest.ts';

export const actors = [account, device, call];

/** A device as a client would be one, but for its cryptography: bodies are words, signatures are vouched for. */
export interface Person {
  readonly account: string;
  readonly devices: readonly Phone[];
}

export interface Phone {
  readonly account: string;
  readonly device: string;
  readonly key: string;
}

type Wire = { algorithm: 'ES256'; key: string; data: string; signature: string };

/** What every account commits to, under whatever handle it is found. */
const COMMITMENT = base64url(new Uint8Array(32));
const TERMS = {
  handles: [COMMITMENT],
  recovery: { policy: 'delay' as const, delayHours: 24, handles: [] },
  minProtocol: 1,
};

/** As much of a host as a town needs: commands, time and dice. */
export interface Ground {
  readonly now: number;
  readonly dice: { bytes(count: number): Uint8Array<ArrayBuffer> };
  command(to: Address, key: string, body: unknown): Promise<Answer>;
  pass(ms: number): Promise<void>;
}

/** Speaks to actors and lets time pass until it is answered. */
export class Town {
  readonly ground: Ground;
  #keys = 0;

  constructor(ground: Ground) {
    this.ground = ground;
  }

  async tell(kind: string, name: string, body: object): Promise<Json> {
    const answer = this.ground.command({ kind, name }, `t${++this.#keys}`, body);
    await this.ground.pass(50);
    const given: Answer = await answer;
    if (!given.ok) throw new Error(`${kind}/${name} is ${given.reason}`);
    return given.value;
  }

  async ask<T = { ok: boolean; reason?: string }>(kind: string, name: string, body: object): Promise<T> {
    return (await this.tell(kind, name, body)) as T;
  }

  phone(): { device: string; key: string } {
    const bytes = (n: number) => this.ground.dice.bytes(n);
    return { device: deviceIdOf(bytes(16)), key: base64url(p256Spki(bytes(32), bytes(32))) };
  }

  signed(manifest: Manifest, kids: readonly string[]): SignedManifest {
    const signatures: ManifestSignature[] = kids.map((kid) => ({ kid, signature: this.ground.dice.bytes(64) }));
    signingInput(draft(manifest), { kid: kids[0] ?? '' });
    return assemble(draft(manifest), signatures);
  }

  /** Commits a manifest, vouching for every signature it asks about. */
  async commit(name: string, manifest: SignedManifest): Promise<Json> {
    const first = await this.ask<{ ok: boolean; reason?: string; checks?: Wire[] }>('account', name, {
      do: 'manifest',
      manifest,
      verified: [],
      request: null,
    });
    if (first.reason !== 'verify') return first;
    const bytes = (text: string) => fromBase64url(text) ?? new Uint8Array();
    const verified = (first.checks ?? []).map((one) =>
      nameOfCheck({
        algorithm: one.algorithm,
        key: bytes(one.key),
        data: bytes(one.data),
        signature: bytes(one.signature),
      }),
    );
    return this.tell('account', name, { do: 'manifest', manifest, verified, request: null });
  }

  /** An account with so many devices, each with a certificate and a bundle. */
  async person(count: number, commitment = COMMITMENT): Promise<Person> {
    const phones = Array.from({ length: count }, () => this.phone());
    const first = phones[0]!;
    const terms = { ...TERMS, handles: [commitment] };
    const genesis = genesisOf({ id: first.device, key: first.key }, this.ground.now, terms);
    const { payload } = draft(genesis);
    const { sha256 } = await import('@noble/hashes/sha2.js');
    const name = accountIdOf(sha256(payload));
    let answer = (await this.commit(name, this.signed(genesis, [first.device]))) as unknown as {
      hash: string;
      version: number;
    };
    let head = { account: name, version: 1, hash: answer.hash, manifest: genesis } as unknown as Head;
    for (const phone of phones.slice(1)) {
      const at = this.ground.now;
      const next = successor(head, at, {
        devices: [...head.manifest.devices, { id: phone.device, key: phone.key, addedAt: at }],
      });
      const order = [first.device, phone.device];
      answer = (await this.commit(name, this.signed(next, order))) as unknown as typeof answer;
      head = { ...head, version: next.version, hash: answer.hash, manifest: next };
    }
    for (const phone of phones) await this.equip(name, phone);
    return { account: name, devices: phones.map((phone) => ({ account: name, ...phone })) };
  }

  async equip(name: string, { device: id, key }: { device: string; key: string }): Promise<void> {
    const serial = base64url(this.ground.dice.bytes(16));
    const until = this.ground.now + 90 * 86_400_000;
    await this.tell('account', name, { do: 'intend', device: id, key, serial, request: serial });
    await this.tell('account', name, {
      do: 'issued',
      serial,
      chain: ['AA'],
      notAfter: this.ground.now + 7 * 86_400_000,
      evidence: 'none',
    });
    await this.tell('device', id, { do: 'register', account: name, key, pushTokenHash: 'push' });
    await this.tell('device', id, {
      do: 'publish',
      bundle: { of: id, signedPrekey: { keyId: 1 }, lastResort: { keyId: 2 } },
      hash: 'hash',
      until,
    });
    await this.tell('account', name, { do: 'published', device: id, until });
    await this.tell('account', name, {
      do: 'handle',
      handle: name,
      salt: 's',
      commitment: COMMITMENT,
      method: 'test',
      verifiedAt: this.ground.now,
    });
  }
}
