import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../bytes/utf8.ts';
import { decodePeerMessage, encodePeerMessage } from './message.ts';
import { fingerprintOf, SDP_CHARACTERS, withAudioWishes } from './sdp.ts';

const HASH = Array.from({ length: 32 }, (_, i) => i.toString(16).padStart(2, '0').toUpperCase()).join(':');
const line = `a=fingerprint:sha-256 ${HASH}`;
const sdp = [
  'v=0',
  line,
  'm=audio 9 UDP/TLS/RTP/SAVPF 111',
  'a=rtpmap:111 opus/48000/2',
  'a=fmtp:111 minptime=10;useinbandfec=0',
  '',
].join('\r\n');

describe('the fingerprint of a description', () => {
  it('is read from session or media, in lower case', () => {
    expect(fingerprintOf(sdp)).toBe(HASH.replaceAll(':', '').toLowerCase());
    expect(fingerprintOf(`${sdp}${line}\r\n`)).toBe(fingerprintOf(sdp));
  });

  it.each([
    ['is missing', sdp.replace(line, 'a=sendrecv')],
    ['is contradicted', `${sdp}${line.replace('00:', '11:')}\r\n`],
    ['is of a weaker hash', sdp.replace('sha-256', 'sha-1')],
    ['has a weaker one beside it', `${sdp}a=fingerprint:sha-1 ${HASH.slice(0, 59)}\r\n`],
    ['is too short', sdp.replace(HASH, HASH.slice(3))],
    ['is not hexadecimal', sdp.replace(HASH, HASH.replace('00', '0g'))],
  ])('is none where it %s', (_, changed) => {
    expect(fingerprintOf(changed)).toBeNull();
  });
});

describe('wishes for speech', () => {
  it('replace what the browser asks for and keep the rest', () => {
    const asked = withAudioWishes(sdp, { bitrate: 64_000, fec: true, dtx: false });
    expect(asked).toContain('a=fmtp:111 minptime=10;maxaveragebitrate=64000;useinbandfec=1;usedtx=0\r\n');
    expect(withAudioWishes(sdp, null)).toBe(sdp);
  });

  it('leave a description without Opus as it is', () => {
    const other = sdp.replace('opus/48000/2', 'PCMU/8000');
    expect(withAudioWishes(other, { bitrate: 64_000, fec: true, dtx: true })).toBe(other);
  });
});

describe('a message', () => {
  it('comes back as it was', () => {
    const offer = { type: 'offer', number: 1, generation: 0, sdp } as const;
    expect(decodePeerMessage(encodePeerMessage(offer))).toEqual(offer);
  });

  it.each([
    ['unknown type', { type: 'hello' }],
    ['further member', { type: 'answer', number: 1, generation: 0, sdp, more: 1 }],
    ['long description', { type: 'offer', number: 1, generation: 0, sdp: 'a'.repeat(SDP_CHARACTERS + 1) }],
    ['negative number', { type: 'offer', number: -1, generation: 0, sdp }],
  ])('with %s is none', (_, value) => {
    expect(decodePeerMessage(utf8(JSON.stringify(value)))).toBeNull();
  });

  it('of any bytes never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(decodePeerMessage(bytes)).toBeNull();
      }),
    );
  });
});
