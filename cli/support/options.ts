import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { UsageError } from '../command.ts';

/** Positional arguments and options; what is not declared is used wrongly. */
export function readOptions<T extends ParseArgsOptionsConfig>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'unreadable arguments');
  }
}

/** Milliseconds since 1970 of an ISO 8601 time; `otherwise` when none is given. */
export function readTime(text: string | undefined, otherwise: number): number {
  const time = text === undefined ? otherwise : Date.parse(text);
  if (Number.isNaN(time)) throw new UsageError(`not a time: ${text}`);
  return time;
}
