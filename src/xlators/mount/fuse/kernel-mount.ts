/** Mounts FUSE in the kernel: by mount(2) for root, by fusermount3 for other users. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { mountNow, unmountLazily } from '../../../sys/files/mounts.ts';
import { asServer } from '../../../sys/process/identity.ts';
import { connectedSockets, makeNonBlocking, receivedDescriptor } from '../../../sys/sockets/descriptor-passing.ts';
import { IO_BYTES_MAX } from './device.ts';
import { type FuseOptions, MOUNT_FLAGS } from './options.ts';

export interface KernelMount {
  /** A descriptor of /dev/fuse that belongs to the mount. */
  readonly fd: number;
  /** Takes the mount off its directory. @throws {Error} */
  unmount(): Promise<void>;
}

type Wanted = FuseOptions & { readonly fsname: string };

const SUBTYPE = 'bricknfs';
/** The descriptor by which fusermount3 hands back that of /dev/fuse, and the variable that tells it so. */
const COMM_FD = 3;

/** @throws {Error} */
export function mountInKernel(wanted: Wanted): Promise<KernelMount> {
  asServer();
  return process.geteuid!() === 0 ? Promise.resolve(mountAsRoot(wanted)) : mountAsUser(wanted);
}

function flagsOf(wanted: Wanted): readonly string[] {
  return [...(wanted['read-only'] ? ['ro'] : []), ...wanted['mount-flags']];
}

function mountAsRoot(wanted: Wanted): KernelMount {
  const fd = openSync('/dev/fuse', constants.O_RDWR | constants.O_NONBLOCK);
  const { mountpoint, fsname } = wanted;
  const others = wanted['allow-other'] ?? true;
  const data = [
    `fd=${fd}`,
    'rootmode=40000',
    `user_id=${process.getuid!()}`,
    `group_id=${process.getgid!()}`,
    'default_permissions',
    ...(others ? ['allow_other'] : []),
    `max_read=${IO_BYTES_MAX}`,
  ].join();
  const flags = flagsOf(wanted).reduce((all, word) => all | MOUNT_FLAGS[word]!, 0);
  try {
    mountNow({ source: fsname, target: mountpoint, type: `fuse.${SUBTYPE}`, flags, data });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return { fd, unmount: () => unmountLazily(mountpoint) };
}

async function mountAsUser(wanted: Wanted): Promise<KernelMount> {
  const { mountpoint, fsname } = wanted;
  const others = wanted['allow-other'] ?? false;
  const words = [
    ...flagsOf(wanted),
    `fsname=${fsname.replace(/[\\,]/g, '\\$&')}`,
    `subtype=${SUBTYPE}`,
    'default_permissions',
    ...(others ? ['allow_other'] : []),
    `max_read=${IO_BYTES_MAX}`,
  ];
  const [own, others_] = connectedSockets();
  try {
    await fusermount(['-o', words.join(), '--', mountpoint], others_);
    const fd = receivedDescriptor(own);
    if (fd === undefined) throw new Error('fusermount3 has handed back no descriptor of /dev/fuse');
    makeNonBlocking(fd);
    return { fd, unmount: () => fusermount(['-u', '-z', '--', mountpoint]) };
  } finally {
    closeSync(own);
    closeSync(others_);
  }
}

/** Runs fusermount3, which is set-user-ID root. @throws {Error} with what it has said */
async function fusermount(args: readonly string[], socket?: number): Promise<void> {
  const child = spawn('fusermount3', args, {
    stdio: ['ignore', 'ignore', 'pipe', ...(socket === undefined ? [] : [socket])],
    env: { ...process.env, _FUSE_COMMFD: `${COMM_FD}` },
  });
  const [said, [code]] = await Promise.all([text(child.stderr!), once(child, 'close')]).catch((error: Error) => {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw isMissing ? new Error('there is no fusermount3, by which users other than root mount: install fuse3') : error;
  });
  if (code !== 0) throw new Error(said.trim() || `fusermount3 has failed (${String(code)})`);
}
