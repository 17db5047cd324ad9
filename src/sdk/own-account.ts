import type * as v from 'valibot';
import { AccountClosed, AccountExport } from '../protocol/api.ts';
import type { RecoveryView } from '../protocol/recovery.ts';
import type { IdentifiedApi } from './api.ts';
import type { Directory } from './directory.ts';
import { CallsignError } from './errors.ts';
import { ownHead } from './identity.ts';
import { commitOwn } from './own-manifest.ts';
import {
  listRecoveries,
  recoverHandles,
  type RecoveryChoice,
  recoveryOf,
  setRecovery,
  vetoRecovery,
} from './recovery.ts';

/** The account that this device is of: its devices, its recovery, its end. */
export class OwnAccount {
  readonly #api: IdentifiedApi;
  readonly #directory: Directory;

  constructor(api: IdentifiedApi, directory: Directory) {
    this.#api = api;
    this.#directory = directory;
  }

  /**
   * Removes a device: this device signs the version without it, and with that version it is out of service as a revoked one is.
   * Its id and key never come back.
   */
  async removeDevice(device: string, signal?: AbortSignal): Promise<void> {
    await this.refresh(signal);
    const { config, identity } = this.#api;
    const head = await ownHead(config, identity.account);
    const devices = head.manifest.devices.filter(({ id }) => id !== device);
    if (devices.length === head.manifest.devices.length) throw new CallsignError('local', 'device-not-in-manifest');
    await commitOwn(this.#api, head, { devices }, signal);
  }

  /** Who may recover the account. Comes into force after the delay of what was in force before. */
  async setRecovery(choice: RecoveryChoice, signal?: AbortSignal): Promise<void> {
    await this.refresh(signal);
    await setRecovery(this.#api, choice, signal);
  }

  /** Asks, from this new account, for the handles of an older one that this person cannot get at any more. */
  recoverHandles(...given: Parameters<typeof recoverHandles> extends [unknown, ...infer Rest] ? Rest : never) {
    return recoverHandles(this.#api, ...given);
  }

  recoveryOf(handles: readonly string[], signal?: AbortSignal): Promise<RecoveryView> {
    return recoveryOf(this.#api, handles, signal);
  }

  recoveries(signal?: AbortSignal): Promise<readonly RecoveryView[]> {
    return listRecoveries(this.#api, signal);
  }

  veto(recovery: string, signal?: AbortSignal): Promise<RecoveryView> {
    return vetoRecovery(this.#api, recovery, signal);
  }

  /** Everything that the deployment keeps of the account, by table, as its owner may read it. */
  export(signal?: AbortSignal): Promise<v.InferOutput<typeof AccountExport>> {
    return this.#api.ask(AccountExport, { method: 'GET', path: '/v1/account/export', signal });
  }

  /** For good: every device is out of service, calls end, handles go into quarantine, and what is kept is erased. True: all of it is. */
  async close(signal?: AbortSignal): Promise<boolean> {
    const { account } = this.#api.identity;
    const path = '/v1/account/closure';
    return (await this.#api.ask(AccountClosed, { method: 'POST', path, body: { account }, signal })).erased;
  }

  /** Reads and verifies what was added to the chain meanwhile. */
  async refresh(signal?: AbortSignal): Promise<void> {
    const { account } = this.#api.identity;
    const head = await ownHead(this.#api.config, account);
    await this.#directory.chainOf(account, head.version + 1, signal);
  }
}
