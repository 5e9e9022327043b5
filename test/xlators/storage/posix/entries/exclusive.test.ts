/**
 * Exclusive creation when the server restarts in the middle of it. Each case runs in a process that is younger than the
 * file.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, lstatSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { codeOf, makePlace, needsRoot, other, type Place, root, startBrick } from '../support/brick-test.ts';

const CASE = 'BRICKNFS_TEST_EXCLUSIVE';
const exclusive = (hex: string) => ({ mode: 'exclusive', verifier: Buffer.from(hex, 'hex') }) as const;
const FIRST = '0000000100000002';
const SECOND = '0000000300000004';

/** The results of asking for `lock` with each of the verifiers, in a server that is started now. */
function askAnew({ dir, stateDir }: Place, ...verifiers: string[]): string[] {
  const env = { ...process.env, [CASE]: JSON.stringify({ dir, stateDir, verifiers }) };
  const said = execFileSync(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url)], { env });
  return said.toString().trim().split('\n').at(-1)!.split(' ');
}

async function answer(text: string): Promise<void> {
  const { dir, stateDir, verifiers } = JSON.parse(text) as { dir: string; stateDir: string; verifiers: string[] };
  const brick = await startBrick({ teardown() {} }, { dir, stateDir, path: name => name });
  const said: string[] = [];
  for (const verifier of verifiers) {
    const asWhom = verifier.startsWith('other:') ? other : root;
    const code = await codeOf(brick.fops.create(asWhom, brick.root, 'lock', exclusive(verifier.replace('other:', ''))));
    said.push(typeof code === 'string' ? code : 'OK');
  }
  await brick.stop();
  process.stdout.write(`${said.join(' ')}\n`);
}

function cases(): void {
  t.test('a created file belongs to its creator, and another verifier is refused', needsRoot, async t => {
    const place = await madeBy(t, FIRST);
    t.strictSame(askAnew(place, SECOND, FIRST, SECOND), ['EEXIST', 'OK', 'EEXIST']);
  });

  t.test('a file that was left half-made belongs to the first that asks', needsRoot, async t => {
    const place = makePlace(t);
    closeSync(openSync(place.path('lock'), 'wx', 0o1000)); // The server is killed at this point.
    t.equal(lstatSync(place.path('lock')).mode & 0o7777, 0o1000);
    t.strictSame(askAnew(place, `other:${FIRST}`, FIRST, SECOND, FIRST), ['EEXIST', 'OK', 'EEXIST', 'OK']);
  });
}

async function madeBy(t: Test, verifier: string): Promise<Place> {
  const place = makePlace(t);
  const brick = await startBrick(t, place);
  await brick.fops.create(root, brick.root, 'lock', exclusive(verifier));
  await brick.stop();
  return place;
}

const given = process.env[CASE];
if (given === undefined) cases();
else await answer(given);
