/** The signal mask of this thread, which Node.js gives no access to. */
import koffi from 'koffi';

const SIG_UNBLOCK = 1;
/** glibc's and musl's sigset_t: a bit for each signal, from 1 on. */
const SET_BYTES = 128;

const sigmask = koffi.load(null).func('int pthread_sigmask(int, const void *, void *)') as (
  how: number,
  set: Buffer,
  old: null,
) => number;

/** Unblocks `signal` in this thread; it may be pending already. */
export function unblock(signal: number): void {
  const set = Buffer.alloc(SET_BYTES);
  set.writeUInt32LE((1 << (signal - 1)) >>> 0, 0);
  const failed = sigmask(SIG_UNBLOCK, set, null);
  if (failed !== 0) throw new Error(`signal ${signal} cannot be unblocked: errno ${failed}`);
}
