/** Every way in which a call can be wrong and still be a call, with the exact answer that the RFCs require. */
import { randomBytes } from 'node:crypto';
import { MNT3 } from '#protocols/mount.ts';
import { createmode3, ftype3, nfsstat3 as S, time_how } from '#protocols/nfs3/constants.ts';
import { accept_stat, auth_flavor, auth_stat, NO_AUTH, type opaque_auth } from '#protocols/rpc.ts';
import type { RemoteProcedure } from '#src/rpcclnt/client.ts';
import { Handles } from '#src/xlators/nfs/server/handle.ts';
import { MOUNT1, MOUNT3, NFS3 } from '../procedures.ts';
import { acceptedWith, authError, holds, resultOf, RPC_MISMATCH, same, sameStatus, sameWords } from './answer.ts';
import { ABOUT_SOMETHING, type Caller, nextXid } from './caller.ts';
import { recordOf } from './line.ts';
import type { Random } from './random.ts';
import type { Node, Tree } from './tree.ts';
import { NOTHING } from './worker.ts';

/** What wrong calls are made from. */
interface Material {
  readonly random: Random;
  readonly cred: opaque_auth;
  readonly xid: number;
  readonly dir: Node;
  /** A regular file, if there is one. */
  readonly file: Node | undefined;
}

type Check = (reply: Buffer) => void;
interface Wrong {
  readonly record: Buffer;
  readonly check: Check;
}
type Make = (of: Material) => Wrong | undefined;

const COOKIEVERF = Buffer.alloc(8);
const GARBAGE = acceptedWith(accept_stat.GARBAGE_ARGS);
/**
 * Offsets of the words of a call's header, which come in this order: xid, CALL, RPC version, program, version,
 * procedure, credentials.
 */
const WORD = { rpcvers: 8, prog: 12, vers: 16, proc: 20, cred: 24 } as const;

const words =
  (expected: readonly number[]): Check =>
  reply =>
    sameWords(reply, expected, 'the error');

function status(procedure: RemoteProcedure<any, any>, expected: number): Check {
  return reply => sameStatus(resultOf(procedure, reply), expected, procedure.name);
}

/** A good call with one of its words replaced. */
function patched(of: Material, at: number, word: number, procedure: RemoteProcedure<any, any> = NFS3.NULL): Buffer {
  const record = recordOf(procedure, undefined, of.xid, of.cred);
  record.writeUInt32BE(word >>> 0, at);
  return record;
}

/** Valid arguments about this handle, for any procedure. */
function argsAbout(procedure: RemoteProcedure<any, any>, handle: Buffer, name: string, other: Buffer): unknown {
  const where = { dir: handle, name };
  switch (procedure) {
    case NFS3.LOOKUP:
      return { what: where };
    case NFS3.CREATE:
      return { where, how: { mode: createmode3.UNCHECKED, obj_attributes: NOTHING } };
    case NFS3.MKDIR:
      return { where, attributes: NOTHING };
    case NFS3.SYMLINK:
      return { where, symlink: { symlink_attributes: NOTHING, symlink_data: 'x' } };
    case NFS3.MKNOD:
      return { where, what: { type: ftype3.NF3FIFO, pipe_attributes: NOTHING } };
    case NFS3.REMOVE:
    case NFS3.RMDIR:
      return { object: where };
    case NFS3.RENAME:
      return { from: where, to: { dir: other, name: 'renamed' } };
    case NFS3.LINK:
      return { file: other, link: where };
    default:
      return {
        object: handle,
        file: handle,
        dir: handle,
        symlink: handle,
        fsroot: handle,
        access: 1,
        new_attributes: NOTHING,
        guard: undefined,
        offset: 0,
        count: 1000,
        stable: 0,
        data: Buffer.alloc(0),
        cookie: 0n,
        cookieverf: COOKIEVERF,
        dircount: 1000,
        maxcount: 2000,
      };
  }
}

const about = (of: Material, procedure: RemoteProcedure<any, any>, handle: Buffer, name = 'x', other = of.dir.handle) =>
  recordOf(procedure, argsAbout(procedure, handle, name, other), of.xid, of.cred);

