/** `serve -s HOST --volfile-id VOLUME` and `check -s`, with a glusterd and bricks that do as they are told. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { FakeBrick } from '../support/gluster/fake-brick.ts';
import { FakeGlusterd } from '../support/glusterd.ts';
import { bricknfs, folders, type Running, serving } from './harness.ts';

const { state, vol } = folders(t, 'state', 'vol');
const [data, more] = await Promise.all([FakeBrick.start(t), FakeBrick.start(t)]);
const PASSWORD = '0d804d5b-5e8e-4756-8560-f31c94e140b7';

/** What glusterd would give for a volume of one brick, but for the port of the brick. */
const spec = (name: string, brick = data, options = '', above = '') =>
  `volume ${name}-client-0
    type protocol/client
    option remote-host 127.0.0.1
    option remote-port ${brick.port}
    option remote-subvolume /bricks/${name}
end-volume
volume ${name}-write-behind
    type performance/write-behind
    option flush-behind on
    option password ${PASSWORD}
    subvolumes ${name}-client-0
end-volume
${above}volume ${name}
    type debug/io-stats
${options}    subvolumes ${name}-write-behind
end-volume
`;

const flags = ['--port', '0', '--insecure', '--state-dir', state, '-L', 'info'];

async function serveVolume(t: Test, fake: FakeGlusterd, ...args: string[]): Promise<Running> {
  return serving(t, ['-s', fake.address, '--volfile-id', 'data', ...flags, ...args]);
}

t.test('a volume is served, and says how it is mounted', async t => {
  const fake = await FakeGlusterd.start(t);
  fake.specs.set('data', spec('data')).set('other', spec('other', more));
  const { stdout, stderr } = await serveVolume(t, fake, '--name', 'files', '--squash', 'root');
  t.match(stdout.text, /^\/files \(read-write, squash root\)$/m);
  t.match(stdout.text, /mount -t nfs .* 127.0.0.1:\/files/);
  await stderr.until(/layers that do nothing here: performance\/write-behind/);
});

t.test('an option that can change live keeps the graph, another one exchanges it', async t => {
  const fake = await FakeGlusterd.start(t);
  fake.specs.set('data', spec('data'));
  const { stderr, child } = await serveVolume(t, fake);
  fake.specs.set('data', spec('data', data, '    option count-fop-hits off\n'));
  fake.notify();
  await stderr.until(/the new volfile has taken over/);
  fake.specs.set('data', spec('data', more));
  fake.notify();
  await stderr.until(/the new volfile has taken over[^]*the new volfile has taken over/);
  fake.specs.set('data', spec('data').replace('protocol/client', 'features/nonsense'));
  fake.notify();
  await stderr.until(/the volfile was not reloaded, and nothing has changed: glusterd:data:2: expected a type/);
  const status = await bricknfs(['status', '--state-dir', state]);
  t.match(status.stdout, /^the volfile was not reloaded, and nothing has changed: glusterd:data:2/m);
  fake.specs.delete('data');
  fake.notify();
  await stderr.until(
    /there is no volume data \(glusterd has no volumes\); the volfile of data that was fetched before/,
  );
  child.kill('SIGHUP');
  await stderr.until(/there is no volume data [^]*there is no volume data/);
  t.equal(stderr.text.match(/do nothing here/g)!.length, 1, 'what has no effect is said once');
  t.equal(child.exitCode, null);
});

t.test('glusterd goes and comes back, and the volume is served meanwhile', async t => {
  const fake = await FakeGlusterd.start(t);
  fake.specs.set('data', spec('data'));
  const { stderr, child, exited } = await serveVolume(t, fake);
  await fake.stop();
  await stderr.until(/glusterd on .* is gone .*its volumes are served on/);
  const status = await bricknfs(['status', '--state-dir', state]);
  t.match(status.stdout, `\nglusterd on ${fake.address} does not answer, so changes of its volumes are not noticed\n`);
  child.kill('SIGHUP');
  await stderr.until(/the volfile of data that was fetched before stays in use/);
  await stderr.until(/the new volfile has taken over/);
  await fake.start();
  await stderr.until(/glusterd on .* answers/);
  child.kill('SIGTERM');
  t.equal(await exited, 0);
});

t.test('what is wrong at the start', async t => {
  const fake = await FakeGlusterd.start(t);
  fake.specs.set('data', spec('data')).set('other', spec('other', more));
  const none = await bricknfs(['serve', '-s', fake.address, '--volfile-id', 'dat', ...flags]);
  t.strictSame(none, { code: 2, stdout: '', stderr: 'bricknfs: there is no volume dat (glusterd has data, other)\n' });
  fake.stopped.add('data');
  const stopped = await bricknfs(['serve', '-s', fake.address, '--volfile-id', 'data', ...flags]);
  t.equal(stopped.code, 1);
  t.equal(stopped.stderr, 'bricknfs: volume data is stopped; start it with "gluster volume start data"\n');
  const both = await serving(t, ['-s', fake.address, '--volfile-id', 'data,other', ...flags]);
  await both.stderr.until(/volume data is stopped; its clients wait until it is started/);
});

t.test('a server that is started before glusterd waits for it', async t => {
  const fake = await FakeGlusterd.start(t);
  fake.specs.set('data', spec('data'));
  await fake.stop();
  const server = serving(t, ['-s', fake.address, '--volfile-id', 'data', ...flags]);
  await fake.start();
  t.match((await server).stdout.text, /^\/data /m);
});

t.test('check shows the graph without passwords, and does not wait', async t => {
  const fake = await FakeGlusterd.start(t);
  const kept = spec('data').replace(/performance\/write-behind/, 'debug/trace');
  fake.specs.set('data', kept.replace('option flush-behind on', 'option log-file x'));
  const args = ['check', '-s', fake.address, '--volfile-id', 'data'];
  for (const how of [[], ['--json']]) {
    const { code, stdout, stderr } = await bricknfs([...args, ...how]);
    t.equal(code, 0, stderr);
    t.match(stdout, /features\/two-step/);
    t.match(stdout, /\(not shown\)/);
    t.notMatch(stdout + stderr, PASSWORD);
  }
  await fake.stop();
  const { code, stderr } = await bricknfs(args);
  t.equal(code, 1);
  t.match(
    stderr,
    /^bricknfs: no glusterd answers \(.*: glusterd does not run there, start it with "systemctl start glusterd"\)\n$/,
  );
});

t.test('a volfile that names volumes, with the lines of the file in messages', async t => {
  const fake = await FakeGlusterd.start(t);
  fake.specs.set('data', spec('data'));
  const file = join(vol, 'a.vol');
  const text = (option: string) => `# volumes of glusterd
volume data
  type glusterd/volume
  option volfile-server ${fake.address}
  option volume-id data
end-volume
volume nfs
  type nfs/server
  option ${option}
  subvolumes data
end-volume
`;
  writeFileSync(file, text('nfs.port x'));
  const wrong = await bricknfs(['check', '-f', file]);
  t.match(wrong.stderr, `${file}:9: expected a whole number`);
  writeFileSync(file, text('nfs.port 0'));
  const { stdout, stderr } = await serving(t, ['-f', file, '--state-dir', state, '-L', 'info']);
  t.match(stdout.text, /^\/data /m);
  fake.specs.set('data', spec('data', more));
  fake.notify();
  await stderr.until(/the new volfile has taken over/);
});
