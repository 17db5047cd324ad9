/** The comparison code once more, written from docs/protocol/directory.md §6 with Node's own hash; none of ours computes it here. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { Page } from '../docs/page.ts';

interface Side {
  readonly device: string;
  readonly key: string;
  readonly nonce: string;
}

const vector = JSON.parse(
  new Page('docs/protocol/directory.md').blocks.findLast(({ language }) => language === 'json')?.text ?? '{}',
) as {
  link: string;
  account: string;
  head: { version: number; hash: string };
  sponsor: Side;
  newcomer: Side;
  commitment: string;
  code: string;
};

const bytes = (text: string) => Buffer.from(text, 'hex');
const word = (value: number) => {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value);
  return out;
};
const side = ({ device, key, nonce }: Side) => [bytes(device), word(bytes(key).length), bytes(key), bytes(nonce)];
const digest = (label: string, parts: readonly Uint8Array[]) =>
  createHash('sha256')
    .update(Buffer.concat([Buffer.from(`${label}\0`), bytes(vector.link), bytes(vector.account), ...parts]))
    .digest();

test('the page’s vector follows from the page', () => {
  const { head, sponsor, newcomer } = vector;
  expect(digest('callsign/link-commitment/1', side(newcomer)).toString('hex')).toBe(vector.commitment);
  const hash = digest('callsign/link-code/1', [
    word(head.version),
    bytes(head.hash),
    ...side(sponsor),
    ...side(newcomer),
  ]);
  const digits = (hash.readBigUInt64BE(0) % 100_000_000n).toString().padStart(8, '0');
  expect(`${digits.slice(0, 4)} ${digits.slice(4)}`).toBe(vector.code);
});
