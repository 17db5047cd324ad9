import { describe, expect, it } from 'vitest';
import { clientAddress, peerOf } from './client-address.ts';

const PROXIES = ['127.0.0.1', '10.0.0.1'];
const from = (peer: string | null, forwarded?: string, proxies = PROXIES) =>
  clientAddress(
    new Request('http://127.0.0.1/', forwarded === undefined ? {} : { headers: { 'X-Forwarded-For': forwarded } }),
    { peer },
    proxies,
  );

describe('where a request came from', () => {
  it('is the other end of its connection, whatever the request says', () => {
    expect(from('192.0.2.1')).toBe('192.0.2.1');
    expect(from('192.0.2.1', '198.51.100.9')).toBe('192.0.2.1');
    expect(from('127.0.0.1', '198.51.100.9', [])).toBe('127.0.0.1');
  });

  it('is what a trusted proxy heard last, not what stood before it', () => {
    expect(from('127.0.0.1', '198.51.100.9')).toBe('198.51.100.9');
    expect(from('127.0.0.1', '203.0.113.1, 198.51.100.9')).toBe('198.51.100.9');
    expect(from('127.0.0.1', '203.0.113.1, 198.51.100.9, 10.0.0.1')).toBe('198.51.100.9');
  });

  it('is the proxy itself when it says nothing, and nobody where there is no address', () => {
    expect(from('127.0.0.1')).toBe('127.0.0.1');
    expect(from('127.0.0.1', ' , ')).toBe('127.0.0.1');
    expect(from('127.0.0.1', '10.0.0.1')).toBe('10.0.0.1');
    expect(from(null, '198.51.100.9')).toBe(null);
    expect(peerOf({})).toBe(null);
  });
});
