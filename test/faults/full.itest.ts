/**
 * A disk that becomes full, and a quota that is used up, in the middle of large writes. The writer gets the error,
 * acknowledged data are there, no half-made object stays, nothing hangs, and freed space can be used at once.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { MNT3 } from '#protocols/mount.ts';
import { createmode3, nfsstat3 as S, stable_how } from '#protocols/nfs3/constants.ts';
import type { opaque_auth } from '#protocols/rpc.ts';
import { Stable } from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';
import { Inode } from '#src/graph/inode.ts';
import { silent } from '#src/log.ts';
import { dropReserve } from '#src/sys/process/capabilities.ts';
import { create } from '#src/xlators/storage/posix/entries/create.ts';
import { ROOT_GFID } from '#src/graph/gfid.ts';
import { openBrick } from '#src/xlators/storage/posix/start.ts';
import { setattr } from '#src/xlators/storage/posix/setattr.ts';
import { write } from '#src/xlators/storage/posix/data/write.ts';
import { type Running, serving } from '../cli/harness.ts';
import { holds, statusName } from '../soak/model/answer.ts';
import { Caller, Tally } from '../soak/model/caller.ts';
import { authSys, Line } from '../soak/model/line.ts';
import { Random } from '../soak/model/random.ts';
import { NOTHING } from '../soak/model/worker.ts';
import { MOUNT3, NFS3 } from '../soak/procedures.ts';
import { inodeOf, root, user } from '../xlators/storage/posix/support/brick-test.ts';
import { enterNamespaces } from '../support/namespace.ts';
import { btrfsWithQuota, ext4, type SmallDisk } from './full-disk.ts';

enterNamespaces(import.meta.filename);
dropReserve(); // main.ts does the same at its start.

const MiB = 1024 * 1024;
const CHUNK = 256 * 1024;
/** The block size of a small ext4. */
const BLOCK = 1024;
const ROOT = authSys(0, 0);
const USER = authSys(1000, 1000);

t.setTimeout(600_000);

type Handle = Buffer;

/** A client of a server of its own, which exports `dir`. */
class Client {
  readonly caller: Caller;
  readonly root: Handle;
  readonly #server: Running;

  private constructor(caller: Caller, root: Handle, server: Running) {
    this.caller = caller;
    this.root = root;
    this.#server = server;
  }

  static async open(t: Test, disk: SmallDisk): Promise<Client> {
    const { dir } = disk;
    const args = [dir, '--port', '0', '--state-dir', join(disk.beside, 'state'), '--insecure'];
    const server = await serving(t, args);
    const line = await Line.open({ port: server.port, from: '127.0.0.1' });
    t.teardown(() => line.socket.destroy());
    const caller = new Caller(line, ROOT, new Random(1), new Tally(), 0);
    const mounted = await caller.call(MOUNT3.MNT, dir);
    if (mounted.fhs_status !== MNT3.OK) throw new Error(`MNT ${dir}: status ${mounted.fhs_status}`);
    return new Client(caller, Buffer.from(mounted.fhandle), server);
  }

