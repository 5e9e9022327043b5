/**
 * A hostile client as a process of its own: `node attacker.ts JSON`. It prints `in place` when it has begun, goes on
 * until its standard input ends, and then prints its counts.
 */
import { ATTACKS, type Attack, type Target } from './attacks.ts';

const { attack, ...target } = JSON.parse(process.argv[2]!) as Target & { attack: keyof typeof ATTACKS };
const over = new AbortController();
process.stdin.on('end', () => over.abort()).resume();
const run: Attack = ATTACKS[attack];
const count = await run(target, () => process.stdout.write('in place\n'), over.signal);
process.stdout.write(`${JSON.stringify(count)}\n`);
process.exit();
