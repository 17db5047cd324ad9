import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { rotateIssuing, SecretsError } from '../../src/hosts/secrets.ts';
import type { PrivateJwk } from '../../src/ca/signer.ts';
import { type Command, UsageError } from '../command.ts';
import { readJson } from '../support/files.ts';
import { readOptions } from '../support/options.ts';

/** The next issuing CA from the offline root. The root's private key is read, and written nowhere. */
export const caRotate: Command = {
  name: 'ca rotate',
  usage: '--ca FILE --root-key FILE --out FILE',
  about: 'make the next issuing CA under the same root; the one before goes on signing its list',
  async run(args, output) {
    const option = { type: 'string' } as const;
    const { values, positionals } = readOptions(args, { ca: option, 'root-key': option, out: option });
    const { ca, out, 'root-key': rootKey } = values;
    if (positionals.length > 0 || ca === undefined || rootKey === undefined || out === undefined)
      throw new UsageError('--ca (the secret CALLSIGN_CA), --root-key and --out are needed');
    if (existsSync(out)) throw new UsageError(`${out} is there already, and is not written over`);
    readJson(ca);
    const key = readJson(rootKey) as PrivateJwk;
    try {
      const { secret, retired } = await rotateIssuing(readFileSync(ca, 'utf8'), key, Date.now());
      writeFileSync(out, secret, { mode: 0o600, flag: 'wx' });
      output.line(`  wrangler secret put CALLSIGN_CA --env production < ${out}`);
      output.line('The CA before is in it too, and signs its own list until 121 days from now.');
      if (retired > 0) output.line(`${retired} of before were left out: nobody can ask for their lists any more.`);
      output.line('Clients pin the root, and need to know nothing.');
      return 0;
    } catch (error) {
      if (error instanceof SecretsError) throw new UsageError(error.message);
      throw error;
    }
  },
};
