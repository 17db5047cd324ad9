/** What every call of the SDK may reject with: one class, a stable code, and what is known of the reason. */
export type ErrorCode =
  /** The server could not be reached, or did not answer in time; what was asked may have happened. */
  | 'network'
  /** The server refused: see `reason`, `status` and `problem`. */
  | 'refused'
  /** What the server sent is not of this protocol. */
  | 'protocol'
  /** What the server sent does not verify: a key, certificate, manifest or assertion is not what it must be. */
  | 'verification'
  /** The device, its store or its attester cannot do what is needed. */
  | 'local'
  /** The call is over, or not where this can be done. */
  | 'call'
  | 'aborted';

export class CallsignError extends Error {
  override readonly name = 'CallsignError';
  readonly code: ErrorCode;
  /** Machine-readable: the server's `reason`, or ours. */
  readonly reason: string;
  readonly status: number | null;
  readonly retryAfterMs: number | null;

  constructor(code: ErrorCode, reason: string, more: { status?: number; retryAfterMs?: number; cause?: unknown } = {}) {
    super(`${code}: ${reason}`, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.reason = reason;
    this.status = more.status ?? null;
    this.retryAfterMs = more.retryAfterMs ?? null;
  }
}
