/** `npm run callsign -- <command>`: finds the command by its words and runs it. */
import { type Command, type Output, UsageError } from './command.ts';
import { commands } from './commands.ts';
import { ServerRefusal } from './support/server.ts';

const output: Output = {
  line: (text) => void process.stdout.write(`${text}\n`),
  error: (text) => void process.stderr.write(`${text}\n`),
};

function help(): void {
  output.line('callsign <command>\n');
  const width = Math.max(...commands.map(({ name }) => name.length));
  for (const { name, about } of commands) output.line(`  ${name.padEnd(width)}  ${about}`);
}

function find(words: readonly string[]): Command | undefined {
  return commands.find(({ name }) => name.split(' ').every((word, i) => words[i] === word));
}

async function main(words: readonly string[]): Promise<number> {
  const command = find(words[0] === 'enrol' ? ['enroll', ...words.slice(1)] : words);
  if (command === undefined) {
    help();
    return words.length === 0 || words[0] === 'help' ? 0 : 2;
  }
  try {
    return await command.run(words.slice(command.name.split(' ').length), output);
  } catch (error) {
    if (error instanceof ServerRefusal) {
      output.error(error.message);
      return 1;
    }
    if (!(error instanceof UsageError)) throw error;
    output.error(`${error.message}\n\nusage: callsign ${command.name} ${command.usage}`);
    return 2;
  }
}

process.exitCode = await main(process.argv.slice(2));
