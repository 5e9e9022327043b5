import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves as `answer` does, or to undefined if that takes longer than `ms`; a later result is dropped. */
export async function within<T>(ms: number, answer: Promise<T>): Promise<T | undefined> {
  const over = new AbortController();
  const late = sleep(ms, undefined, { signal: over.signal }).catch(() => undefined);
  return Promise.race([answer, late]).finally(() => over.abort());
}
