import { type Command, UsageError } from '../command.ts';
import { readOptions } from '../support/options.ts';
import { operator } from '../support/server.ts';

/** Takes a device out of service, for good. */
export const deviceRevoke: Command = {
  name: 'device revoke',
  usage: '[ACCOUNT] DEVICE --reason WORDS',
  about: 'revoke a device: courier closed, token refused, certificates listed, lookups without it',
  async run(args, output) {
    const { values, positionals } = readOptions(args, { reason: { type: 'string' } });
    const [device, account, ...more] = positionals.toReversed();
    if (!device || more.length > 0)
      throw new UsageError('a device is needed, and its account before it unless it has none');
    if (!values.reason) throw new UsageError('a reason is needed: it goes into the audit, so write no names');
    const response = await operator().post('/v1/admin/revocations', {
      ...(account && { account }),
      device,
      reason: values.reason,
    });
    const { status, statusAt } = (await response.json()) as { status: string; statusAt: number };
    output.line(`${device} ${status} since ${new Date(statusAt).toISOString()}`);
    return 0;
  },
};
