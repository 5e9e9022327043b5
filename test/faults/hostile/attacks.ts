/**
 * What hostile clients do. Each attack goes on until it is told to stop, over loopback only, with a bounded number of
 * sockets.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { dirpath, MOUNT_PROGRAM, MOUNT_V3, MOUNTPROC3 } from '#protocols/mount.ts';
import { NFSPROC3 } from '#protocols/nfs3/constants.ts';
import { READ3args } from '#protocols/nfs3/file.ts';
import { REMOVE3args } from '#protocols/nfs3/names.ts';
import { nfsRecord, record } from '../../bench/session.ts';

export interface Target {
  readonly port: number;
  /** The handle of the export's root, in hex. */
  readonly root: string;
  /** The handle of a file, in hex. */
  readonly file: string;
  /** The source addresses, used in turns. */
  readonly from: readonly string[];
  readonly connections: number;
}

export type Count = Readonly<Record<string, number>>;
export type Attack = (target: Target, inPlace: () => void, over: AbortSignal) => Promise<Count>;

const MiB = 1024 * 1024;
const OPEN_MS_MAX = 10_000;
/** How many connections are opened at a time: fewer than the server's backlog. */
const OPENING_MAX = 64;

/** Opens a connection. Errors and ends are expected, and ignored. */
function open({ port, from }: Target, i: number): Socket {
  const socket = connect({ host: '127.0.0.1', port, localAddress: from[i % from.length]! });
  socket.on('error', () => {});
  return socket;
}

const connected = (socket: Socket) =>
  once(socket, 'connect', { signal: AbortSignal.timeout(OPEN_MS_MAX) }).then(
    () => true,
    () => false,
  );

/** Opens all connections, does `then` with each, and waits for the end. */
async function hold(target: Target, then: (socket: Socket) => void, inPlace: () => void, over: AbortSignal) {
  const sockets: Socket[] = [];
  let opened = 0;
  for (let i = 0; i < target.connections && !over.aborted; i += OPENING_MAX) {
    const some = Array.from({ length: Math.min(OPENING_MAX, target.connections - i) }, (_, j) => open(target, i + j));
    sockets.push(...some);
    const up = await Promise.all(some.map(connected));
    some.forEach((socket, j) => {
      if (!up[j]) return;
      opened++;
      then(socket);
    });
  }
  inPlace();
  await ended(over);
  const left = sockets.filter(({ destroyed, readyState }) => !destroyed && readyState === 'open').length;
  for (const socket of sockets) socket.destroy();
  return { opened, left };
}

const ended = (over: AbortSignal) => (over.aborted ? undefined : once(over, 'abort'));

/** Writes `bytes` as fast as the peer takes them. */
function pour(socket: Socket, bytes: () => Buffer): void {
  const more = () => {
    while (!socket.destroyed && socket.write(bytes()));
  };
  socket.on('drain', more);
  more();
}

/** READs of 1 MiB, more and more of them, whose replies are never read. */
const neverReading: Attack = (target, inPlace, over) => {
  const file = Buffer.from(target.file, 'hex');
  const read = nfsRecord(NFSPROC3.READ, READ3args, { file, offset: 0, count: MiB });
  const many = Buffer.concat(Array.from({ length: 64 }, () => read));
  return hold(target, socket => pour(socket.pause(), () => many), inPlace, over);
};

/** READs of 1 MiB from the end of a file, which give small replies in large buffers. They are never read. */
const neverReadingSmall: Attack = (target, inPlace, over) => {
  const file = Buffer.from(target.file, 'hex');
  const read = nfsRecord(NFSPROC3.READ, READ3args, { file, offset: 4 * MiB - 20_000, count: MiB });
  const many = Buffer.concat(Array.from({ length: 64 }, () => read));
  return hold(target, socket => pour(socket.pause(), () => many), inPlace, over);
};

