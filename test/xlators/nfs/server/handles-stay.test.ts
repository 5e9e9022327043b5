/**
 * A handle is valid as long as its object exists, whatever changes in the volfile around it, except for the volume's
 * name.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { serveNfs, type ServeOptions, temporaryDir } from '../../../support/nfs.ts';
import { ERR, OK } from '../../../support/nfs3/common.ts';
import { accepted, call, expectReply, fattr3, opaque } from '../../../support/wire.ts';

const GETATTR = 1;

const volume = (name: string, ...lines: string[]) => `volume ${name}\n${lines.join('\n')}\nend-volume\n`;
const brick = (name: string, dir: string) => volume(name, 'type storage/posix', `option directory ${dir}`);
const over = (name: string, type: string, below: string) => volume(name, `type ${type}`, `subvolumes ${below}`);

for (const index of ['off', 'on'])
  t.test(`a handle outlives changes of the volfile, with the index ${index}`, async t => {
    const dir = await temporaryDir(t, 'vol');
    const otherDir = await temporaryDir(t, 'other');
    const stateDir = await temporaryDir(t, 'state');
    mkdirSync(join(dir, 'sub/deep'), { recursive: true });
    const paths = ['', 'file', 'sub', 'sub/deep/file'];
    for (const path of ['file', 'sub/deep/file']) writeFileSync(join(dir, path), path);
    const io = over('vol', 'debug/io-stats', 'brick');
    const serve = (options: ServeOptions = {}) =>
      serveNfs(t, { dir, stateDir, brick: [`option index ${index}`], ...options });
    const first = await serve();
    const handles = new Map<string, string>();
    for (const path of paths) handles.set(path, await first.handle(path));

    const others = brick('another-brick', otherDir) + over('other', 'debug/io-stats', 'another-brick');
    const changes: Record<string, ServeOptions> = {
      'nothing but a restart': {},
      'another volume in front': { layers: others + io, volumes: ['other', 'vol'] },
      'another volume behind': { layers: io + others, volumes: ['vol', 'other'] },
      'more layers': { layers: over('stats', 'debug/io-stats', 'brick') + over('vol', 'debug/trace', 'stats') },
      'another kind of layer': { layers: over('vol', 'debug/delay-gen', 'brick') },
      'directories that are exports of their own': { options: ['option nfs3.vol.export-dir /sub/deep,/sub'] },
      'another path to mount': { options: ['option nfs3.vol.export-as /elsewhere'] },
    };
    const expectGood = async (options: ServeOptions, what: string, root = dir, to = (path: string) => path) => {
      const served = await serve({ ...options, dir: root });
      for (const [path, handle] of handles) {
        const reply = await served.exchange(call('nfs3', GETATTR, opaque(handle)));
        expectReply(
          t,
          reply,
          `${accepted} ${OK} ${fattr3(join(root, to(path)))}`,
          `${what}: /${path} is the same object`,
        );
      }
    };
    for (const [what, options] of Object.entries(changes)) await expectGood(options, what);

    renameSync(join(dir, 'sub'), join(dir, 'moved'));
    const moved = `${dir}-moved`;
    renameSync(dir, moved);
    await expectGood({}, 'the whole directory has moved', moved, path => path.replace(/^sub/, 'moved'));
    renameSync(moved, dir);

    const renamed = await serve({ layers: over('new', 'debug/io-stats', 'brick'), volumes: ['new'] });
    const reply = await renamed.exchange(call('nfs3', GETATTR, opaque(handles.get('file')!)));
    expectReply(t, reply, `${accepted} ${ERR.STALE}`, 'a volume with another name is another volume');
  });
