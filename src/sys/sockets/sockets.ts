/** Socket calls that `node:dgram` does not have; as in libc.ts, each answers -1 on failure, with the reason in `errno`. */
import koffi from 'koffi';
import { declare, type Ptr } from '../libc.ts';

export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const MSG_DONTWAIT = 0x40;

export const IPPROTO_IP = 0;
export const IP_PKTINFO = 8;
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PKTINFO = 50;

export const socket = declare<[family: number, type: number, protocol: number]>('int socket(int, int, int)');
export const bind = declare<[fd: number, address: Ptr, length: number]>('int bind(int, const void *, unsigned int)');
export const getsockname = declare<[fd: number, into: Ptr, length: Ptr]>('int getsockname(int, void *, void *)');
export const setsockopt = declare<[fd: number, level: number, option: number, value: Ptr, length: number]>(
  'int setsockopt(int, int, int, const void *, unsigned int)',
);
/** `size` is the address of an int, the length of `into`, which becomes that of the answer. */
export const getsockopt = declare<[fd: number, level: number, option: number, into: Ptr, size: Ptr]>(
  'int getsockopt(int, int, int, void *, void *)',
);
/** `message` is the address of a struct msghdr. */
export const recvmsg = declare<[fd: number, message: number, flags: number]>('int64_t recvmsg(int, uintptr_t, int)');
export const sendmsg = declare<[fd: number, message: number, flags: number]>('int64_t sendmsg(int, uintptr_t, int)');

/** Stops the watch. Must be called before the descriptor is closed. */
export type Unwatch = () => void;

/**
 * Runs `then` in each turn of this thread's event loop in which `fd` is readable or has an error that a read reports.
 * koffi calls back outside of the context in which Node runs promises and ticks, so `then` runs in an immediate.
 */
export function whenReadable(fd: number, then: () => void): Unwatch {
  let open = true;
  let due = false;
  // At run time the first argument is the status, which koffi's types leave out; an error stops the watch.
  const look = ((status: number) => {
    if (due) return;
    due = true;
    setImmediate(() => {
      due = false;
      if (!open) return;
      then();
      if (open && status < 0) handle.start(look);
    });
  }) as unknown as () => void;
  const handle = koffi.node.poll(fd, look);
  return () => {
    open = false;
    handle.close();
  };
}