/** Records of 1 MiB without their last byte. */
const halfRecords: Attack = (target, inPlace, over) => {
  const half = Buffer.alloc(MiB, 1);
  half.writeUInt32BE((0x8000_0000 + MiB) >>> 0, 0);
  return hold(target, socket => socket.resume().write(half.subarray(0, -1)), inPlace, over);
};

/** Connections that send nothing. */
const idle: Attack = (target, inPlace, over) => hold(target, socket => socket.resume(), inPlace, over);

/** Runs as many loops as there are connections, each repeating `turn` until the attack is over. */
async function loops(target: Target, turn: (i: number) => Promise<void>, inPlace: () => void, over: AbortSignal) {
  let turns = 0;
  const loop = async (i: number) => {
    while (!over.aborted) {
      await turn(i);
      turns++;
    }
  };
  const all = Promise.all(Array.from({ length: target.connections }, (_, i) => loop(i)));
  await sleep(100);
  inPlace();
  await all;
  return { turns };
}

const closed = (socket: Socket, over: AbortSignal) =>
  once(socket, 'close', { signal: AbortSignal.any([over, AbortSignal.timeout(OPEN_MS_MAX)]) }).catch(() => {});

/** Random bytes at full speed, on a new connection whenever one is closed, some of them in records. */
const garbage: Attack = (target, inPlace, over) => {
  let seed = 1;
  const noise = Buffer.from(
    Array.from({ length: 65_536 }, () => (seed = (seed * 1_103_515_245 + 12_345) >>> 0) >>> 24),
  );
  const inRecords = Buffer.concat(
    Array.from({ length: 64 }, (_, i) => {
      const one = Buffer.from(noise.subarray(i * 1000, i * 1000 + 200));
      one.writeUInt32BE(0x8000_0000 + 196, 0);
      if (i < 60) one.writeUInt32BE(0, 8); // These are calls up to their header.
      return one;
    }),
  );
  const turn = async (i: number) => {
    const socket = open(target, i).resume();
    if (await connected(socket)) pour(socket, () => (i % 2 === 0 ? noise : inRecords));
    await closed(socket, over);
    socket.destroy();
  };
  return loops(target, turn, inPlace, over);
};

/** MNTs of paths that are not exported, with control characters in them. */
const refusedMounts: Attack = (target, inPlace, over) => {
  const path = `/\u009b31m\u001b[2J${'x'.repeat(200)}`;
  const mnt = record(MOUNT_PROGRAM, MOUNT_V3, MOUNTPROC3.MNT, dirpath, path);
  const many = Buffer.concat(Array.from({ length: 16 }, () => mnt));
  return hold(target, socket => pour(socket.resume(), () => many), inPlace, over);
};

/** Connects, sends one call, reads the answer, and disconnects. */
const storm: Attack = (target, inPlace, over) => {
  const ping = nfsRecord(NFSPROC3.NULL);
  const turn = async (i: number) => {
    const socket = open(target, i);
    if (await connected(socket)) {
      socket.write(ping);
      await once(socket, 'data', { signal: AbortSignal.timeout(OPEN_MS_MAX) }).catch(() => {});
    }
    socket.destroy();
  };
  return loops(target, turn, inPlace, over);
};

/** Calls whose replies are kept for retries, all with one xid, each of them different. */
const sameXid: Attack = (target, inPlace, over) => {
  const dir = Buffer.from(target.root, 'hex');
  let i = 0;
  const next = () =>
    Buffer.concat(
      Array.from({ length: 32 }, () => {
        const call = nfsRecord(NFSPROC3.REMOVE, REMOVE3args, { object: { dir, name: `not-there-${i++}` } });
        call.writeUInt32BE(7, 4);
        return call;
      }),
    );
  return hold(target, socket => pour(socket.resume(), next), inPlace, over);
};

export const ATTACKS = {
  neverReading,
  neverReadingSmall,
  halfRecords,
  idle,
  garbage,
  refusedMounts,
  storm,
  sameXid,
} as const satisfies Record<string, Attack>;
