import { readFileSync, statSync } from 'node:fs';
import { type Command, UsageError } from '../command.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import { readOptions } from '../support/options.ts';
import { operator } from '../support/server.ts';

/** For deployments that fetch nothing: a list from a file comes into force like one that was fetched. */
export const listsImport: Command = {
  name: 'lists import',
  usage: 'FILE --kind mds|android-status [--fetched-at TIME]',
  about:
    'bring a FIDO metadata BLOB or an Android status list into force; TIME is when it was fetched, now unless said',
  async run(args, output) {
    const { values, positionals } = readOptions(args, {
      kind: { type: 'string' },
      'fetched-at': { type: 'string' },
    });
    const [file, ...more] = positionals;
    if (!file || more.length > 0) throw new UsageError('one file is needed');
    if (values.kind !== 'mds' && values.kind !== 'android-status')
      throw new UsageError('--kind must be mds or android-status');
    const given = values['fetched-at'];
    const fetchedAt = given === undefined ? Date.now() : Date.parse(given);
    if (Number.isNaN(fetchedAt)) throw new UsageError('--fetched-at must be a time like 2026-11-26T12:00:00Z');
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) throw new UsageError(`${file} is no file`);
    const list = base64url(readFileSync(file));
    const response = await operator().post('/v1/admin/lists', { name: values.kind, fetchedAt, list });
    const { name, version, changed } = (await response.json()) as { name: string; version: number; changed: boolean };
    output.line(`${name} ${version} ${changed ? 'is in force' : 'was in force already'}`);
    return 0;
  },
};
