import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readStatusList } from '../../src/attestation/android/status-list.ts';
import { configuredPolicy } from '../../src/attestation/policy/configured.ts';
import type { Policy } from '../../src/attestation/policy/policy.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';
import { builtInTrust } from '../../src/attestation/trust/load.ts';
import { readMetadata } from '../../src/attestation/trust/metadata.ts';
import type { AndroidStatusList, MetadataList, TrustStore } from '../../src/attestation/trust/store.ts';
import { UsageError } from '../command.ts';

/** Where the attestation vectors are: CALLSIGN_VECTORS, or beside the checkout. */
export const vectorFolder =
  process.env['CALLSIGN_VECTORS'] ?? fileURLToPath(new URL('../../../shared/vectors', import.meta.url));

export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`${path}: ${error instanceof Error ? error.message : 'unreadable'}`);
  }
}

/** A policy that ships, by name, or a document in a file, whole or as changes of one that ships. */
export function loadPolicy(nameOrPath: string): Policy {
  const result = configuredPolicy(nameOrPath in policies ? nameOrPath : JSON.stringify(readJson(nameOrPath)));
  if (!result.ok) throw new UsageError(`${nameOrPath} is no policy:\n  ${result.problems.join('\n  ')}`);
  return result.policy;
}

export interface ListFiles {
  readonly statusList?: string | undefined;
  readonly metadata?: string | undefined;
  /** When the lists are taken to have been fetched, milliseconds since 1970. */
  readonly now: number;
}

/** The store that ships, with lists from files. */
export async function loadTrust({ statusList, metadata, now }: ListFiles): Promise<TrustStore> {
  return builtInTrust({
    androidStatus: statusList === undefined ? null : loadStatusList(statusList, now),
    metadata: metadata === undefined ? null : await loadMetadata(metadata, builtInTrust(), now),
  });
}

function loadStatusList(path: string, now: number): AndroidStatusList {
  const list = readStatusList(existing(path), now);
  if (list === null) throw new UsageError(`${path} is no Android status list`);
  return list;
}

async function loadMetadata(path: string, trust: TrustStore, now: number): Promise<MetadataList> {
  const blob = existing(path).toString('utf8').trim();
  const result = await readMetadata({ blob, trust, now, fetchedAt: now, previousNo: null });
  if (!result.ok) throw new UsageError(`${path}: ${result.reason}: ${result.detail}`);
  return result.list;
}

function existing(path: string): Buffer {
  if (!existsSync(path) || !statSync(path).isFile()) throw new UsageError(`${path} is not a file`);
  return readFileSync(path);
}
