import type { Anchor } from '../trust/store.ts';
import type { KeyHardware } from '../verdict.ts';

/** TPM vendor ids (TCG TPM Vendor ID Registry) whose TPMs are chips of their own. */
const DISCRETE = new Set(['ATML', 'IFX', 'NSG', 'NTC', 'NTZ', 'SMSC', 'SNS', 'STM', 'WEC']);
/** Vendor ids of TPMs that run inside a processor or its management engine. */
const FIRMWARE = new Set(['AMD', 'INTC', 'MSFT', 'QCOM']);

/** `id:` and eight hexadecimal digits -> the vendor's letters, e.g. `id:53544D20` -> `STM`; null when it is not of that form. */
export function vendorOf(manufacturer: string): string | null {
  const digits = /^id:([0-9A-Fa-f]{8})$/.exec(manufacturer)?.[1];
  if (!digits) return null;
  const codes = Array.from({ length: 4 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
  return String.fromCharCode(...codes).replace(/[\0 ]+$/, '');
}

/**
 * What kind of TPM a chain proves. The anchor decides first: a manufacturer's name in a certificate means something only
 * below a maker's root. A hardware root with an unlisted vendor proves a TPM of unknown build.
 */
export function gradeTpm(anchor: Pick<Anchor, 'class'>, manufacturer: string | null): KeyHardware {
  if (anchor.class === 'virtual-tpm') return 'virtual-tpm';
  if (anchor.class !== 'hardware') return 'software';
  const vendor = manufacturer === null ? null : vendorOf(manufacturer);
  if (vendor !== null && DISCRETE.has(vendor)) return 'discrete-tpm';
  return vendor !== null && FIRMWARE.has(vendor) ? 'firmware-tpm' : 'tpm';
}
