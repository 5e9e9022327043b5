/**
 * Listings with cookies of 32 bits, on ext4 and other file systems. narrow-cookies.test.ts runs it in a mount namespace
 * of its own.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Dirent } from '#src/graph/fops.ts';
import type { Inode } from '#src/graph/inode.ts';
import { Magic } from '#src/sys/constants.ts';
import { NarrowCookies } from '#src/xlators/storage/posix/listing/narrow-cookies.ts';
import { makePlace, type Place, root, startBrick, type TestBrick } from '../support/brick-test.ts';

const narrow = { ...root, narrowCookies: true };

/** The seed with which this ext4 hashes names. */
const HASH_SEED = '00112233-4455-6677-8899-aabbccddeeff';
/** Names whose hashes with that seed have the same major half (`debugfs -R 'dx_hash -h half_md4 -s SEED NAME'`). */
const ALIKE = [
  ['n29787', 'n32899'],
  ['n32244', 'n53982'],
  ['n29238', 'n59768'],
  ['n78509', 'n83941'],
  ['n26347', 'n92960'],
  ['n33748', 'n123057'],
  ['n115540', 'n140800'],
  ['n1307794', 'n1611166', 'n4316536'],
  ['n1869674', 'n1921007', 'n5845825'],
  ['n150369', 'n2528652', 'n4601713'],
];
const NAMES = ALIKE.flat();
const SHARED_COUNT = NAMES.length - ALIKE.length;

const FILE_SYSTEMS = {
  ext4: ['mkfs.ext4', '-q', '-E', `hash_seed=${HASH_SEED}`],
  'ext4 without dir_index': ['mkfs.ext4', '-q', '-O', '^dir_index'],
  tmpfs: undefined,
};

/** Makes a volume on a file system of that kind. */
function makeVolume(t: Test, kind: keyof typeof FILE_SYSTEMS): Place {
  const top = mkdtempSync(join(tmpdir(), 'narrow-'));
  const point = join(top, 'point');
  mkdirSync(point);
  const make = FILE_SYSTEMS[kind];
  if (make) {
    const image = join(top, 'image');
    writeFileSync(image, '');
    truncateSync(image, 16 * 2 ** 20);
    execFileSync(make[0]!, [...make.slice(1), image]);
    execFileSync('mount', ['-o', 'loop', image, point]);
  } else {
    execFileSync('mount', ['-t', 'tmpfs', 'none', point]);
  }
  t.teardown(() => {
    execFileSync('umount', ['-l', point]);
    rmSync(top, { recursive: true });
  });
  return makePlace(t, point);
}

function makeDirectory(place: Place, names: readonly string[]): void {
  mkdirSync(place.path('d'));
  for (const name of names) writeFileSync(place.path(`d/${name}`), '');
}

const numbered = (count: number) => Array.from({ length: count }, (_, i) => `a-name-of-some-length-${i}`);

/** All entries after `cookie`, in pages of `size` bytes. */
async function behind({ fops }: TestBrick, dir: Inode, cookie: bigint, size: number): Promise<Dirent[]> {
  const all: Dirent[] = [];
  for (let at = cookie; ;) {
    const { entries, eof } = await fops.readdir(narrow, dir.fd, size, at);
    all.push(...entries);
    if (eof) return all;
    if (all.length > 100_000) throw new Error('a listing without an end');
    at = entries.at(-1)!.cookie;
  }
}

const namesOf = (entries: readonly Dirent[]) => entries.map(({ name }) => name);
const isShared = ({ cookie }: Dirent) => cookie >= 2n ** 31n;

for (const kind of Object.keys(FILE_SYSTEMS) as (keyof typeof FILE_SYSTEMS)[]) {
  t.test(`${kind}: all entries are listed in pages of any size, and from every cookie after a restart`, async t => {
    const place = makeVolume(t, kind);
    const names = [...NAMES, ...numbered(300)];
    makeDirectory(place, names);
    let brick = await startBrick(t, place);
    let dir = await brick.walk('d');
    const whole = await behind(brick, dir, 0n, 100_000);
    t.same(namesOf(whole).sort(), ['.', '..', ...names].sort());
    t.ok(
      whole.every(({ cookie }) => cookie > 0n && cookie < 2n ** 32n),
      'cookies of 32 bits',
    );
    t.equal(new Set(whole.map(({ cookie }) => cookie)).size, whole.length, 'each entry has a cookie of its own');
    for (const size of [1, 100, 1000]) t.same(namesOf(await behind(brick, dir, 0n, size)), namesOf(whole));
    if (kind === 'ext4')
      t.equal(whole.filter(isShared).length, SHARED_COUNT, 'entries with the same major hash are next to each other');
    for (const [i, entry] of whole.entries()) {
      if (i % 25 !== 0 && !whole.slice(Math.max(0, i - 1), i + 2).some(isShared) && i < whole.length - 1) continue;
      // The brick remembers where pages ended. A new brick has the cookie alone.
      await brick.stop();
      brick = await startBrick(t, place);
      dir = await brick.walk('d');
      const rest = await behind(brick, dir, entry.cookie, [1, 100, 1000][i % 3]!);
      t.same(namesOf(rest), namesOf(whole.slice(i + 1)), `after number ${i}, ${entry.name}`);
    }
  });
}

