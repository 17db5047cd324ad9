import { toJsonSchema } from '@valibot/to-json-schema';
import type { GenericSchema } from 'valibot';
import { headersOf, type Operation, OPERATIONS, PARAMETERS, problemsOf } from '../protocol/operations.ts';
import { PROBLEMS, type ProblemSlug, REASONS, TOKEN_REASONS } from '../protocol/problem.ts';
import { PROBLEM_TYPE } from './problem.ts';

type Node = { readonly [name: string]: unknown };

/** JSON Schema 2020-12, the dialect of OpenAPI 3.1. What a schema says beyond that (trimming, own checks) is on the pages. */
function schemaOf(schema: GenericSchema, typeMode: 'input' | 'output'): Node {
  const { $schema: _dialect, ...made } = toJsonSchema(schema, {
    target: 'draft-2020-12',
    errorMode: 'ignore',
    typeMode,
  });
  return made;
}

const SECURITY: Readonly<Record<Operation['who'], readonly Node[]>> = {
  anyone: [],
  client: [{ proof: [] }],
  device: [{ token: [], proof: [] }],
  operator: [{ operator: [] }],
  socket: [{ subprotocol: [] }],
};

const SECURITY_SCHEMES: Node = {
  token: {
    type: 'apiKey',
    in: 'header',
    name: 'Authorization',
    description: '`DPoP <access token>` (RFC 9449 §7.1), from `POST /v1/token`.',
  },
  proof: {
    type: 'apiKey',
    in: 'header',
    name: 'DPoP',
    description:
      'A proof for this request (RFC 9449 §4.2) by the identity key, with the nonce of the last `DPoP-Nonce`.',
  },
  operator: { type: 'http', scheme: 'bearer', description: 'The operator key, or Cloudflare Access in front of it.' },
  subprotocol: {
    type: 'apiKey',
    in: 'header',
    name: 'Sec-WebSocket-Protocol',
    description: 'The protocol, then the hello or ticket: browsers can set no other header, and URLs are logged.',
  },
};

/** What every problem document has (RFC 9457). */
function problemSchema(slug: ProblemSlug | null): Node {
  return {
    type: 'object',
    required: ['type', 'title', 'status', 'reason', 'instance'],
    properties: {
      type: { type: 'string', format: 'uri', ...(slug && { pattern: `/problems/${slug}$` }) },
      title: { type: 'string' },
      status: slug ? { const: PROBLEMS[slug].status } : { type: 'integer' },
      reason: slug && REASONS[slug].length > 0 ? { enum: [...REASONS[slug]] } : { type: 'string' },
      instance: { type: 'string', description: 'Request id.' },
    },
  };
}

function problemResponse(slugs: readonly ProblemSlug[]): Node {
  const schemas = slugs.map((slug) => ({ $ref: `#/components/schemas/${nameOf(slug)}` }));
  const [first, ...more] = slugs;
  return {
    description: slugs.map((slug) => `${PROBLEMS[slug].title} (docs/problems.md#${slug})`).join('; '),
    content: {
      [PROBLEM_TYPE]: {
        schema: more.length === 0 ? schemas[0] : { anyOf: schemas },
        ...(first && { example: exampleOf(first) }),
      },
    },
  };
}

function exampleOf(slug: ProblemSlug): Node {
  const { status, title } = PROBLEMS[slug];
  const [reason = slug] = REASONS[slug];
  return { type: `https://calls.example/problems/${slug}`, title, status, reason, instance: 'wXkQ4yHvT1mZ8cGd' };
}

/** Refusals that share a status share a response. */
function responseName(slugs: readonly ProblemSlug[]): string {
  return slugs.map(nameOf).toSorted().join('Or');
}

