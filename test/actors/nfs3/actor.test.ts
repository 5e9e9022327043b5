/** What holds for every actor of NFS3, for any arguments and any answer of the graph. */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import { nfs3Program } from '#actors/nfs3/program.ts';
import { statusOf } from '#actors/nfs3/status.ts';
import { ftype3, NFSPROC3, nfsstat3 } from '#protocols/nfs3/constants.ts';
import { READDIRPLUS3res } from '#protocols/nfs3/directory.ts';
import { decode, encode } from '#protocols/xdr/codec.ts';
import { ERRNO, type Errno, FsError } from '#src/errno.ts';
import { type Fop, FopError, type Fops } from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';
import type { FileType, Iatt, Wcc } from '#src/graph/iatt.ts';
import { ROOT } from '#src/graph/identity.ts';
import { Xlator } from '#src/graph/xlator.ts';
import { silent } from '#src/log.ts';
import type { Call } from '#src/rpcsvc/actor.ts';
import type { NfsCall, Resolved } from '#src/xlators/nfs/server/nfs-call.ts';
import { STATFS } from '../../support/statfs.ts';
import { volumeOver } from '../../support/volume.ts';
import { arbitraryOf } from '../../support/codecs/arbitrary.ts';
import { gfidOf, iattOf } from '../../support/iatt.ts';

const signal = new AbortController().signal;
const frame: Frame = { identity: ROOT, client: '127.0.0.1', signal };
const peer = { address: '127.0.0.1', port: 1, transport: 'tcp', signal } as const;
const call: Call = {
  xid: 1,
  peer,
  credentials: { flavor: 1, uid: 0, gid: 0, groups: [], machinename: '' },
  afterSend() {},
};
const iatt = iattOf({ gfid: gfidOf(7) });
const before = iattOf({ gfid: gfidOf(7), size: 99 });
const wcc: Wcc = { before, after: iatt };

/** A brick whose fops all answer or fail as `answer` does. */
class Answering extends Xlator {
  readonly #answer: (fop: Fop) => unknown;

  constructor(answer: (fop: Fop) => unknown) {
    const env = { log: silent, stateDir: '/', stage: 0 };
    super({
      name: 'test',
      type: 'test/answering',
      where: 'here:1',
      options: {},
      children: [],
      childNames: [],
      slot: 0,
      env,
    });
    this.#answer = answer;
  }

