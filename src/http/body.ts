import * as v from 'valibot';
import { fromUtf8 } from '../bytes/utf8.ts';
import { BODY_MAX_BYTES } from '../protocol/api.ts';
import type { AppContext } from './context.ts';
import { problem } from './problem.ts';

export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly response: Response };

/** Bytes of the body, refused before they are all read when there are too many. */
async function bounded(c: AppContext, limit: number): Promise<Uint8Array | null> {
  const declared = Number(c.req.header('Content-Length') ?? '0');
  if (declared > limit) return null;
  const reader = c.req.raw.body?.getReader();
  if (!reader) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const bytes = part.value as Uint8Array;
    size += bytes.length;
    if (size > limit) {
      await reader.cancel();
      return null;
    }
    parts.push(bytes);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The whole body as it was sent. It is read once, and kept for whoever asks for it again. */
export async function bodyOf(c: AppContext, limit = BODY_MAX_BYTES): Promise<Read<Uint8Array>> {
  const read = c.var.body ?? (await bounded(c, limit));
  if (read === null || read.length > limit)
    return { ok: false, response: problem(c, 'too-large', 'body-too-large', { limit }) };
  c.set('body', read);
  return { ok: true, value: read };
}

/** RFC 9110 §8.3: the type itself, and no parameter but the one encoding that is taken; nothing is unpacked (§8.4). */
function typeRefusal(c: AppContext, type: string): Response | null {
  const [sent = '', ...parameters] = (c.req.header('Content-Type') ?? '').split(';').map((part) => part.trim());
  const known = parameters.every((one) => /^charset="?utf-8"?$/i.test(one));
  if (sent.toLowerCase() !== type || !known) return problem(c, 'unsupported-media-type', 'content-type');
  const coding = c.req.header('Content-Encoding')?.trim().toLowerCase() ?? 'identity';
  return coding === 'identity' ? null : problem(c, 'unsupported-media-type', 'content-encoding');
}

async function text(c: AppContext, type: string, limit: number): Promise<Read<string>> {
  const refused = typeRefusal(c, type);
  if (refused) return { ok: false, response: refused };
  const body = await bodyOf(c, limit);
  if (!body.ok) return body;
  const decoded = fromUtf8(body.value);
  return decoded === null
    ? { ok: false, response: problem(c, 'bad-request', 'not-utf8') }
    : { ok: true, value: decoded };
}

/** A JSON body of this shape: bounded, typed, decoded strictly, then validated. What is wrong is named by path, never by value. */
export async function json<S extends v.GenericSchema>(
  c: AppContext,
  schema: S,
  limit = BODY_MAX_BYTES,
): Promise<Read<v.InferOutput<S>>> {
  const read = await text(c, 'application/json', limit);
  if (!read.ok) return read;
  let value: unknown;
  try {
    value = JSON.parse(read.value);
  } catch {
    return { ok: false, response: problem(c, 'bad-request', 'malformed-json') };
  }
  // Every body of this API is an object; a schema whose members are all optional would take an array for one.
  if (Array.isArray(value))
    return { ok: false, response: problem(c, 'bad-request', 'malformed-body', { paths: [''] }) };
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return { ok: true, value: parsed.output };
  const paths = [...new Set(parsed.issues.map((issue) => v.getDotPath(issue) ?? ''))].slice(0, 8);
  return { ok: false, response: problem(c, 'bad-request', 'malformed-body', { paths }) };
}

/** A form body (RFC 6749 §4.4): each name once. */
export async function form(c: AppContext, limit = 16_384): Promise<Read<ReadonlyMap<string, string>>> {
  const read = await text(c, 'application/x-www-form-urlencoded', limit);
  if (!read.ok) return read;
  const fields = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(read.value)) {
    if (fields.has(name)) return { ok: false, response: problem(c, 'bad-request', 'repeated-parameter') };
    fields.set(name, value);
  }
  return { ok: true, value: fields };
}
