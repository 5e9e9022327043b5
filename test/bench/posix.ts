/**
 * Nanoseconds per fop of storage/posix on this machine, elapsed and of CPU:
 * `node test/bench/posix.ts [DIRECTORY [auto|on|off]]`, where the last word is the value of `option index`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Access } from '#src/graph/fops.ts';
import { asServer } from '#src/sys/process/identity.ts';
import { inodeOf, root, startBrick, TestBrick, user } from '../xlators/storage/posix/support/brick.ts';
import { chmodSync, mkdirSync } from 'node:fs';

const top = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'bench-'));
const place = {
  dir: join(top, 'volume'),
  stateDir: join(top, 'state'),
  path: (name: string) => join(top, 'volume', name),
};
mkdirSync(place.dir);
chmodSync(place.dir, 0o777);
const brick: TestBrick = await startBrick({ teardown: () => {} }, place, {
  index: (process.argv[3] ?? 'auto') as 'auto',
});
const { fops } = brick;

async function bench(name: string, count: number, run: (i: number) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < Math.min(1000, count / 10); i++) await run(-1 - i);
  const start = process.hrtime.bigint();
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) await run(i);
  const elapsed = Number(process.hrtime.bigint() - start) / count;
  const { user, system } = process.cpuUsage(before);
  const columns = [elapsed, ((user + system) * 1000) / count].map(ns => String(Math.round(ns)).padStart(9));
  console.log(name.padEnd(40), `${columns[0]} ns`, `${columns[1]} ns CPU`);
}

try {
  for (const [who, frame] of [
    ['root', root],
    ['user', user],
  ] as const) {
    const dir = inodeOf((await fops.mkdir(frame, brick.root, `d-${who}`, { mode: 0o755 })).iatt);
    const made = await fops.create(frame, dir, 'file', { mode: 'guarded', attr: { mode: 0o644 } });
    const file = inodeOf(made.iatt);
    const mib = Buffer.alloc(1 << 20, 1);
    await fops.writev(frame, file.fd, mib, 0, 0);
    for (let i = 0; i < 1000; i++) await fops.create(frame, dir, `f${i}`, { mode: 'guarded', attr: { mode: 0o644 } });
    await new Promise(resolve => setTimeout(resolve, 50));
    for (let i = 0; i < 1000; i++) await fops.lookup(frame, dir, `f${i}`);

    await bench(`${who}: stat`, 200_000, () => fops.stat(frame, file));
    await bench(`${who}: lookup`, 100_000, i => fops.lookup(frame, dir, `f${Math.abs(i) % 1000}`));
    await bench(`${who}: lookup, no such name`, 50_000, () => fops.lookup(frame, dir, 'none').catch(() => {}));
    await bench(`${who}: access`, 100_000, () => fops.access(frame, file, Access.READ | Access.WRITE));
    await bench(`${who}: setattr mode`, 50_000, () => fops.setattr(frame, file, { mode: 0o644 }));
    for (const size of [4096, 65_536, 1 << 20]) {
      const count = Math.min(100_000, 4_000_000_000 / size / 2);
      await bench(`${who}: read ${size}`, count, async () => (await fops.readv(frame, file.fd, size, 0)).release!());
      const data = mib.subarray(0, size);
      await bench(`${who}: write ${size} unstable`, count, () => fops.writev(frame, file.fd, data, 0, 0));
    }
    await bench(`${who}: create and unlink`, 20_000, async () => {
      await fops.create(frame, dir, 'new', { mode: 'guarded', attr: { mode: 0o644 } });
      await fops.unlink(frame, dir, 'new');
    });
    await bench(`${who}: readdir of 1000, whole`, 200, () => brick.names(dir, 32_768, frame));
    await bench(`${who}: readdirp of 1000, whole`, 200, async () => {
      for (let cookie = 0n, eof = false; !eof;) {
        const listed = await fops.readdirp(frame, dir.fd, 4096, cookie);
        ({ eof } = listed);
        cookie = listed.entries.at(-1)?.cookie ?? cookie;
      }
    });
    await bench(`${who}: write 4096 stable`, 200, () => fops.writev(frame, file.fd, mib.subarray(0, 4096), 0, 2));
  }
  await bench('root, user: stat in turns', 20_000, i => fops.access(i % 2 === 0 ? root : user, brick.root, 4));
} finally {
  await brick.stop();
  asServer();
  rmSync(top, { recursive: true });
}
