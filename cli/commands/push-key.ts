import { makeKey } from '../../src/hosts/secrets.ts';
import { type Command, UsageError } from '../command.ts';

/** For documents of before Web Push: `vapid` is the only member that can be added later. */
export const pushKey: Command = {
  name: 'push key',
  usage: '',
  about: 'make the key that shows browsers’ push services who pushes, for a CALLSIGN_KEYS that has none',
  async run(args, output) {
    if (args.length > 0) throw new UsageError('it takes nothing');
    output.line(JSON.stringify({ vapid: await makeKey('vapid') }));
    return 0;
  },
};
