import t from 'tap';
import { joinMountPath, PathTree, splitMountPath } from '#src/xlators/nfs/server/mount/mount-path.ts';

const good: [path: string, plain: string][] = [
  ['/', '/'],
  ['//', '/'],
  ['', '/'],
  ['.', '/'],
  ['data', '/data'],
  ['data//sub/', '/data/sub'],
  ['./data', '/data'],
  ['*', '/*'],
  ['/data', '/data'],
  ['/data/', '/data'],
  ['//data///sub//', '/data/sub'],
  ['/./data/.', '/data'],
  ['/a%20b/%2e%2e', '/a%20b/%2e%2e'],
  ['/\xc3\xa9\xff', '/\xc3\xa9\xff'],
  ['/...', '/...'],
  [`/${'x'.repeat(255)}`, `/${'x'.repeat(255)}`],
];

for (const [path, plain] of good) {
  t.test(`${JSON.stringify(path.slice(0, 30))} is ${JSON.stringify(plain.slice(0, 30))}`, async t => {
    t.equal(joinMountPath(splitMountPath(path)), plain);
  });
}

const bad: [path: string, code: string][] = [
  ['..', 'EACCES'],
  ['data/..', 'EACCES'],
  ['a\0b', 'EINVAL'],
  ['x'.repeat(256), 'ENAMETOOLONG'],
  ['/a\0b', 'EINVAL'],
  ['/..', 'EACCES'],
  ['/data/../etc', 'EACCES'],
  [`/${'x'.repeat(256)}`, 'ENAMETOOLONG'],
  [`/${'x/'.repeat(512)}`, 'ENAMETOOLONG'],
];

for (const [path, code] of bad) {
  t.test(`${JSON.stringify(path.slice(0, 30))}: ${code}`, async t => {
    t.throws(() => splitMountPath(path), { name: 'FsError', code });
  });
}

t.test('the longest matching path is found', async t => {
  const tree = new PathTree<string>();
  t.ok(tree.add('/vol', 'vol'));
  t.ok(tree.add('/srv/data', 'data'));
  t.ok(tree.add('/srv/data/deep/er', 'deeper'));
  t.notOk(tree.add('/srv//data/', 'other'), 'the first one stays');
  const find = (path: string) => {
    const found = tree.find(splitMountPath(path));
    return found && `${found.value} ${found.rest.join('/')}`;
  };
  t.equal(find('/vol'), 'vol ');
  t.equal(find('/vol/a/b'), 'vol a/b');
  t.equal(find('/srv/data'), 'data ');
  t.equal(find('/srv/data/deep'), 'data deep');
  t.equal(find('/srv/data/deep/er/x'), 'deeper x');
  t.equal(find('/srv'), undefined);
  t.equal(find('/'), undefined);
  t.equal(find('/volume'), undefined);
  tree.add('/', 'root');
  t.equal(find('/srv/x'), 'root srv/x');
});