const withCred = (of: Material, cred: opaque_auth, procedure: RemoteProcedure<any, any> = NFS3.GETATTR) =>
  recordOf(procedure, { object: of.dir.handle }, of.xid, cred);

// Calls that are refused before their arguments are decoded (RFC 5531, 9).

const ofTheHeader: Record<string, Make> = {
  'unknown program': of => ({
    record: patched(of, WORD.prog, of.random.pick([0, 100_000, 100_004, 200_000 + of.random.below(1e9), -1])),
    check: words(acceptedWith(accept_stat.PROG_UNAVAIL)),
  }),
  'unknown version': of => ({
    record: patched(of, WORD.vers, of.random.pick([0, 2, 4, 5 + of.random.below(1e9), -1])),
    check: words(acceptedWith(accept_stat.PROG_MISMATCH, 3, 3)),
  }),
  'unknown version of MOUNT': of => ({
    record: patched(of, WORD.vers, of.random.pick([0, 4, -1]), MOUNT3.NULL),
    check: words(acceptedWith(accept_stat.PROG_MISMATCH, 1, 3)),
  }),
  'unknown procedure': of => ({
    record: patched(of, WORD.proc, of.random.pick([22, 23, 100 + of.random.below(1e9), -1])),
    check: words(acceptedWith(accept_stat.PROC_UNAVAIL)),
  }),
  'unknown procedure of MOUNT': of => ({
    record: patched(of, WORD.proc, of.random.pick([6, 7, -1]), of.random.pick([MOUNT1, MOUNT3]).NULL),
    check: words(acceptedWith(accept_stat.PROC_UNAVAIL)),
  }),
  'another RPC version': of => ({
    record: patched(of, WORD.rpcvers, of.random.pick([0, 1, 3, -1])),
    check: words(RPC_MISMATCH),
  }),
};

const ofCredentials: Record<string, Make> = {
  'unknown flavor': of => ({
    record: withCred(of, {
      flavor: of.random.pick([2, 3, 4, 5, 7, 390_003, 0xffff_ffff]) as 1,
      body: Buffer.alloc(12),
    }),
    check: words(authError(auth_stat.AUTH_REJECTEDCRED)),
  }),
  'credentials cut': of => {
    const body = of.cred.body.subarray(0, 4 * of.random.below(of.cred.body.length / 4));
    return {
      record: withCred(of, { flavor: auth_flavor.AUTH_SYS, body }),
      check: words(authError(auth_stat.AUTH_BADCRED)),
    };
  },
  'credentials with more bytes after them': of => ({
    record: withCred(of, { flavor: auth_flavor.AUTH_SYS, body: Buffer.concat([of.cred.body, Buffer.alloc(4)]) }),
    check: words(authError(auth_stat.AUTH_BADCRED)),
  }),
  '17 groups': of => {
    const body = Buffer.alloc(4 + 4 + 4 + 4 + 4 + 17 * 4);
    body.writeUInt32BE(17, 16);
    return {
      record: withCred(of, { flavor: auth_flavor.AUTH_SYS, body }),
      check: words(authError(auth_stat.AUTH_BADCRED)),
    };
  },
  'credentials over 400 bytes': of => ({
    record: patched(of, WORD.cred + 4, of.random.pick([401, 65_536, 0x8000_0000, 0xffff_ffff])),
    check: words(authError(auth_stat.AUTH_BADCRED)),
  }),
  'verifier over 400 bytes': of => ({
    record: patched(of, WORD.cred + 8 + of.cred.body.length + 4, of.random.pick([401, 0x8000_0000, 0xffff_ffff])),
    check: words(authError(auth_stat.AUTH_BADVERF)),
  }),
  'AUTH_SYS with a verifier': of => ({
    record: patched(of, WORD.cred + 8 + of.cred.body.length, 1 + of.random.below(9)),
    check: words(authError(auth_stat.AUTH_BADVERF)),
  }),
  'AUTH_NONE where it is too weak': of => {
    const procedure = of.random.pick(ABOUT_SOMETHING.filter(one => one !== NFS3.FSINFO && one !== NFS3.GETATTR));
    const record = recordOf(procedure, argsAbout(procedure, of.dir.handle, 'x', of.dir.handle), of.xid, NO_AUTH);
    return { record, check: words(authError(auth_stat.AUTH_TOOWEAK)) };
  },
};

