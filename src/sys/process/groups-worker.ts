/**
 * Asks the system for the groups of users, in a thread of its own. A directory service that does not answer then delays
 * only the look-ups behind it, and takes no thread of the pool, which disks need.
 */
import './identity.ts'; // the thread is the server's from here on, whatever its maker was at that moment
import koffi from 'koffi';
import { parentPort } from 'node:worker_threads';

export interface Question {
  readonly id: number;
  readonly uid: number;
  readonly gid: number;
}

export interface Answer {
  readonly id: number;
  /** Absent if the look-up failed, for the reason that `error` names. */
  readonly groups?: readonly number[];
  readonly error?: string;
}

const GROUPS_MAX = 65_536;
const RECORD_BYTES = 64 * 1024;
/** struct passwd: pw_name is its first pointer. */
const PASSWD_BYTES = 48;

const libc = koffi.load(null);
const getpwuid_r = libc.func('int getpwuid_r(uint32_t, void*, void*, size_t, void*)');
const getgrouplist = libc.func('int getgrouplist(void*, uint32_t, void*, void*)');

const passwd = Buffer.alloc(PASSWD_BYTES);
const record = Buffer.alloc(RECORD_BYTES);
const found = Buffer.alloc(8);
const count = Buffer.alloc(4);
const list = Buffer.alloc(GROUPS_MAX * 4);

/**
 * The groups of a user; none if this machine does not know the user. @throws {Error} the look-up failed, which is no
 * answer
 */
function groupsOf(uid: number, gid: number): readonly number[] {
  const status: number = getpwuid_r(uid, passwd, record, record.length, found);
  if (status !== 0) throw new Error(`getpwuid_r of ${uid}: errno ${status}`);
  if (found.readBigUInt64LE() === 0n) return [];
  count.writeInt32LE(GROUPS_MAX);
  // pw_name points into `record`; the C string is taken from there.
  const name = record.subarray(Number(passwd.readBigUInt64LE() - BigInt(koffi.address(record))));
  if (getgrouplist(name, gid, list, count) < 0) throw new Error(`user ${uid} is in more than ${GROUPS_MAX} groups`);
  return Array.from({ length: count.readInt32LE() }, (_, i) => list.readUInt32LE(i * 4)).filter(id => id !== gid);
}

parentPort?.on('message', ({ id, uid, gid }: Question) => {
  let answer: Answer;
  try {
    answer = { id, groups: groupsOf(uid, gid) };
  } catch (error) {
    answer = { id, error: (error as Error).message };
  }
  parentPort!.postMessage(answer);
});
