/** The volfile of a mount. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { mountVolfile } from '#src/cli/commands/mount/volfile.ts';
import { parseVolfile } from '#src/volfile/volfile.ts';

const settings = { mountpoint: '/mnt', fuse: new Map([['acl', 'off']]), servers: [] };

/** The stanzas of the volfile for a source: name, type, options and subvolumes. */
async function made(source: string) {
  await using volfile = await mountVolfile({ ...settings, source });
  return parseVolfile(await volfile.read(), 'test.vol').map(({ name, type, options, subvolumes }) => ({
    name,
    type,
    options: Object.fromEntries([...options].map(([key, { value }]) => [key, value])),
    subvolumes: subvolumes.map(child => child.name),
  }));
}

t.test('a directory is a brick, which is mounted', async t => {
  const dir = t.testdir({ 'a b': {} });
  symlinkSync('a b', join(dir, 'link'));
  const directory = join(dir, 'a b');
  t.strictSame(await made(join(dir, 'link')), [
    { name: 'a_b-posix', type: 'storage/posix', options: { directory }, subvolumes: [] },
    { name: 'a_b', type: 'debug/io-stats', options: {}, subvolumes: ['a_b-posix'] },
    {
      name: 'mount',
      type: 'mount/fuse',
      options: { mountpoint: '/mnt', fsname: directory, acl: 'off' },
      subvolumes: ['a_b'],
    },
  ]);
});

const BRICK = 'volume brick\n type storage/posix\n option directory /srv\nend-volume\n';

t.test('what a volfile describes is mounted in place of being served', async t => {
  const dir = t.testdir();
  const file = join(dir, 'a.vol');
  const write = (...stanzas: string[]) => writeFileSync(file, [BRICK, ...stanzas].join('\n'));
  const top = (below: string) => ({
    name: 'mount',
    type: 'mount/fuse',
    options: { mountpoint: '/mnt', fsname: file, acl: 'off' },
    subvolumes: [below],
  });
  write();
  t.strictSame((await made(file))[1], top('brick'));
  write('volume nfs\n type nfs/server\n subvolumes brick\nend-volume\n');
  t.strictSame((await made(file))[1], top('brick'));
  write('volume mount\n type features/read-only\n subvolumes brick\nend-volume\n');
  t.match((await made(file))[2], { name: 'mount-mount/fuse', subvolumes: ['mount'] });
  write(BRICK.replace('brick', 'other'), 'volume nfs\n type nfs/server\n subvolumes brick other\nend-volume\n');
  await t.rejects(made(file), {
    message: `expected one volume to mount below nfs/server in ${file}, found brick, other`,
  });
});

t.test('what is neither is refused', async t => {
  const dir = t.testdir();
  mkdirSync(join(dir, 'd'));
  await t.rejects(made(`${import.meta.filename}/x`), {
    message: `cannot mount ${import.meta.filename}/x: a part of its path is not a directory (ENOTDIR)`,
  });
  for (const source of ['host:', ':volume', 'host:/a/b', join(dir, 'none')]) {
    await t.rejects(made(source), {
      message: `expected a directory, a volfile or HOST:/VOLUME to mount, found ${source}`,
    });
  }
});