  protected override wind<F extends Fop>(fop: F, ..._args: Parameters<Fops[F]>): ReturnType<Fops[F]> {
    return new Promise<unknown>(resolve => resolve(this.#answer(fop))) as ReturnType<Fops[F]>;
  }
}

interface Setting {
  readonly answer?: (fop: Fop) => unknown;
  readonly type?: FileType;
  readonly readOnly?: boolean;
  readonly resolve?: (at: Resolved) => Resolved | Promise<Resolved>;
}

function serve({ answer = fop => ANSWERS[fop], type = 2, readOnly = false, resolve = at => at }: Setting) {
  const errors: object[] = [];
  const volume = volumeOver(new Answering(answer));
  const inode = volume.table.link(iattOf({ gfid: gfidOf(9), type }));
  const at: Resolved = { volume, inode, frame, readOnly, trust: 'none', exportId: 0, place: 'below' };
  const log = Object.assign(Object.create(silent), { error: (what: object) => errors.push(what) }) as typeof silent;
  const nfs: NfsCall = {
    call,
    options: {
      readSize: 65_536,
      writeSize: 65_536,
      readdirSize: 65_536,
      readdirAhead: true,
      ino32: true,
      readdirplus: true,
    },
    log,
    resolve: () => resolve(at),
    resolveForChange() {
      if (readOnly) throw new FsError('EROFS');
      return resolve(at);
    },
    locate: async ({ place }) => place,
    holds: async () => true,
    handleOf: () => Buffer.alloc(32),
    link: (parent, name, iatt) => volume.table.link(iatt, parent.inode, name),
  };
  return { nfs, errors, inUse: () => volume.table.stats().inUse, changes: () => volume.ahead.changes.count };
}

const made = { iatt, parent: wcc };
const ANSWERS: Partial<Record<Fop, unknown>> = {
  lookup: { iatt, parent: iatt },
  stat: iatt,
  readlink: { target: 'target', iatt },
  access: { granted: 7, iatt },
  mknod: made,
  mkdir: made,
  symlink: made,
  create: made,
  link: made,
  unlink: { parent: wcc },
  rmdir: { parent: wcc },
  rename: { from: wcc, to: wcc },
  setattr: wcc,
  readv: { data: Buffer.from('data'), eof: true, iatt },
  writev: { ...wcc, count: 1, stable: 2 },
  fsync: wcc,
  readdir: { entries: [{ name: 'a', ino: 1n, cookie: 1n }], eof: true, iatt },
  readdirp: { entries: [{ name: 'a', ino: 1n, cookie: 1n, iatt }], eof: true, iatt },
  statfs: { ...STATFS, fileSizeMax: 2 ** 63 },
};

const actors = Object.entries(
  nfs3Program(() => {
    throw new Error('the tests run the actors themselves');
  }).actors,
)
  .map(([number, actor]) => ({ number: Number(number), ...actor }))
  .filter(({ number }) => number !== NFSPROC3.NULL);
const types = fc.constantFrom<FileType>(...Object.values(ftype3));

/** The expected status of an error of the graph. Some procedures have a status of their own for some errors. */
function told(number: number, value: unknown, error: FsError): number | undefined {
  const { guard, cookie } = value as { guard?: object; cookie?: bigint };
  const errno = ERRNO[error.code];
  if (guard !== undefined && number === NFSPROC3.SETATTR && errno === ERRNO.EAGAIN) return nfsstat3.NFS3ERR_NOT_SYNC;
  if (number === NFSPROC3.READDIR || number === NFSPROC3.READDIRPLUS) {
    if (errno === ERRNO.EOVERFLOW) return nfsstat3.NFS3ERR_SERVERFAULT;
    if (errno === ERRNO.EINVAL && cookie !== 0n) return nfsstat3.NFS3ERR_BAD_COOKIE;
  }
  return statusOf(error);
}

for (const actor of actors) {
  const { name, args, res, idempotent, number } = actor;
  const changes = !idempotent || number === NFSPROC3.COMMIT;

  async function answer(setting: Setting, value: unknown) {
    const served = serve(setting);
    const inUse = served.inUse();
    const result = await actor.run(served.nfs, decode(args, encode(args, value)));
    const bytes = encode(res, result);
    if (number === NFSPROC3.READDIRPLUS) {
      // Its entries are written one by one.
      assert.deepEqual(encode(READDIRPLUS3res, decode(READDIRPLUS3res, bytes)), bytes, 'the reply has its type');
    } else {
      assert.deepEqual(decode(res, bytes), result, 'the result has its type');
    }
    assert.equal(served.inUse(), inUse, 'no inode stays in use');
    return { ...served, result };
  }

  t.test(`${name}: any arguments are answered, and never with SERVERFAULT`, async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryOf(args), types, async (value, type) => {
        const { result, errors } = await answer({ type }, value);
        assert.notEqual(result.status, nfsstat3.NFS3ERR_SERVERFAULT);
        assert.deepEqual(errors, []);
      }),
    );
  });

  t.test(`${name}: what was listed ahead is not told after a change, also if a part of it has failed`, async () => {
    const fail = (): never => {
      throw new FsError('EIO');
    };
    await fc.assert(
      fc.asyncProperty(arbitraryOf(args), types, async (value, type) => {
        for (const setting of [{ type }, { type, answer: fail }]) {
          assert.equal((await answer(setting, value)).changes() > 0, changes);
        }
      }),
    );
  });

  t.test(`${name}: an error of the graph has its status and the attributes that the error has`, async () => {
    const errnos = fc.constantFrom(...(Object.keys(ERRNO) as Errno[]));
    await fc.assert(
      fc.asyncProperty(arbitraryOf(args), types, errnos, fc.boolean(), async (value, type, errno, known) => {
        const error = known ? new FopError(errno, errno, wcc, wcc) : new FsError(errno);
        const fail = (): never => {
          throw error;
        };
        const good = await answer({ type }, value);
        const { result } = await answer({ type, answer: fail }, value);
        if (good.result.status !== nfsstat3.NFS3_OK) return; // refused before the graph was asked
        assert.equal(result.status, told(number, value, error));
        const wccs = Object.entries(result).filter(([name]) => name.endsWith('wcc'));
        for (const [, data] of wccs)
          assert.equal((data as { before?: { size: number } }).before?.size, known ? 99 : undefined);
      }),
    );
  });

  t.test(`${name}: after a failure the graph is asked for no more than the attributes of the answer`, async () => {
    const statfs = number === NFSPROC3.FSINFO || number === NFSPROC3.FSSTAT || number === NFSPROC3.PATHCONF;
    await fc.assert(
      fc.asyncProperty(arbitraryOf(args), types, async (value, type) => {
        const good = await answer({ type }, value);
        if (good.result.status !== nfsstat3.NFS3_OK) return; // refused before the graph was asked
        const asked: Fop[] = [];
        const fail = (fop: Fop): never => {
          asked.push(fop);
          throw new FsError('EACCES');
        };
        const { result } = await answer({ type, answer: fail }, value);
        const attributes = Object.keys(result).filter(name => /wcc$|attributes$/.test(name)).length;
        assert(asked.length <= (statfs ? 2 : 1) + attributes, `asked for ${asked.join()}`);
      }),
    );
  });

  t.test(`${name}: a call about a removed object is STALE, also if its arguments are wrong`, async () => {
    const stale = (): never => {
      throw new FsError('ESTALE');
    };
    await fc.assert(
      fc.asyncProperty(arbitraryOf(args), types, async (value, type) => {
        const { result } = await answer({ type, answer: stale }, value);
        assert.equal(result.status, nfsstat3.NFS3ERR_STALE);
      }),
    );
  });

  t.test(`${name}: a bug is logged and answered with SERVERFAULT`, async t => {
    const value = fc.sample(arbitraryOf(args), 1)[0]!;
    const bug = new TypeError('not a function');
    const { result, errors } = await answer({ resolve: () => Promise.reject(bug) }, value);
    t.equal(result.status, nfsstat3.NFS3ERR_SERVERFAULT);
    t.match(errors, [{ err: bug, procedure: name, client: '127.0.0.1', xid: 1 }]);
  });

  t.test(`${name}: an invalid handle is BADHANDLE`, async t => {
    const value = fc.sample(arbitraryOf(args), 1)[0]!;
    const resolve = (): never => {
      throw new FsError('EBADHANDLE');
    };
    const { result } = await answer({ resolve }, value);
    t.equal(result.status, nfsstat3.NFS3ERR_BADHANDLE);
  });

  t.test(`${name}: a read-only export refuses changes and still shows attributes`, async t => {
    for (const value of fc.sample(arbitraryOf(args), 10)) {
      const { result } = await answer({ readOnly: true }, value);
      if (!changes) {
        t.not(result.status, nfsstat3.NFS3ERR_ROFS);
        continue;
      }
      t.equal(result.status, nfsstat3.NFS3ERR_ROFS);
      const shown = Object.values(result).filter(value => typeof value === 'object') as { after?: object }[];
      for (const data of shown) t.match('after' in data ? data.after : data, { size: 0 }, 'has attributes');
    }
  });
}

for (const actor of actors.filter(({ name }) => ['FSSTAT', 'FSINFO', 'PATHCONF'].includes(name))) {
  t.test(
    `${actor.name}: asks for statfs and attributes at the same time, and waits for both if statfs fails`,
    async t => {
      const asked: Fop[] = [];
      const attributes = Promise.withResolvers<Iatt>();
      const answer = (fop: Fop): unknown => {
        asked.push(fop);
        if (fop === 'stat') return attributes.promise;
        throw new FsError('EIO');
      };
      const { nfs, inUse } = serve({ answer });
      const before = inUse();
      const result = actor.run(nfs, { fsroot: Buffer.alloc(32), object: Buffer.alloc(32) });
      await setImmediate();
      t.strictSame(asked, ['statfs', 'stat']);
      t.equal(inUse(), before + 1, 'the inode is in use until the brick has answered');
      attributes.resolve(iatt);
      t.match(await result, { status: nfsstat3.NFS3ERR_IO, obj_attributes: { size: 0 } });
      t.equal(inUse(), before);
    },
  );
}