// Arguments that cannot be decoded.

function garbage(record: Buffer): Wrong {
  return { record, check: words(GARBAGE) };
}

/** A record cut off after its header, with `parts` in place of the arguments. */
function argsOf(of: Material, procedure: RemoteProcedure<any, any>, ...parts: (number | Buffer)[]): Buffer {
  const head = recordOf({ ...procedure, args: NFS3.NULL.args }, undefined, of.xid, of.cred);
  const bytes = parts.map(part => {
    if (typeof part !== 'number') return part;
    const word = Buffer.allocUnsafe(4);
    word.writeUInt32BE(part >>> 0);
    return word;
  });
  return Buffer.concat([head, ...bytes]);
}

const opaque = (bytes: Buffer): Buffer => {
  const head = Buffer.allocUnsafe(4);
  head.writeUInt32BE(bytes.length);
  return Buffer.concat([head, bytes, Buffer.alloc(-bytes.length & 3)]);
};

const ofArguments: Record<string, Make> = {
  'arguments cut': of => {
    const procedure = of.random.pick(ABOUT_SOMETHING);
    const record = about(of, procedure, of.dir.handle);
    const from = WORD.cred + 8 + of.cred.body.length + 8;
    return garbage(record.subarray(0, from + of.random.below(record.length - from)));
  },
  'more bytes after the arguments': of => {
    const record = about(of, of.random.pick(ABOUT_SOMETHING), of.dir.handle);
    return garbage(Buffer.concat([record, of.random.bytes(of.random.between(1, 100))]));
  },
  'arguments whose length is wrong': of => {
    const length = of.random.pick([65, 4096, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]);
    return garbage(argsOf(of, NFS3.GETATTR, length, of.dir.handle));
  },
  'a name of 4097 bytes or 4 GiB': of => {
    const length = of.random.pick([4097, 0x8000_0000, 0xffff_ffff]);
    return garbage(
      argsOf(of, NFS3.LOOKUP, opaque(of.dir.handle), length, Buffer.alloc(length === 4097 ? 4100 : 8, 97)),
    );
  },
  'unknown createmode3': of => {
    const mode = of.random.pick([3, 4, 0xffff_ffff]);
    const record = argsOf(of, NFS3.CREATE, opaque(of.dir.handle), opaque(Buffer.from('x')), mode, Buffer.alloc(24));
    return garbage(record);
  },
  'unknown stable_how': of => {
    const stable = of.random.pick([3, 4, 0xffff_ffff]);
    return garbage(argsOf(of, NFS3.WRITE, opaque(of.dir.handle), 0, 0, 1, stable, opaque(Buffer.from('x'))));
  },
  'unknown ftype3': of => {
    const type = of.random.pick([0, 8, 0xffff_ffff]);
    const record = argsOf(of, NFS3.MKNOD, opaque(of.dir.handle), opaque(Buffer.from('x')), type, Buffer.alloc(24));
    return garbage(record);
  },
  'unknown time_how': of => {
    const how = of.random.pick([3, 4, 0xffff_ffff]);
    return garbage(argsOf(of, NFS3.SETATTR, opaque(of.dir.handle), 0, 0, 0, 0, how, 0, 0));
  },
  'a boolean of 2 or more': of => {
    const bool = of.random.pick([2, 256, 0xffff_ffff]);
    return garbage(argsOf(of, NFS3.SETATTR, opaque(of.dir.handle), bool, 0o644, 0, 0, 0, 0, 0, 0));
  },
  'MOUNT with a path of 4097 bytes': of =>
    garbage(argsOf(of, of.random.pick([MOUNT1, MOUNT3]).MNT, opaque(Buffer.alloc(4097, '/a')))),
};

// Handles that the server did not make (RFC 1813, 2.6, BADHANDLE).

const foreign = new Handles(randomBytes(16));

