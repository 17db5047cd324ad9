/**
 * The attestation library as a service of its own: POST evidence, get a verdict. The default export is a Worker; `deno serve
 * demo/verdict/verdict.ts` serves the same; docs/attestation.md shows it in Node.
 */
import { builtInTrust, policies, type Verdict, verifyEvidence } from '../../src/attestation/index.ts';
import { fromBase64url } from '../../src/bytes/base64url.ts';

const trust = builtInTrust();

/** JSON: bytes as base64url, `now` in milliseconds since 1970. */
export interface Question {
  readonly policy?: keyof typeof policies;
  readonly evidence: { readonly format: string; readonly [field: string]: unknown };
  readonly expected: {
    readonly transcript: string;
    readonly identityKey: string;
    readonly now: number;
    readonly rpId: string;
    readonly origins: readonly string[];
  };
}

export function judge({ evidence, expected, policy = 'standard' }: Question): Promise<Verdict> {
  const bytes = (text: string) => fromBase64url(text) ?? new Uint8Array();
  const asked = { ...expected, transcript: bytes(expected.transcript), identityKey: bytes(expected.identityKey) };
  return verifyEvidence(evidence, asked, trust, policies[policy]);
}

export default {
  async fetch(request: Request): Promise<Response> {
    if (request.method !== 'POST') return new Response('POST a question', { status: 405 });
    return Response.json(await judge((await request.json()) as Question));
  },
};
