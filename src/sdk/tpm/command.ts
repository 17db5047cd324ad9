import { TpmReader } from '../../attestation/tpm/reader.ts';
import { concat, u16, u32 } from '../../bytes/join.ts';
import type { TpmDriver } from './driver.ts';

/** TPM_CC (Part 2 §6.5.2): the commands this client sends. */
export const COMMAND = {
  EvictControl: 0x120,
  NV_DefineSpace: 0x12a,
  CreatePrimary: 0x131,
  NV_Write: 0x137,
  ActivateCredential: 0x147,
  Certify: 0x148,
  NV_Read: 0x14e,
  PolicySecret: 0x151,
  Create: 0x153,
  Load: 0x157,
  Quote: 0x158,
  Sign: 0x15d,
  FlushContext: 0x165,
  NV_ReadPublic: 0x169,
  ReadPublic: 0x173,
  StartAuthSession: 0x176,
  GetRandom: 0x17b,
  PCR_Read: 0x17e,
} as const;

export type CommandName = keyof typeof COMMAND;

/** TPM_RH and TPM_RS (§7.4). */
export const HANDLE = { owner: 0x40000001, none: 0x40000007, password: 0x40000009, endorsement: 0x4000000b } as const;

/** The TPM answered with an error. `code` is its TPM_RC (§6.6); `docs/tpm.md` lists the ones that a client meets. */
export class TpmError extends Error {
  readonly command: CommandName;
  readonly code: number;

  constructor(command: CommandName, code: number) {
    super(`TPM2_${command} failed: TPM_RC 0x${code.toString(16)}`);
    this.name = 'TpmError';
    this.command = command;
    this.code = code;
  }
}

/** What one command consists of. Authorizations belong to the first handles, in order. */
export interface Command {
  readonly name: CommandName;
  readonly handles?: readonly number[];
  readonly sessions?: readonly number[];
  readonly parameters?: readonly Uint8Array[];
  /** Whether the response begins with a handle. */
  readonly returnsHandle?: boolean;
}

export interface Response {
  /** 0 when the command returns none. */
  readonly handle: number;
  readonly parameters: TpmReader;
}

const NO_SESSIONS = 0x8001;
const SESSIONS = 0x8002;
/** The TPM asks to send the same again (§6.6.3): it was busy, or testing itself. */
const RETRY = new Set([0x908, 0x90a, 0x922]);
const MOST_RETRIES = 20;

/** Sends one command and reads its response (Part 1 §18.4). Throws TpmError for what the TPM refuses. */
export async function execute(driver: TpmDriver, command: Command): Promise<Response> {
  const bytes = encode(command);
  for (let attempt = 0; ; attempt++) {
    const reader = new TpmReader(await driver.transmit(bytes));
    const tag = reader.u16();
    reader.u32();
    const code = reader.u32();
    if (code === 0 && !reader.broken) return decode(reader, tag, command);
    if (!RETRY.has(code) || attempt === MOST_RETRIES) throw new TpmError(command.name, code);
  }
}

function encode({ name, handles = [], sessions = [], parameters = [] }: Command): Uint8Array {
  const authorizations = concat(...sessions.map(authorization));
  const area = sessions.length > 0 ? [u32(authorizations.length), authorizations] : [];
  const body = concat(u32(COMMAND[name]), ...handles.map(u32), ...area, ...parameters);
  return concat(u16(sessions.length > 0 ? SESSIONS : NO_SESSIONS), u32(body.length + 6), body);
}

/** TPMS_AUTH_COMMAND (§10.13.2) without nonce, continuation or HMAC: an empty password, or a policy session that ends with this command. */
function authorization(session: number): Uint8Array {
  return concat(u32(session), u16(0), new Uint8Array([0]), u16(0));
}

function decode(reader: TpmReader, tag: number, { returnsHandle = false }: Command): Response {
  const handle = returnsHandle ? reader.u32() : 0;
  const parameters = tag === SESSIONS ? new TpmReader(reader.take(reader.u32())) : reader;
  return { handle, parameters };
}
