/** The dissectors of wireshark, written independently of this server, understand what goes over the wire. */
import { execFile, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { authsys_parms } from '#protocols/auth-sys.ts';
import { createmode3, ftype3, nfsstat3, stable_how, time_how } from '#protocols/nfs3/constants.ts';
import type { sattr3 } from '#protocols/nfs3/types.ts';
import { call_args, IPPROTO, mapping, PMAP_PROGRAM, PMAPPROC, pmaplist } from '#protocols/portmap.ts';
import { netbuf, rpcb, RPCBPROC4, rpcb_entry_list_ptr, rpcblist_ptr, uaddr } from '#protocols/rpcbind.ts';
import { auth_flavor, call_header, msg_type, NO_AUTH, type opaque_auth, RPC_VERSION } from '#protocols/rpc.ts';
import { bool, encode, nothing, uint32 } from '#protocols/xdr/codec.ts';
import { RpcClient, type RemoteProcedure } from '#src/rpcclnt/client.ts';
import { RpcError } from '#src/rpcclnt/error.ts';
import { folders, serving } from '../cli/harness.ts';
import { MOUNT1, MOUNT2, MOUNT3, NFS3, PROCEDURES } from '../soak/procedures.ts';
import { enterNamespaces } from '../support/namespace.ts';

enterNamespaces(import.meta.filename);
t.setTimeout(300_000);

const run = promisify(execFile);
/** A port that tshark does not know. */
const PORT = 3333;
const KiB = 1024;
const UID = 1000;

/** Captures everything on the loopback interface into a file. */
async function capture(t: Test, file: string) {
  const args = ['-i', 'lo', '-s', '0', '-B', '65536', '-U', '--immediate-mode', '-w', file];
  const child = spawn('tcpdump', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(child, 'exit');
  t.teardown(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  while (!said.includes('listening on')) await sleep(10);
  return async () => {
    await sleep(300); // What has been sent is read from the interface a moment later.
    child.kill('SIGINT');
    await exited;
    t.match(said, /\n0 packets dropped by kernel/, 'the capture is complete');
  };
}

/** A message as tshark decodes it. */
interface Message {
  readonly frame: number;
  readonly reply: boolean;
  readonly xid: string;
  /** Program, version and procedure. A reply has those of its call. */
  readonly procedure: string;
  /** The protocol that was decoded in it: `nfs`, `mount` or `portmap`. */
  readonly protocol: string;
  readonly status: string | undefined;
  readonly accepted: string | undefined;
}

interface Decoded {
  readonly messages: Message[];
  /** The frame, the protocol and the text of each complaint of tshark. */
  readonly complaints: string[];
}

const SEVERITIES: Record<string, string> = { '8388608': 'error', '6291456': 'warning' };

async function decode(file: string): Promise<Decoded> {
  const as = ['tcp', 'udp'].flatMap(protocol => ['-d', `${protocol}.port==${PORT},rpc`]);
  // On a busy machine TCP may send a segment again. The server sees each segment once and in order.
  const inOrder = ['-2', '-o', 'tcp.reassemble_out_of_order:TRUE'];
  const { stdout } = await run('tshark', ['-r', file, ...inOrder, ...as, '-T', 'pdml'], {
    maxBuffer: 1024 * 1024 * KiB,
  });
  const messages: Message[] = [];
  const complaints: string[] = [];
  for (const packet of stdout.split('<packet>').slice(1)) {
    const frame = Number(shown(packet, 'frame.number'));
    for (const [, name] of packet.matchAll(/<proto name="(_ws\.malformed|_ws\.short|_ws\.unreassembled)"/g)) {
      complaints.push(`frame ${frame}: ${name}`);
    }
    const [below, ...above] = packet.split('<proto name="rpc"');
    if (/"tcp\.analysis\.(spurious_)?retransmission"/.test(below!)) continue;
    // tshark warns of a full TCP window, which is normal with a record of a megabyte.
    const expert = [...expertsOf(below!, ['error']), ...expertsOf(above.join(''), ['error', 'warning'])];
    complaints.push(...expert.map(text => `frame ${frame}: ${text}`));
    for (const part of above) {
      if (part.includes('"rpc.continuation_data"')) complaints.push(`frame ${frame}: not recognized as a message`);
      messages.push(messageOf(frame, part));
    }
  }
  return { messages, complaints };
}

function expertsOf(part: string, severities: readonly string[]): string[] {
  const experts = part.split('<field name="_ws.expert"').slice(1);
  return experts
    .map(expert => [SEVERITIES[shown(expert, '_ws.expert.severity')!]!, shown(expert, '_ws.expert.message')])
    .filter(([severity]) => severities.includes(severity!))
    .map(expert => expert.join(': '));
}

/** The value of the first field with this name. */
function shown(part: string, field: string): string | undefined {
  return new RegExp(`<field name="${field.replaceAll('.', '\\.')}"[^>]* show="([^"]*)"`).exec(part)?.[1];
}

function messageOf(frame: number, part: string): Message {
  const ids = ['rpc.program', 'rpc.programversion', 'rpc.procedure'].map(field => shown(part, field));
  return {
    frame,
    reply: shown(part, 'rpc.msgtyp') === '1',
    xid: shown(part, 'rpc.xid')!,
    procedure: ids.join('.'),
    protocol: /<proto name="(nfs|mount|portmap|nlm)"/.exec(part)?.[1] ?? '',
    status: shown(part, 'nfs.status3') ?? shown(part, 'nfs.status') ?? shown(part, 'mount.status'),
    accepted: shown(part, 'rpc.state_accept') ?? (shown(part, 'rpc.state_reject') && 'denied'),
  };
}

/** Checks that every call has one reply, and every reply one call. */
function eachAnswered(t: Test, messages: readonly Message[]): void {
  const calls = messages.filter(({ reply }) => !reply).map(({ xid }) => xid);
  const replies = messages.filter(({ reply }) => reply).map(({ xid }) => xid);
  t.equal(new Set(calls).size, calls.length, 'no xid is used twice');
  t.strictSame(replies.sort(), calls.sort(), `each of ${calls.length} calls has its reply`);
}

const idOf = ({ prog, vers, proc }: RemoteProcedure<any, any>) => `${prog}.${vers}.${proc}`;

/** What was sent, in order, and the status of its answer. */
interface Sent {
  readonly procedure: string;
  readonly status: string | undefined;
  readonly accepted: string;
}

const ACCEPTED: Record<string, string> = {
  PROG_UNAVAIL: '1',
  PROG_MISMATCH: '2',
  PROC_UNAVAIL: '3',
  GARBAGE_ARGS: '4',
  RPC_MISMATCH: 'denied',
  AUTH_ERROR: 'denied',
};

class Recorder {
  readonly sent: Sent[];
  readonly #client: RpcClient;

  constructor(client: RpcClient, sent: Sent[] = []) {
    this.#client = client;
    this.sent = sent;
  }

  /** The answer of the server. Its status is noted. */
  async call<A, R>(procedure: RemoteProcedure<A, R>, args: A): Promise<R> {
    const result = await this.#client.ask(procedure, args);
    const { status = (result as { fhs_status?: number } | undefined)?.fhs_status } = (result ?? {}) as { status?: number };
    this.sent.push({ procedure: idOf(procedure), status: status?.toString(), accepted: '0' });
    return result;
  }

  async refused(procedure: RemoteProcedure<any, any>): Promise<void> {
    const error = await this.#client.ask(procedure, undefined).then(() => undefined, (error: RpcError) => error);
    this.sent.push({ procedure: idOf(procedure), status: undefined, accepted: ACCEPTED[error!.code]! });
  }
} // prettier-ignore

const sys = (uid: number, gids: number[] = []): opaque_auth => ({
  flavor: auth_flavor.AUTH_SYS,
  body: encode(authsys_parms, { stamp: 1, machinename: 'client', uid, gid: uid, gids }),
});

async function connect(t: Test, cred = sys(0), port = PORT): Promise<RpcClient> {
  const client = await RpcClient.connect({ target: { host: '127.0.0.1', port }, timeoutMs: 10_000, cred });
  t.teardown(() => client.close());
  return client;
}

const KEEP = { set_it: time_how.DONT_CHANGE } as const;
const NOTHING: sattr3 = { mode: undefined, uid: undefined, gid: undefined, size: undefined, atime: KEEP, mtime: KEEP };
const VERF = Buffer.alloc(8);
const AT = { set_it: time_how.SET_TO_CLIENT_TIME, time: { seconds: 1_000_000_000, nseconds: 7 } } as const;

/** Calls every procedure of NFS3, with as many of its errors as can be caused, on a file system made for it. */
async function nfs3Session(rpc: Recorder, root: Buffer, user: Recorder): Promise<void> {
  const attributes = { ...NOTHING, mode: 0o755 };
  const made = async (result: Promise<{ status: number; obj?: Buffer | undefined }>) => (await result).obj!;
  const dir = await made(rpc.call(NFS3.MKDIR, { where: { dir: root, name: 'dir' }, attributes }));
  const unchecked = { mode: createmode3.UNCHECKED, obj_attributes: { ...NOTHING, mode: 0o600, size: 0 } };
  const file = await made(rpc.call(NFS3.CREATE, { where: { dir, name: 'file' }, how: unchecked }));
  const guarded = { ...unchecked, mode: createmode3.GUARDED };
  const exclusive = { mode: createmode3.EXCLUSIVE, verf: Buffer.from('exclusiv') };
  const symlink_attributes = NOTHING;
  const gone = await made(rpc.call(NFS3.CREATE, { where: { dir, name: 'gone' }, how: exclusive }));
  const link = await made(
    rpc.call(NFS3.SYMLINK, { where: { dir, name: 'link' }, symlink: { symlink_attributes, symlink_data: 'dir/file' } }),
  );
  const forged = Buffer.from(file);
  forged[20]! ^= 1;
  const what = { dir, name: 'file' };
  const bad = [forged, Buffer.alloc(64), Buffer.alloc(0)];

  await rpc.call(NFS3.NULL, undefined);
  for (const object of [root, dir, file, link, gone, ...bad]) await rpc.call(NFS3.GETATTR, { object });
  const cookieverf = VERF;
  for (const name of ['a', 'b', 'c'.repeat(255)]) {
    await rpc.call(NFS3.CREATE, { where: { dir, name }, how: guarded });
    await rpc.call(NFS3.CREATE, { where: { dir, name }, how: guarded });
  }
  for (const count of [64, 512, 64 * KiB]) await rpc.call(NFS3.READDIR, { dir, cookie: 0n, cookieverf, count });
  for (const maxcount of [64, 1024, 64 * KiB]) {
    await rpc.call(NFS3.READDIRPLUS, { dir, cookie: 0n, cookieverf, dircount: maxcount, maxcount });
  }
  await rpc.call(NFS3.READDIR, { dir: file, cookie: 0n, cookieverf, count: 4096 });
  await rpc.call(NFS3.READDIRPLUS, { dir: forged, cookie: 0n, cookieverf, dircount: 4096, maxcount: 4096 });
  await rpc.call(NFS3.READDIR, { dir, cookie: 1n << 63n, cookieverf, count: 4096 });
  await rpc.call(NFS3.REMOVE, { object: { dir, name: 'gone' } });
  await rpc.call(NFS3.REMOVE, { object: { dir, name: 'gone' } });
  await rpc.call(NFS3.GETATTR, { object: gone });
  await rpc.call(NFS3.SETATTR, {
    object: file,
    new_attributes: { ...NOTHING, mode: 0o640, atime: AT },
    guard: undefined,
  });
  await rpc.call(NFS3.SETATTR, { object: file, new_attributes: attributes, guard: { seconds: 1, nseconds: 2 } });
  await rpc.call(NFS3.SETATTR, { object: dir, new_attributes: { ...NOTHING, size: 1 }, guard: undefined });
  await user.call(NFS3.SETATTR, { object: file, new_attributes: { ...NOTHING, uid: UID }, guard: undefined });
  for (const name of ['file', '.', '..', 'missing', 'x'.repeat(300), 'a/b']) {
    await rpc.call(NFS3.LOOKUP, { what: { dir, name } });
  }
  await rpc.call(NFS3.LOOKUP, { what: { dir: file, name: 'x' } });
  for (const caller of [rpc, user]) {
    for (const object of [dir, file, forged]) await caller.call(NFS3.ACCESS, { object, access: 0x3f });
    await caller.call(NFS3.READ, { file, offset: 0, count: 100 });
    await caller.call(NFS3.CREATE, { where: { dir, name: 'by a user' }, how: unchecked });
    const fifo = { type: ftype3.NF3FIFO, pipe_attributes: attributes };
    await caller.call(NFS3.MKNOD, { where: { dir, name: 'fifo' }, what: fifo });
    const device = { type: ftype3.NF3CHR, dev_attributes: attributes, spec: { specdata1: 1, specdata2: 3 } };
    await caller.call(NFS3.MKNOD, { where: { dir, name: 'null' }, what: device });
  }
  await rpc.call(NFS3.MKNOD, { where: { dir, name: 'regular' }, what: { type: ftype3.NF3REG } });
  for (const symlink of [link, file, forged]) await rpc.call(NFS3.READLINK, { symlink });
  for (const size of [0, 1, 4095, 100_001, 1024 * KiB]) {
    for (const stable of Object.values(stable_how)) {
      const data = Buffer.alloc(size, stable + 65);
      await rpc.call(NFS3.WRITE, { file, offset: size, count: size, stable, data });
    }
    await rpc.call(NFS3.READ, { file, offset: size, count: size });
  }
  await rpc.call(NFS3.WRITE, { file: dir, offset: 0, count: 1, stable: 2, data: Buffer.from('x') });
  await rpc.call(NFS3.WRITE, { file, offset: 2 ** 52, count: 1, stable: 0, data: Buffer.from('x') });
  await user.call(NFS3.WRITE, { file, offset: 0, count: 1, stable: 0, data: Buffer.from('x') });
  await rpc.call(NFS3.READ, { file: dir, offset: 0, count: 1 });
  for (const one of [file, dir, forged]) await rpc.call(NFS3.COMMIT, { file: one, offset: 0, count: 0 });
  await rpc.call(NFS3.SYMLINK, { where: { dir, name: 'link' }, symlink: { symlink_attributes, symlink_data: 'x' } });
  await rpc.call(NFS3.MKDIR, { where: { dir, name: 'inner' }, attributes });
  await rpc.call(NFS3.MKDIR, { where: { dir, name: 'inner' }, attributes });
  await rpc.call(NFS3.LINK, { file, link: { dir, name: 'second' } });
  await rpc.call(NFS3.LINK, { file, link: { dir, name: 'second' } });
  await rpc.call(NFS3.LINK, { file: dir, link: { dir, name: 'third' } });
  await rpc.call(NFS3.RENAME, { from: what, to: { dir: root, name: 'moved' } });
  await rpc.call(NFS3.RENAME, { from: what, to: { dir: root, name: 'moved' } });
  await rpc.call(NFS3.RENAME, { from: { dir: root, name: 'dir' }, to: { dir, name: 'into itself' } });
  for (const name of ['inner', 'inner', 'a', '.', '..']) await rpc.call(NFS3.RMDIR, { object: { dir, name } });
  await rpc.call(NFS3.RMDIR, { object: { dir: root, name: 'dir' } });
  await rpc.call(NFS3.REMOVE, { object: { dir: root, name: 'dir' } });
  for (const object of [root, file, forged]) {
    await rpc.call(NFS3.FSSTAT, { fsroot: object });
    await rpc.call(NFS3.FSINFO, { fsroot: object });
    await rpc.call(NFS3.PATHCONF, { object });
  }
}

/** Calls every procedure of all versions of MOUNT. */
async function mountSession(rpc: Recorder, path: string): Promise<Buffer> {
  let root: Buffer | undefined;
  for (const mount of [MOUNT1, MOUNT2, MOUNT3]) {
    await rpc.call(mount.NULL, undefined);
    const mnt: RemoteProcedure<string, object> = mount.MNT;
    for (const asked of [`${path}/missing`, `${path}/plain`, '/elsewhere', '', '/..', `/${'x'.repeat(2000)}`]) {
      await rpc.call(mnt, asked);
    }
    const found: { fhandle?: Buffer; directory?: Buffer } = await rpc.call(mnt, path);
    root ??= Buffer.from((found.directory ?? found.fhandle)!);
    await rpc.call(mount.DUMP, undefined);
    await rpc.call(mount.EXPORT, undefined);
    await rpc.call(mount.UMNT, path);
    await rpc.call(mount.UMNT, '/elsewhere');
    await rpc.call(mount.UMNTALL, undefined);
    await rpc.call(mount.DUMP, undefined);
  }
  for (const asked of [path, `${path}/missing`]) await rpc.call(MOUNT2.PATHCONF, asked);
  return root!;
}

/** Calls that RPC itself refuses. tshark knows program 100024 (the status monitor), and the server does not have it. */
async function refusals(rpc: Recorder, unknown: Recorder): Promise<void> {
  const wrongs: { prog?: number; vers?: number; proc?: number }[] = [
    { prog: 100_024 },
    { vers: 2 },
    { vers: 4 },
    { proc: 22 },
    { proc: 1000 },
  ];
  for (const wrong of wrongs) {
    await rpc.refused({ ...NFS3.NULL, ...wrong });
    if (wrong.vers !== 2) await rpc.refused({ ...MOUNT3.NULL, ...wrong });
  }
  await unknown.refused(NFS3.NULL);
}

function compare(t: Test, sent: readonly Sent[], { messages, complaints }: Decoded): void {
  t.strictSame(complaints, [], 'tshark finds nothing malformed, and no errors or warnings');
  eachAnswered(t, messages);
  const replies = new Map(messages.filter(({ reply }) => reply).map(message => [message.xid, message]));
  const seen = messages
    .filter(({ reply }) => !reply)
    .map(({ procedure, xid }) => {
      const { status, accepted } = replies.get(xid)!;
      return { procedure, status, accepted };
    });
  t.strictSame(seen, sent, 'tshark sees the calls, statuses and errors that were sent and received, in order');
}

for (const stages of ['1', '2']) {
  t.test(`with ${stages} stages and one call after the other tshark sees what was sent, and nothing wrong`, async t => {
    const { data, state } = folders(t, 'data', 'state');
    fs.writeFileSync(join(data, 'plain'), 'a file');
    await serving(t, [data, '--insecure', '--port', `${PORT}`, '--state-dir', state, '--stages', stages]);
    const file = join('/run', `session-${stages}.pcap`);
    const captureEnd = await capture(t, file);
    const sent: Sent[] = [];
    const recorder = async (cred: opaque_auth) => new Recorder(await connect(t, cred), sent);
    const root = await recorder(sys(0));
    const handle = await mountSession(root, data);
    await nfs3Session(root, handle, await recorder(sys(UID, [5, 6, 7])));
    await refusals(root, await recorder({ flavor: 99, body: Buffer.alloc(8) }));
    await captureEnd();

    const decoded = await decode(file);
    compare(t, sent, decoded);
    const all = new Set(decoded.messages.filter(({ accepted }) => accepted === '0').map(({ procedure }) => procedure));
    t.strictSame(
      PROCEDURES.map(idOf).filter(id => !all.has(id)),
      [],
      'every procedure of the three programs is there',
    );
    const statuses = new Set(decoded.messages.map(({ status }) => Number(status ?? 0)));
    for (const name of [
      'NOENT',
      'ACCES',
      'EXIST',
      'NOTDIR',
      'ISDIR',
      'INVAL',
      'NOTEMPTY',
      'NAMETOOLONG',
      'STALE',
    ] as const) {
      t.ok(statuses.has(nfsstat3[`NFS3ERR_${name}`]), `NFS3ERR_${name} is among the statuses`);
    }
  });
}

const FILES = 100;

t.test('with many calls under way at a time each has its reply', async t => {
  const { data, state } = folders(t, 'data', 'state');
  for (let i = 0; i < FILES; i++) fs.writeFileSync(join(data, `file ${i}`), Buffer.alloc(i * 777, i));
  await serving(t, [data, '--insecure', '--port', `${PORT}`, '--state-dir', state, '--stages', '2']);
  const file = '/run/burst.pcap';
  const captureEnd = await capture(t, file);
  const client = await connect(t);
  const mounted = await client.ask(MOUNT3.MNT, data);
  const dir = (mounted as { fhandle: Buffer }).fhandle;
  const counts: Record<string, number> = { [idOf(MOUNT3.MNT)]: 1 };
  const call = async <A, R>(procedure: RemoteProcedure<A, R>, args: A): Promise<R> => {
    counts[idOf(procedure)] = (counts[idOf(procedure)] ?? 0) + 1;
    return client.ask(procedure, args);
  };
  const session = async (i: number) => {
    const looked = await call(NFS3.LOOKUP, { what: { dir, name: `file ${i}` } });
    const { object } = looked as { object: Buffer };
    await Promise.all([
      call(NFS3.GETATTR, { object }),
      call(NFS3.READ, { file: object, offset: 0, count: 200_000 }),
      call(NFS3.WRITE, { file: object, offset: i * 777, count: 9000, stable: 0, data: Buffer.alloc(9000, 65) }),
      call(NFS3.READDIRPLUS, { dir, cookie: 0n, cookieverf: VERF, dircount: 8192, maxcount: 32_768 }),
      call(NFS3.LOOKUP, { what: { dir, name: `missing ${i}` } }),
      call(NFS3.ACCESS, { object, access: 0x3f }),
    ]);
  };
  await Promise.all(Array.from({ length: FILES }, (_, i) => session(i)));
  await captureEnd();

  const { messages, complaints } = await decode(file);
  t.strictSame(complaints, []);
  eachAnswered(t, messages);
  const seen: Record<string, number> = {};
  for (const { reply, procedure } of messages) if (!reply) seen[procedure] = (seen[procedure] ?? 0) + 1;
  t.strictSame(seen, counts, 'tshark sees as many calls of each procedure as were sent');
});

t.test('sessions of libnfs have no malformed packet in either direction', async t => {
  const { data, state, local } = folders(t, 'data', 'state', 'local');
  fs.mkdirSync(join(data, 'many'));
  for (let i = 0; i < 500; i++) fs.writeFileSync(join(data, 'many', `${i}`), '');
  fs.writeFileSync(join(local, 'in'), Buffer.alloc(5_000_001, 'libnfs '));
  const args = ['--insecure', '--port', `${PORT}`, '--state-dir', state, '--portmapper', '--stages', '2'];
  await serving(t, [data, ...args]);
  const file = '/run/libnfs.pcap';
  const captureEnd = await capture(t, file);
  const url = `nfs://127.0.0.1${data}`;
  await run('nfs-ls', ['-R', url]);
  await run('nfs-cp', [join(local, 'in'), `${url}/copy`]);
  await run('nfs-cp', [`${url}/copy`, join(local, 'out')]);
  await t.rejects(run('nfs-cat', [`${url}/missing`]));
  await t.rejects(run('nfs-ls', [`${url}/missing`]));
  await captureEnd();
  t.ok(fs.readFileSync(join(local, 'out')).equals(fs.readFileSync(join(local, 'in'))));

  const { messages, complaints } = await decode(file);
  t.strictSame(complaints, []);
  eachAnswered(t, messages);
  const protocols = new Set(messages.map(({ protocol }) => protocol));
  for (const protocol of ['nfs', 'mount', 'portmap']) t.ok(protocols.has(protocol), `${protocol} is among them`);
});

const portmap = <A, R>(
  vers: number,
  proc: number,
  args: RemoteProcedure<A, R>['args'],
  res: RemoteProcedure<A, R>['res'],
) => ({ name: `${vers}.${proc}`, prog: PMAP_PROGRAM, vers, proc, args, res }) satisfies RemoteProcedure<A, R>;

/** Sends one call over UDP. tshark checks the answer. */
async function datagram(port: number, xid: number, procedure: RemoteProcedure<any, any>, args: unknown): Promise<void> {
  const { prog, vers, proc } = procedure;
  const head = { xid, mtype: msg_type.CALL, rpcvers: RPC_VERSION, prog, vers, proc, cred: sys(0), verf: NO_AUTH };
  const socket = createSocket('udp4');
  const answered = once(socket, 'message', { signal: AbortSignal.timeout(5000) });
  socket.send(Buffer.concat([encode(call_header, head), encode(procedure.args, args)]), port, '127.0.0.1');
  await answered;
  socket.close();
}

t.test('tshark finds nothing wrong with the port mapper and with MOUNT over UDP', async t => {
  const { data, state } = folders(t, 'data', 'state');
  await serving(t, [data, '--insecure', '--port', `${PORT}`, '--state-dir', state, '--portmapper']);
  const file = '/run/portmap.pcap';
  const captureEnd = await capture(t, file);
  const rpc = new Recorder(await connect(t, NO_AUTH, 111));
  const nfs = { prog: 100003, vers: 3, prot: IPPROTO.TCP, port: 0 };
  const calls: [RemoteProcedure<any, any>, unknown][] = [
    [portmap(2, PMAPPROC.NULL, nothing, nothing), undefined],
    [portmap(2, PMAPPROC.GETPORT, mapping, uint32), nfs],
    [portmap(2, PMAPPROC.GETPORT, mapping, uint32), { ...nfs, prog: 4 }],
    [portmap(2, PMAPPROC.DUMP, nothing, pmaplist), undefined],
    [portmap(2, PMAPPROC.SET, mapping, bool), { ...nfs, prog: 400_000, port: 9 }],
    [portmap(2, PMAPPROC.UNSET, mapping, bool), nfs],
  ];
  const wanted = { r_prog: 100005, r_vers: 3, r_netid: 'tcp', r_addr: '', r_owner: '' };
  for (const vers of [3, 4]) {
    calls.push(
      [portmap(vers, RPCBPROC4.NULL, nothing, nothing), undefined],
      [portmap(vers, RPCBPROC4.GETADDR, rpcb, uaddr), wanted],
      [portmap(vers, RPCBPROC4.GETADDR, rpcb, uaddr), { ...wanted, r_prog: 4 }],
      [portmap(vers, RPCBPROC4.DUMP, nothing, rpcblist_ptr), undefined],
      [portmap(vers, RPCBPROC4.SET, rpcb, bool), wanted],
      [portmap(vers, RPCBPROC4.UNSET, rpcb, bool), wanted],
      [portmap(vers, RPCBPROC4.GETTIME, nothing, uint32), undefined],
      [portmap(vers, RPCBPROC4.UADDR2TADDR, uaddr, netbuf), '127.0.0.1.8.1'],
    );
  }
  calls.push([portmap(4, RPCBPROC4.GETVERSADDR, rpcb, uaddr), wanted]);
  calls.push([portmap(4, RPCBPROC4.GETADDRLIST, rpcb, rpcb_entry_list_ptr), wanted]);
  for (const [procedure, args] of calls) await rpc.call(procedure, args);
  await rpc.refused(portmap(2, PMAPPROC.CALLIT, nothing, call_args));
  let xid = 0x4242_0000;
  const counts: Record<string, number> = {};
  for (const { procedure } of rpc.sent) counts[procedure] = (counts[procedure] ?? 0) + 1;
  const overUdp: typeof calls = [...calls];
  for (const mount of [MOUNT1, MOUNT2, MOUNT3]) {
    for (const [name, procedure] of Object.entries(mount)) {
      overUdp.push([procedure, ['MNT', 'UMNT', 'PATHCONF'].includes(name) ? data : undefined]);
    }
  }
  for (const [procedure, args] of overUdp) {
    await datagram(procedure.prog === PMAP_PROGRAM ? 111 : PORT, xid++, procedure, args);
    counts[idOf(procedure)] = (counts[idOf(procedure)] ?? 0) + 1;
  }
  await captureEnd();

  const { messages, complaints } = await decode(file);
  t.strictSame(complaints, []);
  eachAnswered(t, messages);
  const seen: Record<string, number> = {};
  for (const { reply, procedure } of messages) if (!reply) seen[procedure] = (seen[procedure] ?? 0) + 1;
  t.strictSame(seen, counts);
});
