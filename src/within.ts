import { setTimeout as sleep } from 'node:timers/promises';

/** What `answer` comes to, or undefined when it takes longer than `ms`; what it comes to later is dropped. */
export async function within<T>(ms: number, answer: Promise<T>): Promise<T | undefined> {
  const over = new AbortController();
  const late = sleep(ms, undefined, { signal: over.signal }).catch(() => undefined);
  return Promise.race([answer, late]).finally(() => over.abort());
}