function badHandle(handle: (of: Material) => Buffer): Make {
  return of => {
    const procedure = of.random.pick(ABOUT_SOMETHING);
    return { record: about(of, procedure, handle(of)), check: status(procedure, S.NFS3ERR_BADHANDLE) };
  };
}

const ofHandles: Record<string, Make> = {
  'handle forged': badHandle(of => {
    const forged = Buffer.from(of.dir.handle);
    forged[of.random.below(forged.length)]! ^= 1 << of.random.below(8);
    return forged;
  }),
  'handle of another server': badHandle(of => {
    const { handle } = of.dir;
    const hint = handle.subarray(24, handle.length - 8);
    return foreign.encode(handle.readUInt32BE(4), handle.readUInt16BE(2), handle.subarray(8, 24), hint);
  }),
  'handle cut': badHandle(of => of.dir.handle.subarray(0, of.random.below(of.dir.handle.length))),
  'handle with more bytes after it': badHandle(of => {
    const { handle } = of.dir;
    return Buffer.concat([handle, of.random.bytes(of.random.between(1, 64 - handle.length))]);
  }),
  'random handle': badHandle(of => of.random.bytes(of.random.between(0, 64))),
  'second handle forged': of => {
    const procedure = of.random.pick([NFS3.RENAME, NFS3.LINK]);
    const bad = of.random.bytes(32);
    const [first, second] = procedure === NFS3.RENAME ? [of.dir.handle, bad] : [bad, of.dir.handle];
    return { record: about(of, procedure, first, 'x', second), check: status(procedure, S.NFS3ERR_BADHANDLE) };
  },
};

// Invalid names: ACCES and NAMETOOLONG (RFC 1813, 3.2), and what each procedure answers to `.` and `..`.

const MAKING = [NFS3.CREATE, NFS3.MKDIR, NFS3.SYMLINK, NFS3.MKNOD];
const NAMED = [...MAKING, NFS3.LOOKUP, NFS3.REMOVE, NFS3.RMDIR, NFS3.RENAME, NFS3.LINK] as RemoteProcedure<any, any>[];

function badName(name: (random: Random) => string, expected: number): Make {
  return of => {
    const procedure = of.random.pick(NAMED);
    // Only a file can be linked.
    const other = procedure === NFS3.LINK ? of.file?.handle : of.dir.handle;
    if (other === undefined) return undefined;
    const record = about(of, procedure, of.dir.handle, name(of.random), other);
    return { record, check: status(procedure, expected) };
  };
}

function dots(name: string, procedures: readonly RemoteProcedure<any, any>[], expected: number): Make {
  return of => {
    const procedure = of.random.pick(procedures);
    return { record: about(of, procedure, of.dir.handle, name), check: status(procedure, expected) };
  };
}

const ofNames: Record<string, Make> = {
  'an empty name': badName(() => '', S.NFS3ERR_ACCES),
  'name with a /': badName(random => random.pick(['/', 'a/b', '/etc/passwd', '../x', 'x/', './x']), S.NFS3ERR_ACCES),
  'name with a NUL': badName(random => random.pick(['\0', 'a\0', '\0a', 'a\0b']), S.NFS3ERR_ACCES),
  'name of 256 bytes and more': badName(random => 'x'.repeat(random.between(256, 4096)), S.NFS3ERR_NAMETOOLONG),
  'make . or ..': of => dots(of.random.pick(['.', '..']), MAKING, S.NFS3ERR_EXIST)(of),
  'remove .': dots('.', [NFS3.REMOVE, NFS3.RMDIR], S.NFS3ERR_INVAL),
  'remove ..': dots('..', [NFS3.REMOVE, NFS3.RMDIR], S.NFS3ERR_EXIST),
  'rename . or ..': of => dots(of.random.pick(['.', '..']), [NFS3.RENAME], S.NFS3ERR_INVAL)(of),
};

// Numbers that are larger than any object.

const HUGE = [2 ** 53, 2 ** 60, 2 ** 63, 2 ** 63 + 2 ** 20, 2 ** 64 - 2 ** 12];

