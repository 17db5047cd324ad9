/**
 * Packed statements under a root that a deployment makes at its first start: what demos, tests and continuous integration
 * enroll with. Policies that ship for production name neither the format nor the class of anchor.
 */
import type { StatementFormat } from '../webauthn/statement.ts';
import { type PackedStatement, readPacked, verifyPacked } from './packed.ts';

export const development: StatementFormat<PackedStatement> = {
  id: 'development',
  read: readPacked,
  verify: (statement, registration, judging, steps) =>
    verifyPacked('development', statement, registration, judging, steps),
};
