import { developmentAnchor } from '../attestation/development/attester.ts';
import { builtInTrust } from '../attestation/trust/load.ts';
import type { Actors } from '../actors/port.ts';
import type { DeploymentIdentity, Repositories } from '../db/repositories.ts';
import { accessRules } from '../http/auth/operator.ts';
import { SeenTokens } from '../http/auth/seen-tokens.ts';
import { Gate } from '../http/gate.ts';
import { defaultLimits, LIMITS, limitsFrom } from '../http/limits.ts';
import { handleHash } from '../http/handles.ts';
import type { CodeMessage, Services } from '../http/services.ts';
import type { Ground as ChoreGround } from '../jobs/chores.ts';
import { LIST_HOSTS, listUrlProblem, type Source } from '../jobs/lists/fetch.ts';
import { TrustInForce } from '../jobs/lists/in-force.ts';
import type { ListName } from '../jobs/lists/stored.ts';
import { type DirectorySettings, openDirectory } from './directory.ts';
import { anchorOf, policyOf, relyingPartyOf, tellUnnamed } from './judging.ts';
import { openPush } from '../push/open.ts';
import { openTurn } from '../turn/open.ts';
import { type OutsideSettings, pushConfig, turnConfig } from './outside.ts';
import { openSecrets, type Secrets, SecretsError } from './secrets.ts';

/** Settings that are no secrets, as both hosts read them from their environment. */
export interface Settings {
  readonly environment: 'development' | 'production';
  /** ORIGIN: public URL, no trailing slash. */
  readonly origin: string;
  /** POLICY: the name of a policy that ships, or a document in JSON (docs/policy.md). */
  readonly policy: string;
  /** RP_ID and RP_ORIGINS: the WebAuthn relying party, and the pages that may register with it; null takes both from ORIGIN. */
  readonly relyingParty: { readonly id: string | null; readonly origins: readonly string[] };
  /** ALLOWED_ORIGINS: browser origins, separated by spaces. */
  readonly allowedOrigins: readonly string[];
  /** JURISDICTION: where objects live; part of what the deployment is. */
  readonly jurisdiction: string;
  /** ANCHORS, development only: further roots (anchorOf), for machines whose TPM is software. */
  readonly anchors: readonly string[];
  readonly lists: ListSettings;
  readonly outside: OutsideSettings;
  /** ACCESS_TEAM and ACCESS_AUDIENCE: the Cloudflare Access application in front of `/v1/admin`; null without one. */
  readonly access: { readonly team: string; readonly audience: string } | null;
  readonly directory: DirectorySettings;
  /** LIMITS: JSON, over the defaults of the environment. */
  readonly limits?: string;
}

/** MDS_URL, ANDROID_STATUS_URL, LIST_HOSTS: where lists are fetched from; a list without URL is not fetched. */
export interface ListSettings {
  readonly mds: string | null;
  readonly androidStatus: string | null;
  /** Hosts beside the publishers' own. */
  readonly hosts: readonly string[];
}

/** Throws for a URL that lists are not fetched from. */
export function listSources({ mds, androidStatus, hosts }: ListSettings): ReadonlyMap<ListName, Source> {
  const sources = new Map<ListName, Source>();
  for (const [variable, name, url] of [
    ['MDS_URL', 'mds', mds],
    ['ANDROID_STATUS_URL', 'android-status', androidStatus],
  ] as const) {
    if (url === null) continue;
    const source = { url, hosts: [...LIST_HOSTS, ...hosts] };
    const problem = listUrlProblem(source);
    if (problem !== null) throw new SecretsError(`${variable} ${problem}.`);
    sources.set(name, source);
  }
  return sources;
}

export interface Ground {
  readonly actors: Actors;
  readonly db: Repositories;
  readonly clientAddress: Services['clientAddress'];
  readonly log: Services['log'];
  readonly ready: Services['ready'];
}

const TEAM = /^[a-z0-9-]{1,63}$/;
const AUDIENCE = /^[0-9a-f]{64}$/;

/** Both, or neither: half a setting would leave a door that its owner believes to be watched. */
export function accessOf(team: string | undefined, audience: string | undefined): Settings['access'] {
  if (team === undefined && audience === undefined) return null;
  if (team === undefined || audience === undefined || !TEAM.test(team) || !AUDIENCE.test(audience))
    throw new SecretsError(
      'ACCESS_TEAM and ACCESS_AUDIENCE belong together: the team’s name and the application’s audience tag (64 hexadecimal digits).',
    );
  return { team, audience };
}

const INBOX_HOLDS = 1_000;

