/** Every operation of the HTTP face, as data: docs/openapi.json is made of it, and tests walk it. */
import * as link from './link.ts';
import * as recovery from './recovery.ts';
import { CallId } from './call.ts';
import { AccountId, DeviceId, encoded, Hash } from './identity.ts';
import type { ProblemSlug } from './problem.ts';
import { ACCOUNT } from './operations/account.ts';
import { CALLS } from './operations/calls.ts';
import { COURIER } from './operations/courier.ts';
import { DEVELOPMENT } from './operations/development.ts';
import { DIRECTORY } from './operations/directory.ts';
import { ENROLLMENT } from './operations/enrollment.ts';
import { LINKING } from './operations/linking.ts';
import { MANIFESTS } from './operations/manifests.ts';
import { OPERATOR } from './operations/operator.ts';
import { RECOVERY } from './operations/recovery.ts';
import { SERVICE } from './operations/service.ts';
import type { Operation, Schema } from './operations/operation.ts';

export type { Operation } from './operations/operation.ts';

export const OPERATIONS: readonly Operation[] = [
  ...SERVICE,
  ...ENROLLMENT,
  ...MANIFESTS,
  ...LINKING,
  ...RECOVERY,
  ...DIRECTORY,
  ...COURIER,
  ...CALLS,
  ...ACCOUNT,
  ...OPERATOR,
  ...DEVELOPMENT,
];

/** Shapes of path parameters, by name. */
export const PARAMETERS: Readonly<Record<string, Schema>> = {
  account: AccountId,
  call: CallId,
  device: DeviceId,
  evidence: Hash,
  id: encoded(16),
  link: link.LinkId,
  recovery: recovery.RecoveryId,
};

const IDEMPOTENT = {
  'Idempotency-Key':
    'A String of 8 to 128 visible characters. For 24 hours the same request with it gets the same answer, another one 422.',
};

/** Headers of its own; a device may name any POST, so that it can be said again. */
export function headersOf({ method, who, headers }: Operation): Readonly<Record<string, string>> {
  return headers ?? (who === 'device' && method === 'POST' ? IDEMPOTENT : {});
}

const FROM_WHO: Readonly<Record<Operation['who'], readonly ProblemSlug[]>> = {
  anyone: [],
  client: ['unauthenticated'],
  device: ['unauthenticated', 'use-dpop-nonce', 'forbidden', 'refused', 'too-many-requests', 'unavailable'],
  operator: ['unauthenticated', 'forbidden', 'unavailable'],
  socket: ['bad-request', 'forbidden', 'upgrade-required', 'unavailable'],
};
const FROM_BODY: readonly ProblemSlug[] = ['bad-request', 'too-large', 'unsupported-media-type'];
const FROM_KEY: readonly ProblemSlug[] = ['bad-request', 'too-large', 'in-progress', 'idempotency-mismatch'];

/** Every problem that an operation may answer with. */
export function problemsOf(operation: Operation): readonly ProblemSlug[] {
  const { who, takes, problems } = operation;
  const named = 'Idempotency-Key' in headersOf(operation) ? FROM_KEY : [];
  const origin: readonly ProblemSlug[] = operation.method === 'GET' ? [] : ['forbidden'];
  const shared = [...FROM_WHO[who], ...(takes ? FROM_BODY : []), ...named, ...origin];
  return [...new Set([...problems, ...shared, 'internal' as const])];
}
