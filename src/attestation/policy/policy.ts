/** Policy documents: what an operator decides, validated as data. docs/policy.md explains every field with an example. */
import * as v from 'valibot';
import { KEY_HARDWARE } from '../verdict.ts';

const formats = [
  'packed',
  'tpm',
  'android-key',
  'apple',
  'fido-u2f',
  'none',
  'android-keystore',
  'app-attest',
  'tpm2',
  'linked',
  'development',
] as const;

/** Rules of taste and posture. Signature, challenge, chain, root, key, self, software, revocation and development rules are not here, so nothing can monitor them. */
const monitored = [
  'boot-state',
  'patch-level',
  'application',
  'environment',
  'syncable',
  'user-verification',
  'aaguid-refused',
  'vendor-refused',
  'assurance',
] as const;

const bootState = v.picklist(['verified', 'self-signed', 'unverified', 'failed']);
const aaguid = v.pipe(v.string(), v.regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/));
const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const duration = v.pipe(v.number(), v.integer(), v.minValue(0));
const count = v.pipe(v.number(), v.integer(), v.minValue(1));

function list<T extends v.GenericSchema>(item: T) {
  return v.pipe(v.array(item), v.readonly());
}

function object<T extends v.ObjectEntries>(entries: T) {
  return v.pipe(v.strictObject(entries), v.readonly());
}

export const policySchema = object({
  /** Goes into every verdict; never reuse one for a changed document. */
  version: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9.-]{0,63}$/)),
  formats: list(v.picklist(formats)),
  /** Kinds of hardware whose attested key is enough. */
  hardware: list(v.picklist(KEY_HARDWARE)),
  anchorClasses: list(v.picklist(['hardware', 'virtual-tpm', 'software', 'development', 'test'])),
  /** Rules that are recorded as `monitored` instead of refusing. */
  monitor: list(v.picklist(monitored)),
  webauthn: object({
    /** COSE algorithms of credential keys (WebAuthn pubKeyCredParams). */
    algorithms: list(v.pipe(v.number(), v.integer())),
    /** Packed statements signed by the credential key itself: proof of nothing. */
    selfAttestation: v.boolean(),
    /** Backup-eligible (BE=1) credentials: synced passkeys. */
    syncable: v.boolean(),
    crossOrigin: v.boolean(),
    userVerification: v.boolean(),
    /** Refuse an AAGUID that neither metadata nor an anchor bound to it vouches for. */
    knownAaguid: v.boolean(),
    aaguidAllow: v.nullable(list(aaguid)),
    aaguidDeny: list(aaguid),
  }),
  android: object({
    bootStates: list(bootState),
    deviceLocked: v.boolean(),
    /** YYYYMM; null asks for none. */
    minimumPatchLevel: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(201_501), v.maxValue(299_912))),
    /** Package names and signing-certificate SHA-256 digests (hex) of `android-keystore`; empty accepts none, `any` asks for none. */
    applications: v.union([v.literal('any'), list(object({ package: v.string(), digests: list(digest) }))]),
    minimumSecurityLevel: v.picklist(['software', 'tee', 'strongbox']),
    /** `fail-closed` refuses when the status list is missing or older than the limit. */
    statusList: v.picklist(['fail-closed', 'fail-open']),
    statusListMaxAgeMs: duration,
  }),
  apple: object({
    /** `<team id>.<bundle id>`; empty accepts none. */
    applications: list(v.pipe(v.string(), v.regex(/^[A-Z0-9]{10}\.[A-Za-z0-9.-]+$/))),
    environments: list(v.picklist(['production', 'development'])),
  }),
  tpm: object({
    vendorsDeny: list(v.string()),
    /** Expected PCR values by bank and index, hex; null asks for no quote. */
    pcrs: v.nullable(
      v.pipe(v.record(v.string(), v.pipe(v.record(v.string(), v.string()), v.readonly())), v.readonly()),
    ),
  }),
  /** FIDO metadata: whether a fresh list must be there, and how old (ms since it was fetched) it may be. */
  metadata: object({ required: v.boolean(), maxAgeMs: duration }),
  /** Most live certificates that may stand on one endorsement key. */
  capPerEndorsementKey: count,
  /** What a device that the operator's inventory does not list gets: nothing, `hold` for an operator's yes, or a refusal. */
  inventory: v.picklist(['off', 'prefer', 'require']),
});

export type Policy = v.InferOutput<typeof policySchema>;

/** The document, or one sentence per problem, each with the path of the field. */
export function readPolicy(document: unknown): { readonly ok: true; readonly policy: Policy } | PolicyProblems {
  const result = v.safeParse(policySchema, document);
  if (!result.success) return { ok: false, problems: result.issues.map(sentence) };
  const problems = contradictions(result.output);
  return problems.length === 0 ? { ok: true, policy: result.output } : { ok: false, problems };
}

export interface PolicyProblems {
  readonly ok: false;
  readonly problems: readonly string[];
}

function sentence(issue: v.BaseIssue<unknown>): string {
  return `${v.getDotPath(issue) ?? 'document'}: ${issue.message}`;
}

/** What each field allows, but no document may combine. */
function contradictions(policy: Policy): readonly string[] {
  const problems: string[] = [];
  if (policy.formats.includes('development') !== policy.anchorClasses.includes('development')) {
    problems.push('formats and anchorClasses: name `development` in both or in neither');
  }
  if (policy.formats.includes('android-keystore') && policy.android.bootStates.length === 0) {
    problems.push('android.bootStates: none is allowed, so `android-keystore` can never be accepted');
  }
  return problems;
}
