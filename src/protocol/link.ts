/** Linking: an account's device lets a new one join (docs/protocol/directory.md §6). */
import * as v from 'valibot';
import { EnrollmentRequest, VerdictSummary } from './api.ts';
import { Word } from './call.ts';
import { AccountId, DeviceId, encoded, Hash, Millis, P256Key } from './identity.ts';
import { SignedManifest } from './manifest.ts';

export const LINK = {
  /** Life of a link from its start, ms. */
  lifeMs: 10 * 60_000,
  /** A link that is over answers so for this long, ms. */
  rememberedMs: 60 * 60_000,
  /** Starts per account: so many at once, then one in `refillMs`. */
  burst: 10,
  refillMs: 10 * 60_000,
} as const;

export const LinkId = encoded(16);

/**
 * open: nobody came. committed: a newcomer took the only seat. opened: the sponsor's nonce is out. revealed: the newcomer's
 * too, both screens show the code. signed: the sponsor signed the next version. linked: it is in force. ended: it never will.
 */
export const LinkPhase = v.picklist(['open', 'committed', 'opened', 'revealed', 'signed', 'linked', 'ended']);
export type LinkPhase = v.InferOutput<typeof LinkPhase>;

/** Why a link ended. `sponsor` and `newcomer`: that side refused. */
export const LinkEnd = v.picklist(['sponsor', 'newcomer', 'expired', 'superseded', 'sponsor-gone']);
export type LinkEnd = v.InferOutput<typeof LinkEnd>;

/** POST /v1/links */
export const LinkStart = v.object({
  /** SHA-256 of the 16-byte secret that only the invitation carries. */ secretHash: Hash,
});
export const LinkStarted = v.object({ link: LinkId, expiresAt: Millis });

/** POST /v1/links/{link}/opening: what the sponsor adds to the code, after it saw the commitment. */
export const LinkOpening = v.object({
  nonce: encoded(32),
  /** The head on which the next version will stand. */
  version: v.pipe(v.number(), v.integer(), v.minValue(1)),
  hash: Hash,
});

/** POST /v1/links/{link}/manifest: the next version with the sponsor's signature alone. */
export const LinkManifest = v.object({ manifest: SignedManifest });

/** What the newcomer sends with each request: it has no identity yet. */
const Guest = { account: AccountId, secret: encoded(16) };
/** POST /v1/links/{link}/challenges */
export const LinkChallengeRequest = v.object({ ...Guest, format: Word });
/** POST /v1/links/{link}/looks, POST /v1/links/{link}/refusals */
export const LinkGuest = v.object(Guest);
/** POST /v1/links/{link}/commitments */
export const LinkCommitment = v.object({ ...Guest, token: EnrollmentRequest.entries.token, commitment: Hash });
/** POST /v1/links/{link}/reveals: opens the commitment, with the evidence that the enrollment will carry. */
export const LinkReveal = v.object({
  ...Guest,
  token: EnrollmentRequest.entries.token,
  format: EnrollmentRequest.entries.format,
  evidence: EnrollmentRequest.entries.evidence,
  csr: EnrollmentRequest.entries.csr,
  key: P256Key,
  nonce: encoded(32),
});

const Common = { link: LinkId, phase: LinkPhase, expiresAt: Millis, end: v.nullable(LinkEnd) };
/** The link as its sponsor sees it. */
export const SponsorView = v.object({
  ...Common,
  commitment: v.nullable(Hash),
  newcomer: v.nullable(v.object({ device: DeviceId, key: P256Key, nonce: encoded(32), verdict: VerdictSummary })),
});
export type SponsorView = v.InferOutput<typeof SponsorView>;
/** The link as its newcomer sees it. `manifests`: the chain up to the head that the opening names. */
export const NewcomerView = v.object({
  ...Common,
  sponsor: v.nullable(v.object({ device: DeviceId, ...LinkOpening.entries })),
  manifests: v.array(SignedManifest),
  manifest: v.nullable(SignedManifest),
});
export type NewcomerView = v.InferOutput<typeof NewcomerView>;
