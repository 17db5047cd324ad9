/** What a command of the CLI is; one file per command in cli/commands/, listed in cli/commands.ts. */
export interface Command {
  /** The words that name it: `attest verify`. */
  readonly name: string;
  /** Arguments and options, as the help shows them. */
  readonly usage: string;
  /** One line. */
  readonly about: string;
  /** Exit code: 0 done, 1 the answer is no, 2 used wrongly. */
  run(args: readonly string[], output: Output): Promise<number>;
}

export interface Output {
  line(text: string): void;
  error(text: string): void;
}

/** Used wrongly: printed with the command's usage, exit code 2. */
export class UsageError extends Error {}