function ofFile(make: (of: Material, file: Node) => Wrong): Make {
  return of => (of.file === undefined ? undefined : make(of, of.file));
}

const set = (of: Material, object: Node, attributes: object) =>
  recordOf(
    NFS3.SETATTR,
    { object: object.handle, new_attributes: { ...NOTHING, ...attributes }, guard: undefined },
    of.xid,
    of.cred,
  );

const ofNumbers: Record<string, Make> = {
  'READ beyond 2^53': ofFile((of, file) => ({
    record: recordOf(
      NFS3.READ,
      { file: file.handle, offset: of.random.pick(HUGE), count: of.random.pick([0, 1, 0xffff_ffff]) },
      of.xid,
      of.cred,
    ),
    check(reply) {
      const found = resultOf(NFS3.READ, reply);
      sameStatus(found, S.NFS3_OK, 'READ');
      if (found.status === S.NFS3_OK)
        holds(found.eof && found.count === 0 && found.data.length === 0, 'READ: not the end of the file');
    },
  })),
  'READ of 4 GiB': ofFile((of, file) => ({
    record: recordOf(NFS3.READ, { file: file.handle, offset: 0, count: 0xffff_ffff }, of.xid, of.cred),
    check(reply) {
      const found = resultOf(NFS3.READ, reply);
      sameStatus(found, S.NFS3_OK, 'READ');
      if (found.status === S.NFS3_OK) holds(found.data.equals(file.data) && found.eof, 'READ: not the whole file');
    },
  })),
  'WRITE beyond 2^53': ofFile((of, file) => ({
    record: recordOf(
      NFS3.WRITE,
      { file: file.handle, offset: of.random.pick(HUGE), count: 4, stable: 0, data: Buffer.from('data') },
      of.xid,
      of.cred,
    ),
    check: status(NFS3.WRITE, S.NFS3ERR_FBIG),
  })),
  'WRITE with a count above its data': ofFile((of, file) => ({
    record: recordOf(
      NFS3.WRITE,
      {
        file: file.handle,
        offset: 0,
        count: of.random.pick([5, 0x7fff_ffff, 0xffff_ffff]),
        stable: 0,
        data: Buffer.from('data'),
      },
      of.xid,
      of.cred,
    ),
    check: status(NFS3.WRITE, S.NFS3ERR_INVAL),
  })),
  'COMMIT beyond 2^53': ofFile((of, file) => ({
    record: recordOf(
      NFS3.COMMIT,
      { file: file.handle, offset: of.random.pick(HUGE), count: 0xffff_ffff },
      of.xid,
      of.cred,
    ),
    check: status(NFS3.COMMIT, S.NFS3_OK),
  })),
  'size beyond 2^53': ofFile((of, file) => ({
    record: set(of, file, { size: of.random.pick(HUGE) }),
    check: status(NFS3.SETATTR, S.NFS3ERR_FBIG),
  })),
  'a new file beyond 2^53': of => {
    const how = { mode: createmode3.GUARDED, obj_attributes: { ...NOTHING, size: of.random.pick(HUGE) } };
    const record = recordOf(NFS3.CREATE, { where: { dir: of.dir.handle, name: 'huge' }, how }, of.xid, of.cred);
    return { record, check: status(NFS3.CREATE, S.NFS3ERR_FBIG) };
  },
  'the size of a directory': of => ({
    record: set(of, of.dir, { size: of.random.pick([0, 1, ...HUGE]) }),
    check: status(NFS3.SETATTR, S.NFS3ERR_ISDIR),
  }),
  'a second of 10^9 nanoseconds and more': of => {
    const nseconds = of.random.pick([1_000_000_000, 0x3fff_ffff, 0x3fff_fffe, 0xffff_ffff]);
    const time = { set_it: time_how.SET_TO_CLIENT_TIME, time: { seconds: 1, nseconds } };
    return {
      record: set(of, of.dir, { [of.random.pick(['atime', 'mtime'])]: time }),
      check: status(NFS3.SETATTR, S.NFS3ERR_INVAL),
    };
  },
  'an id of 2^32 - 1': of => ({
    record: set(of, of.dir, { [of.random.pick(['uid', 'gid'])]: 0xffff_ffff }),
    check: status(NFS3.SETATTR, S.NFS3_OK),
  }),
  'cookie beyond 2^63': of => {
    const cookie = of.random.pick([1n << 63n, (1n << 63n) + 5n, (1n << 64n) - 1n]);
    const plus = of.random.chance(0.5);
    const args = { dir: of.dir.handle, cookie, cookieverf: COOKIEVERF, count: 4096, dircount: 4096, maxcount: 4096 };
    const procedure: RemoteProcedure<any, any> = plus ? NFS3.READDIRPLUS : NFS3.READDIR;
    return { record: recordOf(procedure, args, of.xid, of.cred), check: status(procedure, S.NFS3ERR_BAD_COOKIE) };
  },
  'no room for an entry': of => {
    const count = of.random.pick([0, 1, 50, 100]);
    const procedure: RemoteProcedure<any, any> = of.random.pick([NFS3.READDIR, NFS3.READDIRPLUS]);
    const args = { dir: of.dir.handle, cookie: 0n, cookieverf: COOKIEVERF, count, dircount: 4096, maxcount: count };
    return { record: recordOf(procedure, args, of.xid, of.cred), check: status(procedure, S.NFS3ERR_TOOSMALL) };
  },
  'MKNOD of a type that it cannot make': of => {
    const what = { type: of.random.pick([ftype3.NF3REG, ftype3.NF3DIR, ftype3.NF3LNK]) };
    const record = recordOf(NFS3.MKNOD, { where: { dir: of.dir.handle, name: 'node' }, what }, of.xid, of.cred);
    return { record, check: status(NFS3.MKNOD, S.NFS3ERR_BADTYPE) };
  },
  'every bit of ACCESS': of => ({
    record: recordOf(NFS3.ACCESS, { object: of.dir.handle, access: 0xffff_ffff }, of.xid, of.cred),
    check(reply) {
      const found = resultOf(NFS3.ACCESS, reply);
      sameStatus(found, S.NFS3_OK, 'ACCESS');
      if (found.status === S.NFS3_OK) same(found.access & ~0x3f, 0, 'ACCESS: bits without a meaning');
    },
  }),
};

