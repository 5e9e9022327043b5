/** Reads the command line byte by byte. Node decodes it, and loses bytes that are not valid UTF-8. */
import { readFileSync } from 'node:fs';
import { textOfBytes } from '../wire-text.ts';

/**
 * The environment variable with the exact arguments of a process that Node itself has started and whose command line is
 * therefore text.
 */
export const ARGUMENTS = 'BRICKNFS_ARGUMENTS';

const LOST = '\ufffd';

/** Returns `argv`, the end of the process's command line, with every byte kept as wire-text.ts does. */
export function exactArguments(argv: readonly string[]): readonly string[] {
  if (!argv.some(argument => argument.includes(LOST))) return argv;
  const passed = process.env[ARGUMENTS];
  if (passed !== undefined) return JSON.parse(passed) as string[];
  let words: string[];
  try {
    words = readFileSync('/proc/self/cmdline', 'latin1').split('\0').slice(0, -1).slice(-argv.length);
  } catch {
    return argv;
  }
  const bytes = words.map(word => Buffer.from(word, 'latin1'));
  // A process can overwrite its command line. Only Node's arguments are left then.
  const isSame = bytes.length === argv.length && bytes.every((word, i) => word.toString('utf8') === argv[i]);
  return isSame ? bytes.map(textOfBytes) : argv;
}
