/** Checks docker/ as far as that is possible without a docker engine. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SERVE_OPTIONS } from '#src/cli/commands/serve-options.ts';
import { status } from '#src/cli/commands/status.ts';
import { bricknfs, folders, serving } from './cli/harness.ts';

const root = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(root, 'docker', file), 'utf8');
const dockerfile = read('Dockerfile');
const compose = read('compose.yaml');
const { exported, state, volfiles } = folders(t, 'exported', 'state', 'volfiles');

/** The words of an instruction in its JSON form. */
function words(text: string, instruction: string): string[] {
  const [, json] = new RegExp(`^${instruction} (\\[.*\\])$`, 'm').exec(text) ?? [];
  return JSON.parse(json!.replaceAll("'", '"')) as string[]; // YAML allows either kind of quotes.
}

/** Turns a path in a container into one here. */
const here = (word: string) =>
  word
    .replace(/^\/app\//, `${root}/`)
    .replace(/^\/var\/lib\/bricknfs$/, state)
    .replace(/^\/etc\/bricknfs\//, `${volfiles}/`)
    .replace(/^\/export\b/, exported);

const [program, ...entry] = words(dockerfile, 'ENTRYPOINT');

t.test('the files for the images exist', async t => {
  for (const text of [dockerfile, read('client.Dockerfile')]) {
    const copied = [...text.matchAll(/^COPY (.*) \S+$/gm)].flatMap(([, sources]) => sources!.split(' '));
    t.ok(copied.length > 0);
    for (const source of copied) t.ok(existsSync(join(root, source)), source);
  }
  t.strictSame([here(program!), ...entry], [join(root, 'bin/bricknfs')]);
  t.ok(statSync(here(program!)).mode & 0o100, 'the program can be run');
  for (const folder of ['bin', 'src', 'actors', 'protocols']) t.match(dockerfile, `COPY ${folder} ${folder}`);
  t.ok(statSync(join(root, 'docker/mount-and-stay')).mode & 0o100, 'mount-and-stay can be run');
});

t.test('compose names files that exist', async t => {
  for (const [, file] of compose.matchAll(/dockerfile: (\S+)/g)) t.ok(existsSync(join(root, file!)), file!);
  for (const [, folder] of compose.matchAll(/- (\.\/[^:]+):/g))
    t.ok(existsSync(join(root, 'docker', folder!)), folder!);
  const command = words(compose, ' +command:');
  const volfile = command[command.indexOf('--volfile') + 1]!;
  t.ok(readdirSync(join(root, 'docker/volfiles')).includes(volfile.replace('/etc/bricknfs/', '')), volfile);
});

t.test('every flag exists', async t => {
  const served = Object.keys(SERVE_OPTIONS);
  const flags = (text: string[]) => text.filter(word => word.startsWith('--')).map(word => word.slice(2).split('=')[0]);
  for (const flag of [...flags(words(dockerfile, 'CMD')), ...flags(words(compose, ' +command:'))]) {
    t.ok(served.includes(flag!), flag!);
  }
  const [, health] = /HEALTHCHECK[^[]*CMD (\[[^\]]*\])/.exec(dockerfile)!;
  t.strictSame((JSON.parse(health!) as string[]).slice(0, 2), [program, 'status']);
  t.ok(flags(JSON.parse(health!) as string[]).every(flag => Object.hasOwn(status.options, flag!)));
  for (const [, flag] of read('README.md').matchAll(/`--([a-z-]+)[^`]*`/g)) {
    if (!['cap-add', 'user'].includes(flag!)) t.ok(served.includes(flag!), flag!); // which are docker's
  }
});

t.test('the volfiles are valid', async t => {
  mkdirSync(join(exported, 'public'), { recursive: true });
  for (const name of readdirSync(join(root, 'docker/volfiles'))) {
    const text = read(join('volfiles', name)).replaceAll('/export', exported).replaceAll(' 0.0.0.0', ' 127.0.0.1');
    writeFileSync(join(volfiles, name), text);
    const { code, stderr } = await bricknfs(['check', '-f', join(volfiles, name)]);
    t.strictSame({ code, stderr }, { code: 0, stderr: '' }, name);
  }
});

t.test('the command lines serve', async t => {
  for (const [text, instruction] of [
    [dockerfile, 'CMD'],
    [compose, ' +command:'],
  ] as const) {
    const [command, ...args] = words(text, instruction).map(here);
    t.equal(command, 'serve');
    const other = ['--port', '0', '--stages', '1']; // The real port may be in use here.
    const given = args.map(arg => (arg.startsWith('--portmapper') ? '--portmapper=0' : arg)).map(local);
    const { child, stdout, exited } = await serving(t, [...other, ...given]);
    t.match(stdout.text, /^\/export(ed)?\b/m);
    child.kill('SIGTERM');
    t.equal(await exited, 0);
  }
});

/** Makes a server listen for this machine only. */
function local(word: string): string {
  return word === '0.0.0.0' ? '127.0.0.1' : word;
}
