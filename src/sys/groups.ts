/** Which groups a user is in, by this machine's word (getgrouplist(3)): for users of more than AUTH_SYS can say. */
import koffi from 'koffi';

const GROUPS_MAX = 65_536;
const KEPT_MS = 60_000;
const KEPT_MAX = 10_000;
const RECORD_BYTES = 64 * 1024;
/** struct passwd: pw_name is its first pointer. */
const PASSWD_BYTES = 48;

type Async = (...args: [...unknown[], (error: Error | null, result: number) => void]) => void;

const libc = koffi.load(null);
const getpwuid_r = libc.func('int getpwuid_r(uint32_t, void*, void*, size_t, void*)').async as Async;
const getgrouplist = libc.func('int getgrouplist(void*, uint32_t, void*, void*)').async as Async;

const call = (f: Async, ...args: unknown[]) =>
  new Promise<number>((resolve, reject) =>
    f(...args, (error: Error | null, result: number) => (error ? reject(error) : resolve(result))),
  );

interface Kept {
  readonly groups: Promise<readonly number[]>;
  readonly at: number;
}

const kept = new Map<string, Kept>();

/** The supplementary groups of `uid`; none for a user this machine does not know. Asked in the thread pool, kept 60 s. */
export function groupsOf(uid: number, gid: number): Promise<readonly number[]> {
  const key = `${uid}:${gid}`;
  const now = performance.now();
  const known = kept.get(key);
  if (known !== undefined && now - known.at < KEPT_MS) return known.groups;
  if (kept.size >= KEPT_MAX) kept.clear();
  const groups = lookUp(uid, gid);
  kept.set(key, { groups, at: now });
  return groups;
}

async function lookUp(uid: number, gid: number): Promise<readonly number[]> {
  const passwd = Buffer.alloc(PASSWD_BYTES);
  const record = Buffer.alloc(RECORD_BYTES);
  const found = Buffer.alloc(8);
  const status = await call(getpwuid_r, uid, passwd, record, record.length, found);
  if (status !== 0 || found.readBigUInt64LE() === 0n) return [];
  const count = Buffer.alloc(4);
  count.writeInt32LE(GROUPS_MAX);
  const list = Buffer.alloc(GROUPS_MAX * 4);
  // pw_name points into `record`; the C string is taken from there, where the GC does not move it.
  const name = record.subarray(Number(passwd.readBigUInt64LE() - BigInt(koffi.address(record))));
  if ((await call(getgrouplist, name, gid, list, count)) < 0) return [];
  return Array.from({ length: count.readInt32LE() }, (_, i) => list.readUInt32LE(i * 4)).filter(id => id !== gid);
}
