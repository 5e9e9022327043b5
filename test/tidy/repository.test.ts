/** Rules on the repository itself. */
import { basename, dirname, join } from 'node:path';
import t from 'tap';
import { mount1 } from '#actors/mount1/program.ts';
import { mount2 } from '#actors/mount2/program.ts';
import { mount3 } from '#actors/mount3/program.ts';
import { nfs3Program } from '#actors/nfs3/program.ts';
import { nlm4 } from '#actors/nlm4/program.ts';
import { silent } from '#src/log.ts';
import { XLATORS } from '#src/xlators/registry.ts';
import { code, find, pages, read, sources } from './tree.ts';

const tests = find('test/**/*.test.ts', 'test/**/*.itest.ts');
const testTexts = tests.map(read);

t.test('nothing is left over: no TODO, no debug output, no skipped test', async t => {
  const left = /\b(TODO|FIXME|XXX|HACK)\b|console\.(log|error|debug)\(|\bdebugger\b/;
  // What a command prints is its purpose.
  const files = sources.filter(file => !file.startsWith('src/cli/'));
  t.strictSame(
    files.filter(file => left.test(read(file))),
    [],
  );
  const skipped = /\bt\.(skip|todo|only)\(|\.(skip|only|todo)\(['"`]/;
  t.strictSame(
    tests.filter(file => skipped.test(read(file)) && !file.endsWith('tidy/repository.test.ts')),
    [],
  );
});

t.test('`any` stays at the seams', async t => {
  const counts = sources
    .map(file => ({ file, count: code(file).match(/\bas any\b|: any\b|<any\b|, any\b|any\[\]/g)?.length ?? 0 }))
    .filter(({ count }) => count > 0)
    .map(({ file }) => file);
  const seams = [
    'protocols/fuse/codec.ts',
    'protocols/xdr/codec.ts',
    'src/graph/options.ts',
    'src/graph/plan.ts',
    'src/graph/xlator.ts',
    'src/rpcsvc/actor.ts',
    'src/rpcclnt/calls.ts',
    'src/rpcclnt/client.ts',
    'src/rpcsvc/run-call.ts',
    'src/server/thread-calls.ts',
  ];
  t.strictSame(
    counts.filter(file => !seams.includes(file)),
    [],
  );
});

t.test('every procedure has a table of wire cases', async t => {
  const none = () => {
    throw new Error('no call is made here');
  };
  const mounts = { mount3: mount3(none), mount2: mount2(none), mount1: mount1(none) };
  const programs = { nfs3: nfs3Program(none), ...mounts, nlm4: nlm4(silent) };
  for (const [folder, { actors }] of Object.entries(programs)) {
    for (const { name } of Object.values(actors)) {
      const about = /_(MSG|RES)$/.test(name) ? 'messages' : name.toLowerCase();
      // What both versions of MOUNT do alike is tested for both in one file.
      const places = [
        folder,
        `${folder}/procedures`,
        folder === 'mount2' ? 'mount1' : folder,
        folder.replace(/\d$/, ''),
      ].map(place => `test/actors/${place}/${about}.test.ts`);
      const file = places.find(place => tests.includes(place));
      t.ok(file, `${places[0]} is there`);
      if (file) t.match(read(file), /support\/(wire|hex|nfs3\/\w+|nlm|mount|rpc\/call)\.ts/, `${file} speaks bytes`);
    }
  }
});

t.test('each table of the port mapper ends with a check that every procedure was called', async t => {
  for (const table of ['portmap2', 'rpcbind'])
    t.match(read(`test/actors/portmap/${table}.test.ts`), /^testThatAllWereCalled\(/m, table);
});

t.test('every module of wire types is under the shared properties', async t => {
  const modules = find('protocols/**/*.ts').filter(file =>
    /\b(struct|union|enumOf|result3|list|array)\(/.test(read(file)),
  );
  for (const file of modules.filter(file => !file.endsWith('/codec.ts') && !file.startsWith('protocols/xdr/'))) {
    const name = basename(file, '.ts');
    const tested = testTexts.some(text => text.includes('codecProperties') && text.includes(`/${name}.ts'`));
    t.ok(tested, `${file} is given to codecProperties`);
  }
});

t.test('every xlator has tests, and passes the shared suite', async t => {
  for (const type of Object.keys(XLATORS)) {
    const own = tests.filter(file => file.startsWith(`test/xlators/${type}`));
    t.ok(own.length > 0, `${type} has tests`);
    if (type === 'nfs/server' || type === 'mount/fuse') continue; // the tops: they take no fops
    t.ok(
      testTexts.some(text => text.includes('xlatorSuite') && text.includes(type)),
      `${type} passes the suite`,
    );
  }
});

t.test('folders of source say what belongs in them', async t => {
  for (const folder of ['protocols', 'actors', 'src', 'src/xlators', 'test', 'test/linux-client', 'docker']) {
    t.ok(find(`${folder}/README.md`).length === 1, `${folder}/README.md`);
  }
});

t.test('READMEs name files that exist', async t => {
  for (const file of pages) {
    for (const [, target] of read(file).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)) {
      t.ok(find(join(dirname(file), target!)).length > 0, `${file}: ${target}`);
    }
  }
});

t.test('the install script of no package but node runs', async t => {
  // They run under the Node.js of the packages, which does not start where a library is missing: npm ci would fail, and
  // would not say why. koffi's would only compile what it brings compiled.
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { hasInstallScript?: boolean }>;
  };
  const scripts = Object.keys(packages).filter(name => packages[name]!.hasInstallScript);
  t.strictSame(scripts, ['node_modules/node']);
});
