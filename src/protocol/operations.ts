/** Every operation of the HTTP face, as data: docs/openapi.json is made of it, and tests walk it. */
import * as v from 'valibot';
import * as api from './api.ts';
import { KeyBundle, OneTimeKeys } from './bundle.ts';
import { CALL_PROTOCOL, CallId } from './call.ts';
import { COURIER_PROTOCOL } from './courier.ts';
import { KeySet } from './handle.ts';
import { IceReply, IceRequest } from './ice.ts';
import * as push from './push.ts';
import { AccountId, DeviceId, encoded, Hash, Millis } from './identity.ts';
import * as link from './link.ts';
import type { ProblemSlug } from './problem.ts';

type Schema = v.GenericSchema;

export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With `{name}` for each parameter. */
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  /** `operator`: the operator key. `device`: a token bound to the device's key, and a DPoP proof. `socket`: an upgrade that Sec-WebSocket-Protocol authenticates. */
  readonly who: 'anyone' | 'client' | 'device' | 'operator' | 'socket';
  readonly takes?: { readonly type: string; readonly schema: Schema };
  readonly query?: Readonly<Record<string, Schema>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly gives: { readonly status: number; readonly type: string; readonly schema: Schema | null };
  /** Beside those that follow from who asks and what is taken: see problemsOf. */
  readonly problems: readonly ProblemSlug[];
}

const JSON_TYPE = 'application/json';
const json = (schema: Schema) => ({ type: JSON_TYPE, schema });
const gives = (schema: Schema, status = 200) => ({ status, type: JSON_TYPE, schema });
const file = (type: string) => ({ status: 200, type, schema: null });
const upgraded = { status: 101, type: '', schema: null };
const Whole = v.pipe(v.string(), v.regex(/^\d{1,15}$/));

const Narrow = v.optional(v.pipe(v.string(), v.maxLength(64)));
const SEARCH = {
  account: Narrow,
  device: Narrow,
  serial: Narrow,
  evidence: Narrow,
  status: v.optional(v.picklist(['active', 'revoked', 'removed'])),
  after: Narrow,
};

const Status = v.object({ status: v.string() });
const TokenRequest = v.object({
  grant_type: v.literal('client_credentials'),
  client_assertion_type: v.literal('urn:ietf:params:oauth:client-assertion-type:jwt-bearer'),
  /** RFC 7523, by the identity key, with the certificate chain in `x5c`. */
  client_assertion: v.string(),
});
const GUEST_PROBLEMS: readonly ProblemSlug[] = ['not-found', 'conflict', 'unavailable'];
const LINK_PROBLEMS: readonly ProblemSlug[] = ['bad-request', 'not-found', 'conflict'];
const AnyVerb = v.looseObject({ verb: v.string(), call: CallId });
const AnyReply = v.looseObject({ ok: v.boolean(), call: CallId });

