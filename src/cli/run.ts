/** Runs a command line: finds the command, calls it, and turns an error into one line and an exit code. */
import yargs, { type Argv } from 'yargs';
import { didYouMean } from '../volfile/did-you-mean.ts';
import type { Command, LoadParts } from './commands/command.ts';
import { type CommandEntry, COMMANDS, nameOf } from './commands/commands.ts';
import { type CliError, EXIT, failureOf, usageError } from './failure.ts';
import { VERSION } from './version.ts';

const YARGS_ERROR = 'YError';

/** Runs the command line and returns the exit code. It never rejects. */
export async function runCli(argv: readonly string[], loadParts: LoadParts): Promise<number> {
  try {
    return await run(argv, loadParts);
  } catch (error) {
    const { message, exitCode } = failureOf(error);
    process.stderr.write(`${message}\n`);
    return exitCode;
  }
}

async function run(argv: readonly string[], loadParts: LoadParts): Promise<number> {
  let asked: CommandEntry | undefined;
  let command: Command | undefined;
  let exitCode: number = EXIT.OK;
  const cli = yargs()
    .scriptName('bricknfs')
    .usage('$0 COMMAND\n\nAn NFSv3 server in user space. `bricknfs COMMAND --help` describes a command.')
    .version(VERSION)
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'greedy-arrays': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    })
    .locale('en')
    .wrap(Math.min(120, process.stdout.columns || 120))
    .exitProcess(false)
    .demandCommand(1, `expected a command: ${COMMANDS.map(nameOf).join(', ')} (or --help)`)
    .strict()
    .fail((message, error) => {
      throw error ?? Object.assign(new Error(message), { name: YARGS_ERROR });
    });
  for (const one of COMMANDS) {
    cli.command(
      one.usage,
      one.describe,
      async y => {
        asked = one;
        command = await one.load();
        return withOptions(y, one, command);
      },
      async ({ _: words, ...options }) => {
        const given = (one.arguments ?? []).flatMap(({ name }) => options[name] ?? []);
        const afterDashes = words.slice(1); // the first word is the command's name
        exitCode = await command!.run(options as never, [...given, ...afterDashes].map(String), loadParts);
      },
    );
  }
  try {
    await cli.parseAsync(withOptionalValues(argv));
  } catch (error) {
    // yargs wraps an error that a coercion throws in an error of its own.
    throw (error as Error).name === YARGS_ERROR ? refusal((error as Error).message, argv, asked, command) : error;
  }
  return exitCode;
}

/** Flags whose value may be missing. The next word is the value only if it is a number. */
const MAY_LACK_VALUE: ReadonlySet<string> = new Set(['--portmapper']);

/** Keeps yargs from taking any other word after such a flag as its value, as in `--portmapper DIR`. */
function withOptionalValues(argv: readonly string[]): string[] {
  return argv.map((word, i) => (MAY_LACK_VALUE.has(word) && !/^\d+$/.test(argv[i + 1] ?? '') ? `${word}=` : word));
}

function withOptions(
  y: Argv,
  { usage, describe, arguments: positionals = [] }: CommandEntry,
  { options, examples }: Command,
): Argv {
  y.usage(`bricknfs ${usage}\n\n${describe}`).options(options);
  for (const { name, describe: what } of positionals) {
    y.positional(name, { type: 'string', array: usage.includes('..'), describe: what });
  }
  for (const [line, what] of examples) y.example(line, what);
  return y;
}

/** Rewords an error of yargs: it names the flag as it was written, and the one that was probably meant. */
function refusal(message: string, argv: readonly string[], asked?: CommandEntry, command?: Command): CliError {
  const [, unknown] = /^Unknown arguments?: (.*)$/s.exec(message) ?? [];
  if (unknown === undefined) return usageError(message);
  const word = unknown.split(', ')[0]!;
  const flag = argv.find(arg => arg === `--${word}` || arg.startsWith(`--${word}=`));
  if (flag !== undefined || argv.some(arg => /^-[^-]/.test(arg) && arg.includes(word))) {
    const written = flag === undefined ? `-${word}` : `--${word}`;
    const flags = Object.keys(command?.options ?? {}).map(name => `--${name}`);
    return usageError(`unknown option ${written}${didYouMean(written, flags)}; --help lists all options`);
  }
  if (asked) return usageError(`${nameOf(asked)} takes no argument "${word}"; see --help`);
  const known = COMMANDS.map(nameOf);
  return usageError(`expected a command (${known.join(', ')}), found "${word}"${didYouMean(word, known)}`);
}
