/** Receives a descriptor that another process sends over a socket (SCM_RIGHTS, unix(7)). */
import { FsError } from '../../errno.ts';
import { O_NONBLOCK } from '../constants.ts';
import { declare, errno, type Ptr } from '../libc.ts';
import { MSG_DONTWAIT, recvmsg, SOCK_CLOEXEC } from './sockets.ts';
import { Message } from './socket-message.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
/** A struct cmsghdr: the length in 8 bytes, level, type, and then the descriptor. */
const LEVEL_AT = 8;
const TYPE_AT = 12;
const FD_AT = 16;
const F_GETFL = 3;
const F_SETFL = 4;

const socketpair = declare<[family: number, type: number, protocol: number, into: Ptr]>(
  'int socketpair(int, int, int, void *)',
);
const fcntl = declare<[fd: number, command: number, value: number]>('int fcntl(int, int, int)');

/** Makes two sockets that are connected to each other. */
export function connectedSockets(): [number, number] {
  const pair = Buffer.alloc(8);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) throw FsError.of(errno(), 'socketpair');
  return [pair.readInt32LE(0), pair.readInt32LE(4)];
}

/** Returns the descriptor that the other side has sent; `undefined` if it has sent none. */
export function receivedDescriptor(socket: number): number | undefined {
  const message = new Message();
  message.makeRoom();
  if (recvmsg(socket, message.address, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0) return undefined;
  const { control } = message;
  const isOne =
    control.length >= FD_AT + 4 &&
    control.readUInt32LE(LEVEL_AT) === SOL_SOCKET &&
    control.readUInt32LE(TYPE_AT) === SCM_RIGHTS;
  return isOne ? control.readInt32LE(FD_AT) : undefined;
}

/** Makes reads of the descriptor fail with EAGAIN where they would wait. */
export function makeNonBlocking(fd: number): void {
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL, 0) | O_NONBLOCK) < 0) throw FsError.of(errno(), 'fcntl');
}