  /** Stops the server and checks its exit code. */
  async stop(t: Test): Promise<void> {
    this.#server.child.kill('SIGTERM');
    t.equal(await this.#server.exited, 0, 'the exit code after SIGTERM');
  }

  async lookup(name: string): Promise<Handle> {
    const found = await this.caller.expect(NFS3.LOOKUP, { what: { dir: this.root, name } }, S.NFS3_OK);
    return Buffer.from((found as { object: Buffer }).object);
  }

  async create(name: string, cred: opaque_auth = ROOT, dir = this.root): Promise<Handle> {
    const how = { mode: createmode3.GUARDED, obj_attributes: { ...NOTHING, mode: 0o644 } };
    const made = await this.caller.expect(NFS3.CREATE, { where: { dir, name }, how }, S.NFS3_OK, cred);
    return Buffer.from((made as { obj: Buffer }).obj);
  }

  write(file: Handle, offset: number, data: Buffer, stable: stable_how, cred: opaque_auth = ROOT) {
    return this.caller.call(NFS3.WRITE, { file, offset, count: data.length, stable, data }, cred);
  }

  /** Writes until a write is refused. Returns how much was acknowledged, and the status of the refusal. */
  async fill(file: Handle, stable: stable_how, cred: opaque_auth = ROOT) {
    const random = new Random(7);
    const parts: Buffer[] = [];
    let bytes = 0;
    for (;;) {
      const data = random.bytes(CHUNK);
      const done = await this.write(file, bytes, data, stable, cred);
      if (done.status !== S.NFS3_OK) return { bytes, content: Buffer.concat(parts), status: done.status };
      if (done.count === 0) throw new Error('WRITE: nothing written, and no error');
      parts.push(data.subarray(0, done.count));
      bytes += done.count;
    }
  }

  async size(file: Handle): Promise<number> {
    const found = await this.caller.expect(NFS3.GETATTR, { object: file }, S.NFS3_OK);
    return (found as { obj_attributes: { size: number } }).obj_attributes.size;
  }

  async free(): Promise<{ bytes: number; files: number }> {
    const found = await this.caller.expect(NFS3.FSSTAT, { fsroot: this.root }, S.NFS3_OK);
    const { abytes, afiles } = found as { abytes: number; afiles: number };
    return { bytes: abytes, files: afiles };
  }

  commit(file: Handle) {
    return this.caller.call(NFS3.COMMIT, { file, offset: 0, count: 0 });
  }

  truncate(file: Handle, size: number) {
    const args = { object: file, new_attributes: { ...NOTHING, size }, guard: undefined };
    return this.caller.expect(NFS3.SETATTR, args, S.NFS3_OK);
  }

  async mkdir(name: string, dir = this.root): Promise<string> {
    const where = { dir, name };
    return statusName((await this.caller.call(NFS3.MKDIR, { where, attributes: NOTHING })).status);
  }

  async symlink(name: string, target: string, dir = this.root): Promise<string> {
    const symlink = { symlink_attributes: NOTHING, symlink_data: target };
    return statusName((await this.caller.call(NFS3.SYMLINK, { where: { dir, name }, symlink })).status);
  }

  remove(name: string, dir = this.root) {
    return this.caller.expect(NFS3.REMOVE, { object: { dir, name } }, S.NFS3_OK);
  }

  /**
   * Removes a name. btrfs also charges what a removal itself writes, and when a quota is used up completely it refuses
   * the removal until the next commit, also locally.
   */
  async removeFromQuota(name: string, dir: Buffer): Promise<void> {
    for (let tries = 0; tries < 20; tries++) {
      const { status } = await this.caller.call(NFS3.REMOVE, { object: { dir, name } });
      if (status !== S.NFS3ERR_DQUOT) return holds(status === S.NFS3_OK, `REMOVE ${name}: ${statusName(status)}`);
      await sleep(1000);
    }
    throw new Error(`${name} cannot be removed: its quota is used up`);
  }

  async isThere(name: string, dir = this.root): Promise<boolean> {
    const found = await this.caller.call(NFS3.LOOKUP, { what: { dir, name } });
    return found.status === S.NFS3_OK;
  }
}

for (const [name, stable] of Object.entries(stable_how)) {
  t.test(`WRITE until ext4 is full: ${name}`, async t => {
    const disk = ext4(t, { mib: 48 }, '-m', '0');
    const client = await Client.open(t, disk);
    const kept = await client.create('kept');
    t.equal((await client.write(kept, 0, Buffer.alloc(CHUNK, 'k'), stable_how.FILE_SYNC)).status, S.NFS3_OK);
    const file = await client.create('file');
    const { bytes, content, status } = await client.fill(file, stable);
    t.equal(statusName(status), 'NFS3ERR_NOSPC');
    t.ok(bytes > 20 * MiB, `${bytes} bytes were accepted`);
    t.equal(await client.size(file), bytes, 'the size is that of the acknowledged data');
    t.ok((await client.free()).bytes < CHUNK, 'FSSTAT says that it is full');
    const committed = await client.commit(file);
    t.equal(statusName(committed.status), 'NFS3_OK', 'COMMIT finds room for the acknowledged data');
    t.equal(statusName((await client.write(file, bytes, content.subarray(0, CHUNK), stable)).status), 'NFS3ERR_NOSPC');
    const over = await client.write(kept, 1, Buffer.from('over'), stable_how.FILE_SYNC);
    t.equal(statusName(over.status), 'NFS3_OK', 'other files can be overwritten');

    await client.truncate(file, bytes - 4 * MiB);
    const again = await client.write(file, bytes - 4 * MiB, content.subarray(bytes - 4 * MiB, bytes - 3 * MiB), stable);
    t.equal(statusName(again.status), 'NFS3_OK', 'space freed by truncation can be used again');
    await client.commit(file);
    await client.stop(t);
    disk.remount();
    t.ok(readFileSync(join(disk.dir, 'file')).equals(content.subarray(0, bytes - 3 * MiB)), 'all data are on the disk');
    t.ok(
      readFileSync(join(disk.dir, 'kept')).equals(Buffer.from(`kover${'k'.repeat(CHUNK - 5)}`)),
      'the other file is on the disk',
    );
  });
}

t.test('on a full ext4 names are made or refused, and never half-made', async t => {
  const client = await Client.open(t, ext4(t, { mib: 48 }, '-m', '0'));
  const file = await client.create('file');
  await client.fill(file, stable_how.UNSTABLE);
  let offset = await client.size(file);
  for (let full = false; !full;) {
    const done = await client.write(file, offset, Buffer.alloc(BLOCK, 'b'), stable_how.FILE_SYNC);
    full = done.status !== S.NFS3_OK;
    offset += BLOCK;
  }
  t.equal(await client.mkdir('dir'), 'NFS3ERR_NOSPC', 'MKDIR needs a block');
  t.equal(await client.symlink('long', 'x'.repeat(1000)), 'NFS3ERR_NOSPC', 'SYMLINK needs a block for a long target');
  t.equal(await client.symlink('short', 'x'), 'NFS3_OK', 'SYMLINK needs no block for a short target');
  await client.create('empty');
  const how = { mode: createmode3.EXCLUSIVE, verf: Buffer.from('verifier') };
  const where = { dir: client.root, name: 'exclusive' };
  const made = await client.caller.call(NFS3.CREATE, { where, how });
  const retried = await client.caller.call(NFS3.CREATE, { where, how });
  t.equal(statusName(made.status), 'NFS3_OK');
  t.equal(statusName(retried.status), 'NFS3_OK', 'CREATE EXCLUSIVE, asked again');
  t.strictSame(await Promise.all(['dir', 'long', 'short', 'empty', 'exclusive'].map(name => client.isThere(name))), [
    false,
    false,
    true,
    true,
    true,
  ]);
  await client.remove('file');
  t.ok(
    (await client.free()).bytes > 20 * MiB,
    'the space of removed files is free at once, whatever the server had open',
  );
  t.equal(await client.mkdir('dir'), 'NFS3_OK');
  t.equal(await client.symlink('long', 'x'.repeat(1000)), 'NFS3_OK');
  const next = await client.create('next');
  t.equal((await client.write(next, 0, Buffer.alloc(MiB), stable_how.FILE_SYNC)).status, S.NFS3_OK);
});

t.test('names are refused on an ext4 without free inodes', async t => {
  const client = await Client.open(t, ext4(t, { mib: 16 }, '-N', '32', '-m', '0'));
  const names: string[] = [];
  let status: string = 'NFS3_OK';
  for (let i = 0; status === 'NFS3_OK' && i < 100; i++) {
    status = await client.mkdir(`dir-${i}`);
    if (status === 'NFS3_OK') names.push(`dir-${i}`);
  }
  t.equal(status, 'NFS3ERR_NOSPC');
  t.equal((await client.free()).files, 0);
  t.equal(await client.symlink('link', 'x'), 'NFS3ERR_NOSPC');
  await client.caller.expect(NFS3.RMDIR, { object: { dir: client.root, name: names[0]! } }, S.NFS3_OK);
  await client.create('file');
  t.equal(await client.mkdir('dir'), 'NFS3ERR_NOSPC');
  await client.remove('file');
  t.equal(await client.mkdir('dir'), 'NFS3_OK');
});

t.test('users cannot use the blocks reserved for root', async t => {
  const disk = ext4(t, { mib: 64 }, '-m', '40');
  const client = await Client.open(t, disk);
  await client.caller.expect(
    NFS3.SETATTR,
    { object: client.root, new_attributes: { ...NOTHING, mode: 0o777 }, guard: undefined },
    S.NFS3_OK,
  );
  for (const stable of [stable_how.UNSTABLE, stable_how.FILE_SYNC]) {
    const file = await client.create(`users-${stable}`, USER);
    const { bytes, status } = await client.fill(file, stable, USER);
    t.equal(statusName(status), 'NFS3ERR_NOSPC');
    if (stable === stable_how.UNSTABLE) t.ok(bytes > 15 * MiB && bytes < 40 * MiB, `a user: ${bytes} bytes`);
  }
  const { bytes } = await client.fill(await client.create('roots'), stable_how.UNSTABLE);
  t.ok(bytes > 15 * MiB, `root: ${bytes} bytes more`);
});

t.test(
  'users cannot use the blocks reserved for root when a slow disk makes the thread pool of root write for them',
  async t => {
    const disk = ext4(t, { mib: 64 }, '-m', '40');
    const options = { directory: disk.dir, 'sync-metadata': false, index: 'auto', descriptors: 0 } as const;
    const env = { log: silent, stateDir: join(disk.beside, 'state'), stage: 0 };
    const opened = await openBrick('b', 0, options, env, silent, () => {});
    const { brick } = opened;
    t.teardown(() => opened.close());
    brick.slowWritesUntilMs = Infinity;
    const data = Buffer.alloc(CHUNK, 1);
    const attempt = <R>(work: () => Promise<R>) => work().catch((error: NodeJS.ErrnoException) => `${error.code}`);
    const fill = async (frame: Frame, name: string) => {
      const how = { mode: 'guarded', attr: { mode: 0o644 } } as const;
      const file = inodeOf(create(brick, root, new Inode(ROOT_GFID, 2), name, how).value);
      await setattr(brick, root, file, { uid: frame.identity.uid, gid: frame.identity.gid });
      for (let bytes = 0; ;) {
        const written = await attempt(async () => write(brick, frame, file, data, bytes, Stable.UNSTABLE));
        if (typeof written === 'string') return { bytes, code: written };
        bytes += written.count;
      }
    };
    const users = await fill(user, 'users');
    t.equal(users.code, 'ENOSPC');
    t.ok(users.bytes > 15 * MiB && users.bytes < 40 * MiB, `a user: ${users.bytes} bytes`);
    const roots = await fill(root, 'roots');
    t.ok(roots.bytes > 15 * MiB, `root: ${roots.bytes} bytes more`);
  },
);

t.test('on a disk smaller than it claims COMMIT fails and the verifier changes', async t => {
  const client = await Client.open(t, ext4(t, { mib: 64, mediumMib: 24 }, '-m', '0'));
  const file = await client.create('file');
  const first = await client.write(file, 0, Buffer.alloc(CHUNK, 1), stable_how.FILE_SYNC);
  if (first.status !== S.NFS3_OK) throw new Error('the first bytes have room');
  const verf = Buffer.from(first.verf);
  for (let offset = 0; offset < 36 * MiB; offset += CHUNK) {
    const done = await client.write(file, offset, Buffer.alloc(CHUNK, 2), stable_how.UNSTABLE);
    if (done.status !== S.NFS3_OK) break; // The kernel may have noticed.
  }
  const committed = await client.commit(file);
  t.match(statusName(committed.status), /^NFS3ERR_(IO|NOSPC|ROFS)$/);
  const next = await client.commit(file);
  const changed = next.status !== S.NFS3_OK || !next.verf.equals(verf);
  t.ok(changed, 'the client learns that it must send uncommitted data again');
});

for (const [name, stable] of Object.entries(stable_how)) {
  t.test(`WRITE until a quota is used up: ${name}`, async t => {
    const disk = btrfsWithQuota(t, { mib: 160 }, 20);
    const client = await Client.open(t, disk);
    const limited = await client.lookup('limited');
    const other = await client.create('other');
    const file = await client.create('file', ROOT, limited);
    const { bytes, content, status } = await client.fill(file, stable);
    t.equal(statusName(status), 'NFS3ERR_DQUOT');
    t.ok(bytes > 15 * MiB && bytes <= 20 * MiB, `${bytes} bytes were accepted`);
    t.equal(await client.size(file), bytes, 'the size is that of the acknowledged data');
    t.equal(statusName((await client.commit(file)).status), 'NFS3_OK', 'COMMIT finds room for the acknowledged data');
    t.equal(statusName((await client.write(file, bytes, content.subarray(0, CHUNK), stable)).status), 'NFS3ERR_DQUOT');
    t.equal(
      (await client.write(other, 0, Buffer.alloc(MiB), stable)).status,
      S.NFS3_OK,
      'there is room outside of the quota',
    );

    const made = [await client.mkdir('dir', limited), await client.symlink('link', 'x'.repeat(100), limited)];
    const there = [await client.isThere('dir', limited), await client.isThere('link', limited)];
    t.strictSame(
      there,
      made.map(result => result === 'NFS3_OK'),
      `each name is made or not: ${made.join(', ')}`,
    );
    t.ok(made.every(result => /^NFS3_OK|NFS3ERR_DQUOT$/.test(result)));

    await client.removeFromQuota('file', limited);
    const next = await client.create('next', ROOT, limited);
    const again = await client.write(next, 0, content.subarray(0, CHUNK), stable);
    t.equal(statusName(again.status), 'NFS3_OK', 'the space of removed files can be used again');
    await client.commit(next);
    await client.commit(other);
    await client.stop(t);
    disk.remount();
    t.ok(readFileSync(join(disk.dir, 'limited/next')).equals(content.subarray(0, CHUNK)), 'all data are on the disk');
    t.ok(readFileSync(join(disk.dir, 'other')).equals(Buffer.alloc(MiB)), 'the other file is on the disk');
  });
}