function problemResponses(): Node {
  const groups = OPERATIONS.flatMap((one) => [
    ...Map.groupBy(problemsOf(one), (slug) => PROBLEMS[slug].status).values(),
  ]);
  const named = groups.map((slugs): [string, Node] => [responseName(slugs), problemResponse(slugs.toSorted())]);
  return Object.fromEntries(named.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** `bad-request` is the schema `BadRequest`. */
function nameOf(slug: string): string {
  return slug.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function parametersOf(operation: Operation): Node[] {
  const { path, query = {} } = operation;
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => {
    const schema = PARAMETERS[name];
    return { name, in: 'path', required: true, schema: schema ? schemaOf(schema, 'input') : { type: 'string' } };
  });
  const inQuery = Object.entries(query).map(([name, schema]) => {
    return { name, in: 'query', required: schema.type !== 'optional', schema: schemaOf(schema, 'input') };
  });
  const inHeader = Object.entries(headersOf(operation)).map(([name, description]) => {
    return { name, in: 'header', required: false, description, schema: { type: 'string' } };
  });
  return [...inPath, ...inQuery, ...inHeader];
}

function responsesOf(operation: Operation): Node {
  const { gives, id, who } = operation;
  const success = {
    description: gives.status === 101 ? 'The socket is open' : 'Done',
    ...(gives.type !== '' && {
      content: {
        [gives.type]: {
          schema: gives.schema ? { $ref: `#/components/schemas/${nameOf(id)}Reply` } : { type: 'string' },
        },
      },
    }),
  };
  const byStatus = Map.groupBy(problemsOf(operation), (slug) => PROBLEMS[slug].status);
  const refusals = [...byStatus].map(([status, slugs]): [number, Node] => {
    return [status, { $ref: `#/components/responses/${responseName(slugs)}` }];
  });
  const oauth = who === 'client' ? OAUTH_RESPONSES : [];
  return Object.fromEntries<Node>([[gives.status, success], ...refusals, ...oauth]);
}

const OAUTH_ERROR: Node = { 'application/json': { schema: { $ref: '#/components/schemas/OauthError' } } };
const NO_FORM: Node = { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/BadRequest' } } };
const OAUTH = 'RFC 6749 §5.2, with the members of a problem beside it (docs/problems.md#the-token-endpoint)';
const OAUTH_RESPONSES: readonly (readonly [number, Node])[] = [
  [400, { description: OAUTH, content: { ...OAUTH_ERROR, ...NO_FORM } }],
  [401, { description: OAUTH, content: OAUTH_ERROR }],
];

function operationOf(operation: Operation): Node {
  const { id, summary, path, who, takes } = operation;
  const parameters = parametersOf(operation);
  return {
    operationId: id,
    summary,
    tags: [path.split('/').find((part) => part !== '' && part !== 'v1') ?? ''],
    ...(parameters.length > 0 && { parameters }),
    ...(takes && {
      requestBody: {
        required: true,
        content: { [takes.type]: { schema: { $ref: `#/components/schemas/${nameOf(id)}Request` } } },
      },
    }),
    responses: responsesOf(operation),
    security: SECURITY[who],
  };
}

function pathsOf(): Node {
  const byPath = Map.groupBy(OPERATIONS, ({ path }) => path);
  return Object.fromEntries(
    [...byPath].map(([path, operations]) => [
      path,
      Object.fromEntries(operations.map((one) => [one.method.toLowerCase(), operationOf(one)])),
    ]),
  );
}

function schemasOf(): Node {
  const ofOperations = OPERATIONS.flatMap(({ id, takes, gives }): [string, Node][] => [
    ...(takes ? [[`${nameOf(id)}Request`, schemaOf(takes.schema, 'input')] as [string, Node]] : []),
    ...(gives.schema ? [[`${nameOf(id)}Reply`, schemaOf(gives.schema, 'output')] as [string, Node]] : []),
  ]);
  const slugs = Object.keys(PROBLEMS) as ProblemSlug[];
  const oauth = { error: { type: 'string' }, reason: { enum: [...TOKEN_REASONS] } };
  const problem = problemSchema(null);
  const withError = { ...problem, properties: { ...(problem['properties'] as Node), ...oauth } };
  return Object.fromEntries([
    ...ofOperations,
    ...slugs.map((slug) => [nameOf(slug), problemSchema(slug)] as const),
    ['OauthError', withError] as const,
  ]);
}

/** The HTTP face as OpenAPI 3.1: made of the schemas that validate requests, never beside them. `origin`: the server's. */
export function openapi(origin: string): Node {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Callsign',
      version: '1',
      summary: 'Calls between devices whose identities are attested by their hardware.',
      description:
        'Bodies are JSON; unknown members are ignored. Bytes are base64url without padding, times milliseconds since 1970. Refusals are problem documents (docs/problems.md); the WebSockets are described in docs/protocol.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: origin }],
    paths: pathsOf(),
    components: { securitySchemes: SECURITY_SCHEMES, responses: problemResponses(), schemas: schemasOf() },
  };
}
