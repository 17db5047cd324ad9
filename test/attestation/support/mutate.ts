import fc from 'fast-check';

/** A sample with a few bytes changed, cut, repeated or inserted. */
export function mutation(sample: Uint8Array): fc.Arbitrary<Uint8Array> {
  const at = fc.nat({ max: Math.max(0, sample.length - 1) });
  const edit = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), at, byte: fc.nat(255) }),
    fc.record({ kind: fc.constant('flip' as const), at, byte: fc.constantFrom(1, 2, 4, 8, 16, 32, 64, 128) }),
    fc.record({ kind: fc.constant('cut' as const), at, byte: fc.integer({ min: 1, max: 8 }) }),
    fc.record({ kind: fc.constant('insert' as const), at, byte: fc.nat(255) }),
    fc.record({ kind: fc.constant('end' as const), at, byte: fc.constant(0) }),
  );
  return fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) => {
    const bytes = [...sample];
    for (const { kind, at: index, byte } of edits) {
      if (kind === 'set') bytes[index] = byte;
      else if (kind === 'flip') bytes[index] = (bytes[index] ?? 0) ^ byte;
      else if (kind === 'cut') bytes.splice(index, byte);
      else if (kind === 'insert') bytes.splice(index, 0, byte);
      else bytes.length = Math.min(bytes.length, index);
    }
    return new Uint8Array(bytes.map((value) => value ?? 0));
  });
}
