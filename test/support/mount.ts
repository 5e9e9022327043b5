/** The MOUNT programs over a few made-up paths, and MOUNT calls in hex. */
import type { Test } from 'tap';
import { mount1 } from '#actors/mount1/program.ts';
import { mount2 } from '#actors/mount2/program.ts';
import { mount3 } from '#actors/mount3/program.ts';
import { FsError } from '#src/errno.ts';
import { NEVER } from '#src/graph/own-frame.ts';
import { type Log, silent } from '#src/log.ts';
import type { Call } from '#src/rpcsvc/actor.ts';
import type { ExportEntry, Mounted } from '#src/xlators/nfs/server/mount/mount-call.ts';
import { MountList } from '#src/xlators/nfs/server/mount/mount-table.ts';
import { hex } from './hex.ts';
import { servePrograms } from './rpc/service.ts';

export interface MountedHere extends Mounted {
  readonly linkMax?: number;
  readonly nameMax?: number;
}

export interface MountOptions {
  /** What each path is: a directory with its handle, or the error that mounting it ends with. */
  readonly paths?: Readonly<Record<string, MountedHere | Error>>;
  readonly exports?: readonly ExportEntry[];
  readonly log?: Log;
}

export async function serveMount(t: Test, { paths = {}, exports = [], log = silent }: MountOptions = {}) {
  const mounts = await MountList.open({ log, rmtab: '/-' });
  const contextOf = (call: Call, ending = NEVER) => ({
    call,
    ending,
    log,
    mounts,
    async mount(path: string) {
      const found = paths[path] ?? new FsError('ENOENT', `nothing is exported as ${path}`);
      if (found instanceof Error) throw found;
      return found;
    },
    async pathconf(path: string) {
      const { linkMax = 127, nameMax = 255 }: MountedHere = await this.mount(path);
      return { linkMax, nameMax };
    },
    exports: () => exports,
  });
  const programs = [mount1(contextOf), mount2(contextOf), mount3(contextOf)];
  const served = await servePrograms(t, programs);
  return { ...served, mounts, programs, contextOf };
}

/** A call of MOUNT. `version` and `procedure` have eight hex digits each. */
export const mountCall = (version: string, procedure: string, args = ''): Buffer =>
  hex(`
  0000002a 00000000 00000002            // xid 42, CALL, RPC version 2
  000186a5 ${version} ${procedure}      // MOUNT
  00000000 00000000 00000000 00000000   // cred and verf: AUTH_NONE
  ${args}`);

/** The header of an accepted reply with an empty verifier, without the accept_stat that follows. */
export const ACCEPTED = '0000002a 00000001 00000000 00000000 00000000';
