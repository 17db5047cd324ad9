import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeProductionSecrets } from '../../src/hosts/secrets.ts';
import { type Command, UsageError } from '../command.ts';
import { pem } from '../support/pem.ts';
import { readOptions } from '../support/options.ts';

/**
 * A new authority for a production deployment. The root's private key leaves this process only where it was told to:
 * to a file by `--root-key`, else nowhere, and then no second issuing CA can ever be made under this root.
 */
export const caInit: Command = {
  name: 'ca init',
  usage: '--name NAME [--out DIR] [--root-key FILE]',
  about: 'make an offline root, an issuing CA and every other key of a production deployment',
  async run(args, output) {
    const { values, positionals } = readOptions(args, {
      name: { type: 'string' },
      out: { type: 'string' },
      'root-key': { type: 'string' },
    });
    const name = values.name?.trim() ?? '';
    if (positionals.length > 0 || !/^[\p{L}\p{N} .,'-]{1,48}$/u.test(name))
      throw new UsageError('--name is needed: 1 to 48 letters, digits, spaces, dots, commas, dashes');
    const { secrets, root, rootKey } = await makeProductionSecrets(name, Date.now());
    const keyFile = values['root-key'];
    if (keyFile !== undefined) keep(keyFile, `${JSON.stringify(rootKey)}\n`);
    if (values.out !== undefined) {
      mkdirSync(values.out, { recursive: true, mode: 0o700 });
      for (const [secret, text] of Object.entries(secrets)) keep(join(values.out, `${secret}.json`), text);
      keep(join(values.out, 'root.pem'), pem('CERTIFICATE', root));
    }
    const dir = values.out;
    output.line('CALLSIGN_CA    root certificate, issuing certificate, issuing key');
    output.line('CALLSIGN_KEYS  one key per other use; `operator` in it opens /v1/admin');
    for (const [secret, text] of Object.entries(secrets)) {
      if (dir === undefined) output.line(`\n${secret}=${text}`);
      else output.line(`  wrangler secret put ${secret} --env production < ${join(dir, `${secret}.json`)}`);
    }
    output.line(dir === undefined ? `\n${pem('CERTIFICATE', root)}` : `  clients pin ${join(dir, 'root.pem')}`);
    output.line(
      keyFile === undefined
        ? 'The root key was not written (--root-key FILE): no other issuing CA can be made under this root.'
        : `The root key is in ${keyFile}: take it off line now. It signs the next issuing CA, and nothing else.`,
    );
    return 0;
  },
};

/** Never over a file that is there: it may hold the only copy of a key. */
function keep(path: string, text: string): void {
  if (existsSync(path)) throw new UsageError(`${path} is there already, and is not written over`);
  writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
}
