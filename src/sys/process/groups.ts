/**
 * Looks up the groups of a user on this machine (getgrouplist(3)), for users in more groups than AUTH_SYS can carry.
 */
import { Worker } from 'node:worker_threads';
import type { Answer, Question } from './groups-worker.ts';
import { asServer } from './identity.ts';

/** An answer older than this is looked up again. It stays in use meanwhile. */
const FRESH_MS = 10_000;
/** An answer older than this is not used. A user who has left a group has lost its rights by then. */
const USABLE_MS = 30_000;
const KEPT_MAX = 10_000;
/** The most look-ups that may wait, in total and for one client. */
const WAITING_MAX = 1024;
const WAITING_MAX_EACH = 64;

export interface UserGroups {
  /** The supplementary groups, without the primary one; none for a user that this machine does not know. */
  readonly groups: readonly number[];
  /** When to ask again, on the clock of `performance.now()`. */
  readonly untilMs: number;
}

export type GroupLookUp = (uid: number, gid: number) => Promise<readonly number[]>;

interface Entry {
  found: UserGroups | undefined;
  pending: Promise<UserGroups> | undefined;
}

/** Caches the groups of users for seconds. One look-up is under way at a time, and the clients take turns. */
export class Groups {
  readonly #lookUp: GroupLookUp;
  readonly #nowMs: () => number;
  readonly #entries = new Map<string, Entry>();
  /** The waiting look-ups of each client. */
  readonly #queues = new Map<string, (() => Promise<void>)[]>();
  #waiting = 0;
  #running = false;

  constructor(lookUp: GroupLookUp, nowMs: () => number = () => performance.now()) {
    this.#lookUp = lookUp;
    this.#nowMs = nowMs;
  }

  /** Returns what is known now; `undefined` if {@link of} must be called. */
  known(uid: number, gid: number, client: string): UserGroups | undefined {
    const entry = this.#entries.get(`${uid}:${gid}`);
    const found = entry?.found;
    if (found === undefined) return undefined;
    const now = this.#nowMs();
    if (now < found.untilMs) return found;
    if (now >= found.untilMs - FRESH_MS + USABLE_MS) return undefined;
    // A failure here can be ignored: the old answer soon expires, and the groups are then looked up again.
    if (entry!.pending === undefined) this.of(uid, gid, client).catch(() => {});
    return { groups: found.groups, untilMs: now + FRESH_MS / 10 };
  }

  /** Asks the system. @throws {Error} the look-up failed, or too many wait: nothing is known */
  of(uid: number, gid: number, client: string): Promise<UserGroups> {
    const key = `${uid}:${gid}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) this.#entries.set(key, (entry = { found: undefined, pending: undefined }));
    if (entry.pending !== undefined) return entry.pending;
    const asked = this.#enqueue(client, () => this.#lookUp(uid, gid)).then(groups => {
      entry.found = { groups, untilMs: this.#nowMs() + FRESH_MS };
      this.#renew(key, entry);
      return entry.found;
    });
    entry.pending = asked.finally(() => {
      entry.pending = undefined;
      if (entry.found === undefined && this.#entries.get(key) === entry) this.#entries.delete(key);
    });
    return entry.pending;
  }

  /** Makes this the most recent entry; the least recently looked up one makes room if there are too many. */
  #renew(key: string, entry: Entry): void {
    this.#entries.delete(key);
    if (this.#entries.size >= KEPT_MAX) {
      const [oldest] = this.#entries.keys();
      this.#entries.delete(oldest!);
    }
    this.#entries.set(key, entry);
  }

  #enqueue<T>(client: string, work: () => Promise<T>): Promise<T> {
    const queue = this.#queues.get(client) ?? [];
    if (this.#waiting >= WAITING_MAX || queue.length >= WAITING_MAX_EACH) {
      return Promise.reject(new Error('too many look-ups of groups wait'));
    }
    return new Promise((resolve, reject) => {
      queue.push(() => work().then(resolve, reject));
      this.#queues.set(client, queue);
      this.#waiting++;
      this.#run();
    });
  }

  #run(): void {
    if (this.#running) return;
    for (const [client, queue] of this.#queues) {
      this.#running = true;
      this.#waiting--;
      const next = queue.shift()!;
      this.#queues.delete(client);
      if (queue.length > 0) this.#queues.set(client, queue); // behind the other clients
      void next().finally(() => {
        this.#running = false;
        this.#run();
      });
      return;
    }
  }
}

/** Runs look-ups in a thread of their own, which is started with the first one. */
class SystemGroups {
  #worker: Worker | undefined;
  #id = 0;
  readonly #asked = new Map<number, PromiseWithResolvers<readonly number[]>>();

  lookUp(uid: number, gid: number): Promise<readonly number[]> {
    const answer = Promise.withResolvers<readonly number[]>();
    const question: Question = { id: ++this.#id, uid, gid };
    this.#asked.set(question.id, answer);
    const worker = (this.#worker ??= this.#start());
    worker.ref();
    worker.postMessage(question);
    return answer.promise;
  }

  #start(): Worker {
    asServer(); // the thread is born with the rights of this one, and loads its modules with them
    const worker = new Worker(new URL('groups-worker.ts', import.meta.url), { name: 'groups', execArgv: [] });
    worker.on('message', ({ id, groups, error }: Answer) => {
      const asked = this.#asked.get(id);
      this.#asked.delete(id);
      if (this.#asked.size === 0) worker.unref();
      if (groups !== undefined) asked?.resolve(groups);
      else asked?.reject(new Error(error));
    });
    const gone = (error: unknown) => {
      this.#worker = undefined;
      for (const { reject } of this.#asked.values()) reject(error);
      this.#asked.clear();
    };
    worker.on('error', gone);
    worker.on('exit', code => gone(new Error(`the thread that looks up groups has ended (${code})`)));
    return worker;
  }
}

const system = new SystemGroups();
/** Shared by all callers of this thread. */
export const userGroups = new Groups((uid, gid) => system.lookUp(uid, gid));

/** The supplementary groups of `uid`; none for a user that this machine does not know. @throws {Error} */
export async function groupsOf(uid: number, gid: number): Promise<readonly number[]> {
  return (userGroups.known(uid, gid, '') ?? (await userGroups.of(uid, gid, ''))).groups;
}
