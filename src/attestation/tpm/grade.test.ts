import { describe, expect, it } from 'vitest';
import { gradeTpm, vendorOf } from './grade.ts';

describe('grading a TPM', () => {
  it.each([
    ['id:53544D20', 'STM', 'discrete-tpm'],
    ['id:4E544300', 'NTC', 'discrete-tpm'],
    ['id:494E5443', 'INTC', 'firmware-tpm'],
    ['id:414D4400', 'AMD', 'firmware-tpm'],
    ['id:474F4F47', 'GOOG', 'tpm'],
  ])('%s under a hardware root', (manufacturer, vendor, grade) => {
    expect(vendorOf(manufacturer)).toBe(vendor);
    expect(gradeTpm({ class: 'hardware' }, manufacturer)).toBe(grade);
  });

  it('believes no name against the class of the root', () => {
    expect(gradeTpm({ class: 'virtual-tpm' }, 'id:53544D20')).toBe('virtual-tpm');
    for (const other of ['software', 'development', 'test'] as const) {
      expect(gradeTpm({ class: other }, 'id:53544D20')).toBe('software');
    }
  });

  it('takes a missing or malformed name for a TPM of unknown build', () => {
    for (const manufacturer of [null, 'STM', 'id:53544D', 'id:53544D2g', 'ID:53544D20']) {
      expect(gradeTpm({ class: 'hardware' }, manufacturer)).toBe('tpm');
    }
  });
});