export const OPERATIONS: readonly Operation[] = [
  {
    method: 'GET',
    path: '/healthz',
    id: 'alive',
    summary: 'The process answers',
    who: 'anyone',
    gives: gives(Status),
    problems: [],
  },
  {
    method: 'GET',
    path: '/readyz',
    id: 'ready',
    summary: 'Everything it stands on answers too',
    who: 'anyone',
    gives: gives(Status),
    problems: ['unavailable'],
  },
  {
    method: 'GET',
    path: '/openapi.json',
    id: 'describe',
    summary: 'This document',
    who: 'anyone',
    gives: gives(v.looseObject({ openapi: v.string() })),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/deployment',
    id: 'deployment',
    summary: 'What a client’s configuration is compared with; trusted because it came with the client, not from here',
    who: 'anyone',
    gives: gives(api.Deployment),
    problems: [],
  },
  {
    method: 'GET',
    path: '/.well-known/jwks.json',
    id: 'keySet',
    summary: 'Public keys of handle assertions and access tokens',
    who: 'anyone',
    gives: gives(KeySet),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/pki/ca',
    id: 'certificateChain',
    summary: 'Issuing certificate and root',
    who: 'anyone',
    gives: file('application/pem-certificate-chain'),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/pki/issuing.cer',
    id: 'issuingCertificate',
    summary: 'The certificate of the CA that issues today',
    who: 'anyone',
    gives: file('application/pkix-cert'),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/pki/issuing/{issuer}',
    id: 'issuingCertificateOf',
    summary: 'An issuing certificate by key identifier, where certificates point to (RFC 5280 §4.2.2.1)',
    who: 'anyone',
    gives: file('application/pkix-cert'),
    problems: ['not-found'],
  },
  {
    method: 'GET',
    path: '/v1/pki/crl',
    id: 'revocationList',
    summary: 'The revocation list of the CA that issues today',
    who: 'anyone',
    gives: file('application/pkix-crl'),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/pki/crl/{issuer}',
    id: 'revocationListOf',
    summary:
      'The revocation list of an issuing CA by key identifier, where its certificates point to (RFC 5280 §4.2.1.13)',
    who: 'anyone',
    gives: file('application/pkix-crl'),
    problems: ['not-found'],
  },
  {
    method: 'POST',
    path: '/v1/enrollments/challenges',
    id: 'challenge',
    summary: 'A single-use challenge for evidence, and the id of the device to be',
    who: 'anyone',
    takes: json(api.ChallengeRequest),
    gives: gives(api.Challenge, 201),
    problems: ['too-many-requests'],
  },
  {
    method: 'POST',
    path: '/v1/enrollments/activations',
    id: 'activate',
    summary: 'A TPM shows that its attestation key lives with its endorsement key (TPM2_ActivateCredential)',
    who: 'anyone',
    takes: json(api.ActivationRequest),
    gives: gives(api.Activation),
    problems: ['attestation-refused', 'too-many-requests'],
  },
  {
    method: 'POST',
    path: '/v1/enrollments',
    id: 'enroll',
    summary: 'Evidence, manifest and certificate request for an identity certificate',
    who: 'anyone',
    takes: json(api.EnrollmentRequest),
    gives: gives(api.Enrollment, 201),
    problems: ['attestation-refused', 'forbidden', 'conflict', 'refused', 'unavailable', 'too-many-requests'],
  },
  {
    method: 'POST',
    path: '/v1/renewals/challenges',
    id: 'renewalChallenge',
    summary: 'A single-use challenge for the renewal of one device’s certificate',
    who: 'anyone',
    takes: json(api.RenewalChallengeRequest),
    gives: gives(api.RenewalChallenge, 201),
    problems: ['too-many-requests'],
  },
  {
    method: 'POST',
    path: '/v1/renewals',
    id: 'renew',
    summary: 'The same key under a new certificate; the certification request proves who asks',
    who: 'anyone',
    takes: json(api.RenewalRequest),
    gives: gives(api.Renewal, 201),
    problems: ['refused', 'forbidden', 'unavailable', 'too-many-requests'],
  },
  {
    method: 'POST',
    path: '/v1/token',
    id: 'token',
    summary: 'A client assertion by the certified key for a token bound to it (RFC 7523, RFC 9449)',
    who: 'client',
    takes: { type: 'application/x-www-form-urlencoded', schema: TokenRequest },
    gives: gives(api.TokenReply),
    problems: ['unavailable', 'too-many-requests'],
  },
  {
    method: 'GET',
    path: '/v1/accounts/{account}/manifests',
    id: 'manifests',
    summary: 'Signed manifests of an account after a version; none for an unknown account',
    who: 'device',
    query: { after: v.optional(Whole) },
    gives: gives(api.ManifestsReply),
    problems: ['bad-request'],
  },
  {
    method: 'POST',
    path: '/v1/manifests',
    id: 'commitManifest',
    summary: 'The next version of the own account’s manifest',
    who: 'device',
    takes: json(api.ManifestRequest),
    gives: gives(api.ManifestReply),
    problems: ['conflict', 'refused'],
  },
  {
    method: 'POST',
    path: '/v1/links',
    id: 'startLink',
    summary: 'A device of the account lets a new one join: a link for ten minutes and one newcomer',
    who: 'device',
    takes: json(link.LinkStart),
    gives: gives(link.LinkStarted, 201),
    problems: ['refused'],
  },
  {
    method: 'GET',
    path: '/v1/links/{link}',
    id: 'watchLink',
    summary: 'The link as its sponsor sees it',
    who: 'device',
    gives: gives(link.SponsorView),
    problems: LINK_PROBLEMS,
  },
  {
    method: 'POST',
    path: '/v1/links/{link}/opening',
    id: 'openLink',
    summary: 'The sponsor’s part of the comparison code, once it has the commitment',
    who: 'device',
    takes: json(link.LinkOpening),
    gives: gives(link.SponsorView),
    problems: LINK_PROBLEMS,
  },
  {
    method: 'POST',
    path: '/v1/links/{link}/manifest',
    id: 'signLink',
    summary: 'The version that adds the newcomer, signed by the sponsor alone',
    who: 'device',
    takes: json(link.LinkManifest),
    gives: gives(link.SponsorView),
    problems: LINK_PROBLEMS,
  },
  {
    method: 'DELETE',
    path: '/v1/links/{link}',
    id: 'endLink',
    summary: 'The sponsor refuses the newcomer, or thinks better of it',
    who: 'device',
    gives: gives(link.SponsorView),
    problems: LINK_PROBLEMS,
  },
  {
    method: 'POST',
    path: '/v1/links/{link}/challenges',
    id: 'linkChallenge',
    summary: 'An enrollment challenge that lives as long as the link',
    who: 'anyone',
    takes: json(link.LinkChallengeRequest),
    gives: gives(api.Challenge, 201),
    problems: GUEST_PROBLEMS,
  },
  {
    method: 'POST',
    path: '/v1/links/{link}/commitments',
    id: 'commitLink',
    summary: 'Takes the link’s only seat, and commits to device, key and nonce',
    who: 'anyone',
    takes: json(link.LinkCommitment),
    gives: gives(link.NewcomerView),
    problems: ['attestation-refused', ...GUEST_PROBLEMS],
  },
  {
    method: 'POST',
    path: '/v1/links/{link}/reveals',
    id: 'revealLink',
    summary: 'Opens the commitment, with the evidence of the device',
    who: 'anyone',
    takes: json(link.LinkReveal),
    gives: gives(link.NewcomerView),
    problems: ['attestation-refused', 'refused', ...GUEST_PROBLEMS],
  },
  {
    method: 'POST',
    path: '/v1/links/{link}/looks',
    id: 'lookAtLink',
    summary: 'The link as its newcomer sees it',
    who: 'anyone',
    takes: json(link.LinkGuest),
    gives: gives(link.NewcomerView),
    problems: GUEST_PROBLEMS,
  },
  {
    method: 'POST',
    path: '/v1/links/{link}/refusals',
    id: 'leaveLink',
    summary: 'The newcomer saw another code, or thinks better of it',
    who: 'anyone',
    takes: json(link.LinkGuest),
    gives: gives(link.NewcomerView),
    problems: GUEST_PROBLEMS,
  },
  {
    method: 'PUT',
    path: '/v1/keys/bundle',
    id: 'publishBundle',
    summary: 'Publishes the device’s key bundle',
    who: 'device',
    takes: json(KeyBundle),
    gives: gives(api.KeyStatus),
    problems: ['refused'],
  },
  {
    method: 'POST',
    path: '/v1/keys/one-time',
    id: 'addOneTimeKeys',
    summary: 'Adds a signed batch of one-time keys',
    who: 'device',
    takes: json(OneTimeKeys),
    gives: gives(api.KeyStatus),
    problems: ['refused'],
  },
  {
    method: 'GET',
    path: '/v1/keys/status',
    id: 'keyStatus',
    summary: 'What is published, and how many one-time keys are left',
    who: 'device',
    gives: gives(api.KeyStatus),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/handles',
    id: 'handles',
    summary: 'Handles that the account proved',
    who: 'device',
    gives: gives(v.object({ handles: v.array(api.OwnHandle) })),
    problems: [],
  },
  {
    method: 'POST',
    path: '/v1/handles',
    id: 'proveHandle',
    summary: 'Sends a code to a handle, or begins the proof by an identity provider’s token',
    who: 'device',
    takes: json(api.HandleStart),
    gives: gives(api.HandlePending, 202),
    problems: ['too-many-requests'],
  },
  {
    method: 'POST',
    path: '/v1/handles/{id}/verification',
    id: 'verifyHandle',
    summary: 'The code that came to the handle, or the token',
    who: 'device',
    takes: json(api.HandleProof),
    gives: gives(api.OwnHandle),
    problems: ['refused', 'conflict'],
  },
  {
    method: 'POST',
    path: '/v1/handles/visibility',
    id: 'hideHandle',
    summary: 'Whether lookups of strangers find an own handle',
    who: 'device',
    takes: json(api.HandleVisibility),
    gives: gives(v.object({ hidden: v.boolean() })),
    problems: ['not-found'],
  },
  {
    method: 'POST',
    path: '/v1/handles/releases',
    id: 'releaseHandle',
    summary: 'Gives an own handle up, or to another account that then proves it',
    who: 'device',
    takes: json(api.HandleRelease),
    gives: gives(v.object({ to: v.nullable(AccountId) })),
    problems: ['not-found'],
  },
  {
    method: 'POST',
    path: '/v1/lookups',
    id: 'lookUp',
    summary: 'Handles to accounts, devices, keys and capabilities; what is unknown or hidden looks the same',
    who: 'device',
    takes: json(api.LookupRequest),
    headers: {
      'Idempotency-Key':
        'Needed with `claim`: a String of 8 to 128 visible characters; repeated, it takes no second one-time key.',
    },
    gives: gives(api.LookupReply),
    problems: ['too-many-requests'],
  },
  {
    method: 'GET',
    path: '/v1/courier/nonce',
    id: 'courierNonce',
    summary: 'A nonce for the hello',
    who: 'anyone',
    gives: gives(api.NonceReply),
    problems: ['too-many-requests'],
  },
  {
    method: 'GET',
    path: '/v1/courier',
    id: 'courier',
    summary: `The device’s one live connection (docs/protocol/courier.md). Subprotocols: ${COURIER_PROTOCOL}, then the hello.`,
    who: 'socket',
    gives: upgraded,
    problems: ['unauthenticated', 'too-many-requests'],
  },
  {
    method: 'GET',
    path: '/v1/push/subscription',
    id: 'pushSubscription',
    summary: 'Where this device is pushed to, and what the deployment can send',
    who: 'device',
    gives: gives(push.SubscriptionReply),
    problems: [],
  },
  {
    method: 'PUT',
    path: '/v1/push/subscription',
    id: 'pushSubscribe',
    summary: 'Sets where this device is pushed to while it has no connection; the same again changes nothing',
    who: 'device',
    takes: json(push.SubscriptionRequest),
    gives: gives(push.SubscriptionReply),
    problems: ['refused'],
  },
  {
    method: 'DELETE',
    path: '/v1/push/subscription',
    id: 'pushUnsubscribe',
    summary: 'Ends pushes to this device',
    who: 'device',
    gives: gives(push.SubscriptionReply),
    problems: [],
  },
  {
    method: 'POST',
    path: '/v1/push/test',
    id: 'pushTest',
    summary: 'Pushes to this device now, and tells what the push service said',
    who: 'device',
    gives: gives(push.PushTestReply),
    problems: ['not-found', 'too-many-requests'],
  },
  {
    method: 'POST',
    path: '/v1/wake',
    id: 'wake',
    summary: 'What a push was about: calls, waiting envelopes and relays in one request, proved by a hello',
    who: 'anyone',
    takes: json(push.WakeRequest),
    gives: gives(push.WakeReply),
    problems: ['unauthenticated', 'forbidden', 'unavailable'],
  },
  {
    method: 'POST',
    path: '/v1/ice-servers',
    id: 'iceServers',
    summary: 'STUN and TURN servers with credentials that end soon',
    who: 'device',
    takes: json(IceRequest),
    gives: gives(IceReply),
    problems: ['not-found', 'too-many-requests'],
  },
  {
    method: 'GET',
    path: '/v1/calls/active',
    id: 'activeCalls',
    summary: 'What became of the calls whose end this device was not told',
    who: 'device',
    gives: gives(api.ActiveCalls),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/calls/{call}',
    id: 'call',
    summary: 'One call, as its parties see it',
    who: 'device',
    gives: gives(v.looseObject({ call: CallId })),
    problems: ['not-found'],
  },
  {
    method: 'POST',
    path: '/v1/calls/{call}/verbs',
    id: 'sayVerb',
    summary:
      'A verb of the call protocol, for clients without a socket (docs/protocol/calls.md); a refusal of the call is a reply',
    who: 'device',
    takes: json(AnyVerb),
    gives: gives(AnyReply),
    problems: ['not-found'],
  },
  {
    method: 'POST',
    path: '/v1/calls/{call}/tickets',
    id: 'ticket',
    summary: 'Opens the call-plane socket once',
    who: 'device',
    gives: gives(api.Ticket, 201),
    problems: ['not-found', 'refused'],
  },
  {
    method: 'GET',
    path: '/v1/calls/{call}/socket',
    id: 'callSocket',
    summary: `The call plane (docs/protocol/calls.md). Subprotocols: ${CALL_PROTOCOL}, then the ticket.`,
    who: 'socket',
    gives: upgraded,
    problems: ['not-found', 'too-many-requests'],
  },
  {
    method: 'GET',
    path: '/v1/policy',
    id: 'policy',
    summary: 'What the account lets ring',
    who: 'device',
    gives: gives(api.PolicyDocument),
    problems: [],
  },
  {
    method: 'PUT',
    path: '/v1/policy',
    id: 'setPolicy',
    summary: 'Sets what the account lets ring',
    who: 'device',
    takes: json(api.PolicyDocument),
    gives: gives(api.PolicyDocument),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/history',
    id: 'history',
    summary: 'The account’s calls, newest first',
    who: 'device',
    query: { before: v.optional(Whole), limit: v.optional(Whole) },
    gives: gives(api.HistoryReply),
    problems: [],
  },
  {
    method: 'DELETE',
    path: '/v1/history',
    id: 'deleteHistory',
    summary: 'Deletes rows on every device of the account',
    who: 'device',
    takes: json(api.HistoryDeletion),
    gives: gives(api.HistoryDeleted),
    problems: [],
  },
  {
    method: 'DELETE',
    path: '/v1/devices/{device}',
    id: 'revokeDevice',
    summary: 'An owner takes a device of the account out of service',
    who: 'device',
    query: { reason: v.optional(api.RevocationCause) },
    gives: gives(api.RevocationReply),
    problems: ['bad-request'],
  },
  {
    method: 'GET',
    path: '/v1/admin/devices',
    id: 'searchDevices',
    summary: 'Devices in the index',
    who: 'operator',
    query: SEARCH,
    gives: gives(v.object({ devices: v.array(v.looseObject({})), next: v.nullable(v.string()) })),
    problems: ['bad-request'],
  },
  {
    method: 'GET',
    path: '/v1/admin/certificates',
    id: 'searchCertificates',
    summary: 'Certificates in the index',
    who: 'operator',
    query: SEARCH,
    gives: gives(v.object({ certificates: v.array(v.looseObject({})), next: v.nullable(v.string()) })),
    problems: ['bad-request'],
  },
  {
    method: 'GET',
    path: '/v1/admin/verdicts/{evidence}',
    id: 'readVerdict',
    summary: 'How evidence was judged, with every check',
    who: 'operator',
    gives: gives(v.looseObject({ hash: Hash })),
    problems: ['bad-request', 'not-found'],
  },
  {
    method: 'GET',
    path: '/v1/admin/calls/{call}',
    id: 'explainCall',
    summary: 'Why a call rang, or did not: its milestones, and its legs while the call is kept',
    who: 'operator',
    gives: gives(api.CallExplanation),
    problems: ['bad-request', 'not-found', 'unavailable'],
  },
  {
    method: 'POST',
    path: '/v1/admin/revocations',
    id: 'revoke',
    summary: 'The operator takes a device out of service',
    who: 'operator',
    takes: json(api.OperatorRevocation),
    gives: gives(v.looseObject({ account: AccountId, ...api.RevocationReply.entries })),
    problems: ['not-found', 'refused'],
  },
  {
    method: 'GET',
    path: '/v1/admin/policy',
    id: 'readPolicy',
    summary: 'The attestation policy in force',
    who: 'operator',
    gives: gives(v.looseObject({ version: v.string() })),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/admin/trust',
    id: 'readTrust',
    summary: 'Trust anchors and lists in force',
    who: 'operator',
    gives: gives(v.looseObject({ anchors: v.array(v.looseObject({ id: v.string() })) })),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/admin/counters',
    id: 'readCounters',
    summary: 'Certificates counted, the newest list, the issuer’s end',
    who: 'operator',
    gives: gives(v.looseObject({ at: Millis })),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/admin/events',
    id: 'readEvents',
    summary: 'The feed after a cursor, a JSON object per line',
    who: 'operator',
    query: { after: v.optional(Whole), types: v.optional(v.string()) },
    gives: file('application/x-ndjson'),
    problems: ['bad-request'],
  },
  {
    method: 'POST',
    path: '/v1/admin/lists',
    id: 'importList',
    summary: 'A list from a file comes into force, verified as one that was fetched',
    who: 'operator',
    takes: json(api.ListImport),
    gives: gives(v.object({ name: v.string(), version: Millis, changed: v.boolean() })),
    problems: ['refused'],
  },
  {
    method: 'GET',
    path: '/v1/admin/runs',
    id: 'readRuns',
    summary: 'Runs that judge again what was accepted',
    who: 'operator',
    gives: gives(v.object({ runs: v.array(v.looseObject({ id: v.string(), state: v.string() })) })),
    problems: [],
  },
  {
    method: 'POST',
    path: '/v1/admin/runs',
    id: 'decideRun',
    summary: 'What a run found; a held one is released, narrowed or discarded',
    who: 'operator',
    takes: json(api.RunDecision),
    gives: gives(v.looseObject({ run: v.looseObject({ id: v.string(), state: v.string() }) })),
    problems: ['not-found', 'conflict'],
  },
  {
    method: 'POST',
    path: '/v1/development/attestations',
    id: 'attestInDevelopment',
    summary: 'Development only: the deployment’s own attester, for machines without hardware',
    who: 'anyone',
    takes: json(v.object({ transcript: encoded(32) })),
    gives: gives(v.object({ evidence: v.record(v.string(), v.unknown()) })),
    problems: ['not-found'],
  },
  {
    method: 'GET',
    path: '/v1/development/inbox',
    id: 'inbox',
    summary: 'Development only: the newest code that was sent to a canonical handle',
    who: 'anyone',
    query: { handle: v.string() },
    gives: gives(v.object({ code: v.string() })),
    problems: ['not-found'],
  },
];

/** Shapes of path parameters, by name. */
export const PARAMETERS: Readonly<Record<string, Schema>> = {
  account: AccountId,
  call: CallId,
  device: DeviceId,
  evidence: Hash,
  id: encoded(16),
  link: link.LinkId,
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
