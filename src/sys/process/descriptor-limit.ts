import { prlimit } from '../libc.ts';

const RLIMIT_NOFILE = 7;

/** How many descriptors this process may have open. When Node starts, it raises the limit as far as it may. */
export function descriptorLimit(): number {
  const limits = Buffer.alloc(16);
  if (prlimit(0, RLIMIT_NOFILE, null, limits) < 0) return 1024;
  const soft = limits.readBigUInt64LE(0);
  return soft > 1n << 30n ? 1 << 30 : Number(soft);
}