t.test('ext4: entries that share a major hash are listed right while such entries are removed and made', async t => {
  const place = makeVolume(t, 'ext4');
  makeDirectory(place, [...NAMES, ...numbered(300)]);
  let brick = await startBrick(t, place);
  for (const end of [0, 1]) {
    for (let pair = 0; pair < SHARED_COUNT; pair++) {
      const whole = await behind(brick, await brick.walk('d'), 0n, 100_000);
      const at = whole.filter(isShared)[pair]!;
      const i = whole.indexOf(at);
      // In one order the entry that was just listed is removed, as `rm -r` does, and in the other the entry that is
      // next.
      const gone = whole[i + end]!.name;
      rmSync(place.path(`d/${gone}`));
      writeFileSync(place.path(`d/new-${pair}-${end}`), '');
      await brick.stop();
      brick = await startBrick(t, place);
      const rest = namesOf(await behind(brick, await brick.walk('d'), at.cookie, 300));
      const stayed = namesOf(whole.slice(i + 1)).filter(name => name !== gone && !name.startsWith('new'));
      t.same(
        stayed.filter(name => !rest.includes(name)),
        [],
        'no entry that stayed is left out',
      );
      t.equal(new Set(rest).size, rest.length, 'no entry is listed twice');
      if (end === 0)
        t.same(
          rest.filter(name => !name.startsWith('new')),
          stayed,
          'no entry is listed again',
        );
      writeFileSync(place.path(`d/${gone}`), '');
    }
  }
});

t.test('ext4: an entry has the same cookie, wherever the listing began', async t => {
  const place = makeVolume(t, 'ext4');
  makeDirectory(place, [...NAMES, 'comes-and-goes']);
  const brick = await startBrick(t, place);
  const dir = await brick.walk('d');
  rmSync(place.path('d/comes-and-goes'));
  const whole = await behind(brick, dir, 0n, 100_000);
  for (const [i, { cookie }] of whole.entries()) {
    // The change makes what was read ahead useless.
    writeFileSync(place.path('d/comes-and-goes'), '');
    rmSync(place.path('d/comes-and-goes'));
    const { entries } = await brick.fops.readdir(narrow, dir.fd, 1, cookie);
    const { name, cookie: next } = whole[i + 1] ?? {};
    t.match(entries, name === undefined ? [] : [{ name, cookie: next }], `after number ${i}`);
  }
});

t.test('ext4: a listing continues between two entries with one major hash after the next one was removed', async t => {
  const place = makeVolume(t, 'ext4');
  makeDirectory(place, NAMES);
  const brick = await startBrick(t, place);
  const dir = await brick.walk('d');
  const whole = await behind(brick, dir, 0n, 100_000);
  for (const [i, entry] of whole.entries()) {
    if (!isShared(entry)) continue;
    await brick.fops.readdir(narrow, dir.fd, 1, whole[i - 1]?.cookie ?? 0n);
    rmSync(place.path(`d/${whole[i + 1]!.name}`));
    t.same(namesOf(await behind(brick, dir, entry.cookie, 1000)), namesOf(whole.slice(i + 2)), entry.name);
    writeFileSync(place.path(`d/${whole[i + 1]!.name}`), '');
  }
});

t.test('ext4: each entry can be removed as soon as it is listed', async t => {
  const place = makeVolume(t, 'ext4');
  makeDirectory(place, NAMES);
  const brick = await startBrick(t, place);
  const dir = await brick.walk('d');
  const seen: string[] = [];
  for (let cookie = 0n; ;) {
    const { entries, eof } = await brick.fops.readdir(narrow, dir.fd, 1, cookie);
    for (const { name } of entries) {
      seen.push(name);
      if (!name.startsWith('.')) rmSync(place.path(`d/${name}`)); // This is what rm -r does.
    }
    if (eof) break;
    cookie = entries.at(-1)!.cookie;
  }
  t.same(seen.sort(), ['.', '..', ...NAMES].sort());
});

t.test('a file system without positions of 32 bits is recognized', async t => {
  const cookies = new NarrowCookies(Magic.XFS);
  t.equal(cookies.cookieOf(0n, 0xffff_fffen), 0xffff_fffen);
  t.equal(
    cookies.cookieOf(0n, 2n ** 63n - 1n),
    0xffff_ffffn,
    'the position that several file systems give after the last entry',
  );
  const unused = () => t.fail('opened') as never;
  t.equal(cookies.positionOf(unused, 0xffff_ffffn), 2n ** 63n - 1n);
  t.throws(() => cookies.cookieOf(0n, 0xffff_ffffn), { code: 'EOVERFLOW' });
  t.throws(() => cookies.cookieOf(0n, 2n ** 40n), { code: 'EOVERFLOW' });
});
