import {
  CallsignClient,
  type ClientConfig,
  type ClientEvents,
  defaultConfig,
  developmentAttester,
  enroll,
  type Enrolled,
  memoryStore,
  type Sponsor,
  tpmAttester,
  webCrypto,
} from '../src/sdk/index.ts';
import type { Call } from '../src/sdk/index.ts';
import { fromBase64url } from '../src/bytes/base64url.ts';
import type { HistoryRow } from '../src/protocol/history.ts';
import { TpmIdentity } from '../src/sdk/tpm/identity.ts';
import type { Tpm } from '../src/sdk/tpm/tpm.ts';

export interface Deployment {
  readonly deployment: string;
  readonly root: string;
}

/** How long anything in the story may take (ms), also on a machine that has much else to do: longer than a call rings. */
export const PATIENCE_MS = 60_000;

/** One person's device in the story: its client, and what it has seen. */
export class Device {
  readonly name: string;
  readonly enrolled: Enrolled;
  readonly client: CallsignClient;
  readonly history: HistoryRow[] = [];
  readonly suspicions: string[] = [];
  /** Calls that alerted here. */
  readonly rings: Call[] = [];
  readonly #waiting: ((call: Call) => void)[] = [];
  #online: () => void = () => undefined;

  constructor(name: string, config: ClientConfig, enrolled: Enrolled) {
    this.name = name;
    this.enrolled = enrolled;
    const events: ClientEvents = {
      incoming: (call) => {
        this.rings.push(call);
        this.#waiting.shift()?.(call);
      },
      online: () => this.#online(),
      history: (row) => this.history.push(row),
      suspicious: (about, reason) => this.suspicions.push(`${about}: ${reason}`),
    };
    this.client = new CallsignClient(config, enrolled.identity, events);
  }

  /** Connects, and resolves when everything that waited has come. */
  async goOnline(): Promise<void> {
    const online = new Promise<void>((resolve) => {
      this.#online = resolve;
    });
    await this.client.connect();
    await within(PATIENCE_MS, online, `${this.name} did not get online`);
  }

  /** The next call that alerts here, or the one that does already. */
  nextRing(): Promise<Call> {
    const ringing = this.rings.find((call) => call.phase !== 'ended');
    if (ringing) return Promise.resolve(ringing);
    return within(
      PATIENCE_MS,
      new Promise<Call>((resolve) => this.#waiting.push(resolve)),
      `${this.name} did not ring`,
    );
  }
}

/** What a client sent to be enrolled, kept so that it can be sent once more. */
export interface SentEnrollment {
  body: string | null;
}

export function configFor(
  origin: string,
  { deployment, root }: Deployment,
  sent: SentEnrollment = { body: null },
): ClientConfig {
  const der = fromBase64url(root);
  if (!der) throw new TypeError('the deployment’s root is not base64url');
  const config = defaultConfig({ deployment, origin, roots: [der], crypto: webCrypto(), store: memoryStore() });
  const keeping: ClientConfig['fetch'] = (url, init) => {
    if (url.endsWith('/v1/enrollments') && typeof init.body === 'string') sent.body = init.body;
    return config.fetch(url, init);
  };
  return { ...config, fetch: keeping };
}

export async function enrollDevice(
  name: string,
  config: ClientConfig,
  tpm: Tpm | null,
  sponsor?: Sponsor,
): Promise<Device> {
  const attester = tpm ? tpmAttester(await TpmIdentity.create(tpm)) : developmentAttester(config.crypto);
  const enrolled = await enroll(config, attester, sponsor ? { sponsor } : {});
  return new Device(name, config, enrolled);
}

export async function within<T>(ms: number, promise: Promise<T>, why: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(why)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
