/** Locks of the layers above and of clients, which are taken on all children. */
import { type Errno, errnoOf } from '../../../errno.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { type Children, listOf } from './children.ts';
import { askAll, codeOf, errorOf, type Replicas } from './replicas.ts';
import { Answers, verdictOf } from './transaction/verdict.ts';

/** How one kind of lock is taken on a child and given up. */
export interface LockCalls<R> {
  readonly lock: (child: Xlator, i: number, wait: boolean) => Promise<R>;
  readonly unlock: (child: Xlator, i: number) => Promise<unknown>;
}

/**
 * Takes a lock on a quorum of children: on all at once, or if another owner has it and it is to be waited for, on one
 * after the other, so that two clients never wait for each other.
 */
export async function lockAll<R>(replicas: Replicas, calls: LockCalls<R>, wait: boolean): Promise<R> {
  replicas.checkQuorum();
  const { children, up, isQuorum } = replicas;
  const answers = new Answers();
  const errors: unknown[] = [];
  let locked: R | undefined;
  let isContended = false;
  const take = async (i: number, waiting: boolean): Promise<Errno | undefined> => {
    try {
      locked = await calls.lock(children[i]!, i, waiting);
      answers.add(i, undefined);
      return undefined;
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EAGAIN' && !waiting) isContended = true;
      else answers.add(i, code);
      errors[i] = error;
      return code;
    }
  };
  await Promise.all(listOf(up).map(i => take(i, false)));
  if (isContended) {
    await giveUp(replicas, answers.ok, calls);
    if (!wait) throw errorOf('EAGAIN', errors);
    const failed = [...answers.errors.values()].reduce((all, some) => all | some, answers.unknown);
    answers.ok = 0;
    for (const i of listOf(up & ~failed)) {
      if ((await take(i, true)) !== 'EINTR') continue;
      await giveUp(replicas, answers.ok, calls);
      throw errors[i];
    }
  }
  if (isQuorum(answers.ok)) return locked!;
  await giveUp(replicas, answers.ok, calls);
  throw errorOf(verdictOf(answers, isQuorum).code ?? 'ENOTCONN', errors);
}

/** Gives up a lock everywhere, on however few children. On a child that was away it is gone already. */
export async function unlockAll<R>(replicas: Replicas, unlock: (child: Xlator, i: number) => Promise<R>): Promise<R> {
  const { from, of } = await askAll(replicas, replicas.up, unlock);
  return of[listOf(from)[0]!]!;
}

async function giveUp<R>({ children }: Replicas, held: Children, { unlock }: LockCalls<R>): Promise<void> {
  await Promise.all(
    listOf(held).map(i =>
      unlock(children[i]!, i).catch((error: unknown) => {
        if (errnoOf(error) === undefined) throw error; // A lock that cannot be given up is gone with its connection.
      }),
    ),
  );
}