const ofMounts: Record<string, Make> = {
  'MOUNT of a path that is not exported': of => {
    const path = of.random.pick(['', '/', '/..', '..', 'relative', '/etc', '/../..', '//.//']);
    return { record: recordOf(MOUNT3.MNT, path, of.xid, of.cred), check: status(MOUNT3.MNT, MNT3.ERR_ACCES) };
  },
  'MOUNT of a path with a NUL': of => {
    const path = of.random.pick(['\0', '/\0', '/etc\0/x']);
    return { record: recordOf(MOUNT3.MNT, path, of.xid, of.cred), check: status(MOUNT3.MNT, MNT3.ERR_INVAL) };
  },
  'MOUNT of a path over 1024 bytes': of => {
    const path = `/${'x'.repeat(of.random.between(1024, 4095))}`;
    return { record: recordOf(MOUNT3.MNT, path, of.xid, of.cred), check: status(MOUNT3.MNT, MNT3.ERR_NAMETOOLONG) };
  },
};

const KINDS: readonly (readonly [string, Make])[] = [
  ofTheHeader,
  ofCredentials,
  ofArguments,
  ofHandles,
  ofNames,
  ofNumbers,
  ofMounts,
].flatMap(group => Object.entries(group));

/** Sends one wrong call of a random kind. @throws {Mismatch} if it is not answered as the RFC requires */
export async function sendMalformed(caller: Caller, tree: Tree): Promise<void> {
  const { random, cred, tally } = caller;
  const [kind, make] = random.pick(KINDS);
  const xid = nextXid();
  const wrong = make({ random, cred, xid, dir: tree.home, file: tree.file() });
  if (wrong === undefined) return;
  const reply = await caller.exchange(xid, wrong.record);
  tally.countMalformed(kind);
  try {
    wrong.check(reply);
  } catch (error) {
    (error as Error).message = `${kind}: ${(error as Error).message}`;
    throw error;
  }
}
