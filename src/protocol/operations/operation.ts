import type * as v from 'valibot';
import type { ProblemSlug } from '../problem.ts';

export type Schema = v.GenericSchema;

export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With `{name}` for each parameter. */
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  /** `operator`: the operator key. `device`: a token bound to the device's key, and a DPoP proof. `socket`: an upgrade that Sec-WebSocket-Protocol authenticates. */
  readonly who: 'anyone' | 'client' | 'device' | 'operator' | 'socket';
  readonly takes?: { readonly type: string; readonly schema: Schema };
  readonly query?: Readonly<Record<string, Schema>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly gives: { readonly status: number; readonly type: string; readonly schema: Schema | null };
  /** Beside those that follow from who asks and what is taken: see problemsOf. */
  readonly problems: readonly ProblemSlug[];
}

const JSON_TYPE = 'application/json';
export const json = (schema: Schema) => ({ type: JSON_TYPE, schema });
export const gives = (schema: Schema, status = 200) => ({ status, type: JSON_TYPE, schema });
export const file = (type: string) => ({ status: 200, type, schema: null });
export const upgraded = { status: 101, type: '', schema: null };