/** The composition root that both hosts share: everything that is the same once the platform's parts are there. */
export async function composeServices(
  settings: Settings,
  secrets: Partial<Secrets>,
  ground: Ground,
): Promise<Services> {
  const { environment, origin } = settings;
  const opened = await openSecrets(secrets, origin, environment);
  const policy = policyOf(settings);
  if (environment === 'production' && settings.anchors.length > 0)
    throw new SecretsError('ANCHORS is set: production trusts the anchors that ship, and no others.');
  const claimed = { deployment: opened.deployment, jurisdiction: settings.jurisdiction };
  tellUnnamed(policy, environment, ground.log);
  const settled = await sameDeployment(ground, claimed);
  const anchor = opened.developmentRoot && developmentAnchor(opened.developmentRoot.certificate);
  const inbox = environment === 'development' ? developmentInbox() : null;
  const directory = openDirectory(settings.directory, inbox && inbox.put, {
    fetcher: (url, init) => fetch(url, init),
    wait: (ms) => new Promise((resolve) => void setTimeout(resolve, ms)),
    now: () => Date.now(),
    log: ground.log,
  });
  listSources(settings.lists);
  const limits = limitsFrom(settings.limits, defaultLimits(environment));
  if (!limits)
    throw new SecretsError(
      `LIMITS must be JSON like {"tokens":{"requestsAtOnce":600,"requestsPerMinute":600}}, of: ${Object.keys(LIMITS).join(', ')}.`,
    );
  const base = builtInTrust({}, [...(anchor ? [anchor] : []), ...settings.anchors.map(anchorOf)]);
  const now = () => Date.now();
  const fetcher = (url: string, init: RequestInit) => fetch(url, init);
  const place = { environment, origin };
  return {
    push: openPush(await pushConfig(settings.outside, secrets, opened.vapid, place), fetcher),
    turn: openTurn(turnConfig(settings.outside, secrets, place), fetcher),
    deployment: {
      id: opened.deployment,
      environment,
      origin,
      ...relyingPartyOf(settings),
      allowedOrigins: [origin, ...settings.allowedOrigins],
    },
    keys: opened.keys,
    operator: {
      key: opened.operator,
      access: settings.access && accessRules(settings.access.team, settings.access.audience),
    },
    actors: ground.actors,
    db: ground.db,
    trust: new TrustInForce(base, ground.db.lists, now, (error) =>
      ground.log({ event: 'lists.unread', error: String(error) }),
    ),
    policy,
    directory: directory.rules,
    codes: directory.codes,
    inbox: inbox && inbox.read,
    limits,
    gate: new Gate(limits),
    seenTokens: new SeenTokens(),
    clientAddress: ground.clientAddress,
    developmentRoot: opened.developmentRoot,
    now,
    random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    log: ground.log,
    ready: settled ? ground.ready : () => Promise.resolve(['migrations']),
  };
}

/** What the periodic work of either host works with. */
export function housekeeping(
  { keys, db, trust, actors, policy, directory }: Services,
  settings: Settings,
): ChoreGround {
  const fetcher: ChoreGround['fetcher'] = (url, init) => fetch(url, init);
  const secrets = { evidence: keys.evidence.secret, hardware: keys.hardware.secret };
  const hashOf = (handle: string) => handleHash({ keys }, handle);
  return {
    issuers: keys.issuers,
    db,
    trust,
    actors,
    policy,
    secrets,
    sources: listSources(settings.lists),
    fetcher,
    hashOf,
    quarantineMs: directory.quarantineMs,
  };
}

/** A database belongs to one deployment in one jurisdiction; with another's secrets or place nothing may start on it.
 *  False where no migration has run yet, so that nothing could be compared: such services are never ready, and not to be kept. */
async function sameDeployment({ db, ready }: Ground, claimed: DeploymentIdentity): Promise<boolean> {
  const kept = await db.identity(claimed).catch(async (error: unknown) => {
    if ((await ready()).includes('migrations')) return null;
    throw error;
  });
  if (!kept) return false;
  if (kept.jurisdiction !== claimed.jurisdiction)
    throw new SecretsError(
      `JURISDICTION is ${claimed.jurisdiction}, but this deployment was made in ${kept.jurisdiction}: it cannot be moved, because its objects' ids are made in it.`,
    );
  if (kept.deployment !== claimed.deployment)
    throw new SecretsError(
      `CALLSIGN_KEYS is of deployment ${claimed.deployment}, but this database belongs to ${kept.deployment}.`,
    );
  return true;
}

/** Codes of development stay in this process, the newest per handle. */
function developmentInbox(): { put: (message: CodeMessage) => void; read: (handle: string) => string | null } {
  const sent = new Map<string, string>();
  return {
    put({ handle, code }) {
      sent.delete(handle);
      sent.set(handle, code);
      const [oldest] = sent.keys();
      if (sent.size > INBOX_HOLDS && oldest !== undefined) sent.delete(oldest);
    },
    read: (handle) => sent.get(handle) ?? null,
  };
}
