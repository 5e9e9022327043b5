/** What is measured: kinds of calls, the number of connections, and the number of calls in flight on each. */
import { ACCESS3, createmode3, NFSPROC3, stable_how } from '#protocols/nfs3/constants.ts';
import { READDIRPLUS3args } from '#protocols/nfs3/directory.ts';
import { READ3args, WRITE3args } from '#protocols/nfs3/file.ts';
import { CREATE3args, LOOKUP3args, REMOVE3args } from '#protocols/nfs3/names.ts';
import { ACCESS3args, GETATTR3args } from '#protocols/nfs3/object.ts';
import { nfsRecord, plainFile, type Session } from './session.ts';

export interface Row {
  readonly name: string;
  readonly connections: number;
  /** The number of calls in flight on each connection. */
  readonly inFlight: number;
  /** The least size of a reply in bytes, so that an empty reply does not count as a success. */
  readonly replyBytesMin: number;
  /**
   * The calls of each slot of each connection, ready to be sent except for the xid. A slot repeats its list. `payload`
   * is sent after a call, so that a list of large writes holds its bytes once.
   */
  prepare(session: Session, dir: Buffer): Promise<Calls>;
}

export interface Calls {
  readonly lists: readonly (readonly (readonly Buffer[])[])[];
  readonly payload?: Buffer;
}

const KiB = 1024;
const MiB = KiB * KiB;
const FILES = 256;
const NAMES = 1000;
/** Small enough for the page cache of a small machine, and too large for the cache of a processor. */
const READ_FILE_BYTES = 64 * MiB;
const WRITE_FILE_BYTES = 16 * MiB;
const HEADER_BYTES = 24;

export const ROWS: readonly Row[] = [
  row('NULL', 8, 16, HEADER_BYTES, async () => same([nfsRecord(NFSPROC3.NULL)])),
  row('GETATTR', 8, 16, 100, async (session, dir) =>
    same((await files(session, dir)).map(object => nfsRecord(NFSPROC3.GETATTR, GETATTR3args, { object }))),
  ),
  row('ACCESS', 8, 16, 100, async (session, dir) => {
    const access = ACCESS3.READ | ACCESS3.MODIFY | ACCESS3.EXTEND | ACCESS3.EXECUTE;
    const all = await files(session, dir);
    return same(all.map(object => nfsRecord(NFSPROC3.ACCESS, ACCESS3args, { object, access })));
  }),
  row('LOOKUP', 8, 8, 150, async (session, dir) => {
    const calls: Buffer[] = [];
    for (let i = 0; i < NAMES; i++) {
      const name = `a-name-of-some-length-${i}`;
      await session.file(dir, name);
      calls.push(nfsRecord(NFSPROC3.LOOKUP, LOOKUP3args, { what: { dir, name } }));
    }
    return same(calls);
  }),
  row('CREATE+REMOVE', 4, 4, 100, async (session, dir) => {
    const how = { mode: createmode3.UNCHECKED, obj_attributes: plainFile(0o644) };
    const dirs: Buffer[] = [];
    for (let c = 0; c < 4; c++) dirs.push(await session.mkdir(dir, `d${c}`));
    const lists = dirs.map(one =>
      Array.from({ length: 4 }, (_, slot) => {
        const what = { dir: one, name: `file-${slot}` };
        return [
          nfsRecord(NFSPROC3.CREATE, CREATE3args, { where: what, how }),
          nfsRecord(NFSPROC3.REMOVE, REMOVE3args, { object: what }),
        ];
      }),
    );
    return { lists };
  }),
  row('READDIRPLUS 32K', 4, 2, 16 * KiB, async (session, dir) => {
    for (let i = 0; i < 2000; i++) await session.file(dir, `an-entry-of-a-directory-${i}`);
    const pages = await session.pages(dir, 32 * KiB, 32 * KiB);
    const counts = { dircount: 32 * KiB, maxcount: 32 * KiB };
    return same(pages.map(page => nfsRecord(NFSPROC3.READDIRPLUS, READDIRPLUS3args, { dir, ...page, ...counts })));
  }),
  read('READ 4K', 4, 8, 4 * KiB),
  write('WRITE 4K unstable', 4, 8, 4 * KiB, stable_how.UNSTABLE),
  write('WRITE 4K file_sync', 4, 8, 4 * KiB, stable_how.FILE_SYNC),
  read('READ 64K', 4, 8, 64 * KiB),
  read('READ 1M', 2, 4, MiB),
  write('WRITE 64K', 4, 8, 64 * KiB, stable_how.UNSTABLE),
  write('WRITE 1M', 2, 4, MiB, stable_how.UNSTABLE),
];

type Prepare = (session: Session, dir: Buffer) => Promise<readonly Buffer[] | Calls>;

function row(name: string, connections: number, inFlight: number, replyBytesMin: number, prepare: Prepare): Row {
  return {
    name,
    connections,
    inFlight,
    replyBytesMin,
    async prepare(session, dir) {
      const calls = await prepare(session, dir);
      return 'lists' in calls ? calls : { lists: spread(calls, connections, inFlight) };
    },
  };
}

const same = (calls: readonly Buffer[]): readonly Buffer[] => calls;

/** The same calls for all slots, each of which begins with a different one. */
function spread(calls: readonly Buffer[], connections: number, inFlight: number) {
  const slots = connections * inFlight;
  return Array.from({ length: connections }, (_c, connection) =>
    Array.from({ length: inFlight }, (_s, slot) => {
      const from = Math.floor((calls.length * (connection * inFlight + slot)) / slots);
      return [...calls.slice(from), ...calls.slice(0, from)].map(call => Buffer.from(call));
    }),
  );
}

async function files(session: Session, dir: Buffer): Promise<Buffer[]> {
  const handles: Buffer[] = [];
  for (let i = 0; i < FILES; i++) handles.push(await session.file(dir, `file-${i}`));
  return handles;
}

function read(name: string, connections: number, inFlight: number, count: number): Row {
  return row(name, connections, inFlight, count, async (session, dir) => {
    const file = await session.file(dir, 'data', READ_FILE_BYTES);
    const offsets = Array.from({ length: Math.min(1024, READ_FILE_BYTES / count) }, (_, i) => i * count);
    return offsets.map(offset => nfsRecord(NFSPROC3.READ, READ3args, { file, offset, count }));
  });
}

/** Each connection has a file of its own, like the files of different clients. */
function write(name: string, connections: number, inFlight: number, count: number, stable: stable_how): Row {
  return row(name, connections, inFlight, 100, async (session, dir) => {
    const data = Buffer.alloc(count, 'what is written ');
    const lists: Buffer[][][] = [];
    for (let c = 0; c < connections; c++) {
      const file = await session.file(dir, `data-${c}`, WRITE_FILE_BYTES);
      const calls = Array.from({ length: Math.min(256, WRITE_FILE_BYTES / count) }, (_, i) =>
        nfsRecord(NFSPROC3.WRITE, WRITE3args, { file, offset: i * count, count, stable, data }).subarray(0, -count),
      );
      lists.push(spread(calls, 1, inFlight)[0]!);
    }
    return { lists, payload: data };
  });
}
