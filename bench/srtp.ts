/**
 * SRTP packets per second, protect and unprotect: in Node, in a page of Chromium, and of libsrtp as GStreamer runs it, in one run on
 * one machine. Each has one core.
 */
import * as nodeModule from 'node:crypto';
import { nobleSrtp } from '../src/sdk/media/noble-srtp.ts';
import { nodeSrtp } from '../src/sdk/media/node-srtp.ts';
import type { SrtpCrypto } from '../src/sdk/media/srtp-crypto.ts';
import type { Figures } from './run.ts';
import { chromiumRates } from './srtp/chromium.ts';
import { libsrtpRates } from './srtp/libsrtp.ts';
import { type Rates, ratesOf, roundOf } from './srtp/rounds.ts';

/** Packets per second that are wanted of each, for both verbs and both sizes. */
const AIMS: Readonly<Record<string, number>> = { node: 60_000, chromium: 10_000 };
const SIZES = [
  { payload: 160, count: 20_000, piped: 200_000 },
  { payload: 1200, count: 20_000, piped: 100_000 },
] as const;
const VERBS = ['protect', 'unprotect'] as const;

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000_000;
}

/** `node` is nodeSrtp; `chromium` and `noble` are nobleSrtp, in a page and in Node. All rates are per second of CPU time. */
export async function srtp(): Promise<Figures> {
  const figures: Record<string, number> = {};
  const ratios: Record<string, number> = {};
  const inPages = await chromiumRates(SIZES);
  for (const [i, { payload, count, piped }] of SIZES.entries()) {
    const here = (crypto: SrtpCrypto) => ratesOf(count, cpuSeconds, () => roundOf(crypto, payload, count));
    const ours: Record<string, Rates | undefined> = {
      node: await here(nodeSrtp(nodeModule)),
      chromium: inPages?.[i],
      noble: await here(nobleSrtp),
    };
    const libsrtp = libsrtpRates(payload, piped) ?? undefined;
    for (const [name, found] of Object.entries({ ...ours, libsrtp }))
      for (const verb of found ? VERBS : []) figures[`${name} ${verb}/s, ${payload} bytes`] = Math.round(found![verb]);
    for (const [name, aim] of Object.entries(AIMS))
      for (const verb of ours[name] ? VERBS : []) {
        const rate = ours[name]![verb];
        ratios[`${name} / aim of ${aim}, ${verb} ${payload} bytes`] = rate / aim;
        if (libsrtp) ratios[`${name} / libsrtp, ${verb} ${payload} bytes`] = rate / libsrtp[verb];
      }
  }
  return { figures, ratios };
}
