/** Runs inside a page: rounds of the browsers' implementation. */
import { nobleSrtp } from '../../src/sdk/media/noble-srtp.ts';
import { type Round, roundOf } from './rounds.ts';

declare global {
  var round: Round;
}

Object.assign(globalThis, {
  begin(payload: number, count: number): void {
    globalThis.round = roundOf(nobleSrtp, payload, count);
  },
});
