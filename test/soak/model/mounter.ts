/** A mounter mounts and unmounts directories, by both versions of MOUNT. */
import { MNT3 } from '#protocols/mount.ts';
import { auth_flavor } from '#protocols/rpc.ts';
import { MOUNT1, MOUNT3 } from '../procedures.ts';
import { holds, same, sameStatus } from './answer.ts';
import type { Caller } from './caller.ts';

export interface Exported {
  /** The paths of the export: the directory itself, and the name of its volume. */
  readonly paths: readonly string[];
  readonly root: Buffer;
  /** Directories in the export. */
  readonly homes: readonly { readonly name: string; readonly handle: Buffer }[];
}

export class Mounter {
  readonly caller: Caller;
  readonly #exported: Exported;

  constructor(caller: Caller, exported: Exported) {
    this.caller = caller;
    this.#exported = exported;
  }

  /** @throws {Mismatch} */
  async step(): Promise<void> {
    const { random } = this.caller;
    const version = random.pick([MOUNT1, MOUNT3]);
    const path = random.pick(this.#exported.paths);
    const home = random.chance(0.2) ? undefined : random.pick(this.#exported.homes);
    switch (random.below(8)) {
      case 0:
        await this.caller.call(version.NULL, undefined);
        return;
      case 1:
        return this.#dump(random.pick([MOUNT1, MOUNT3]).DUMP);
      case 2: {
        const exported = await this.caller.call(version.EXPORT, undefined);
        same(exported.map(({ ex_dir }) => ex_dir).join(' '), this.#exported.paths.join(' '), 'EXPORT');
        return;
      }
      case 3:
        await this.caller.call(version.UMNT, path);
        return;
      case 4:
        await this.caller.call(version.UMNTALL, undefined);
        return;
      case 5:
        sameStatus(await this.caller.call(MOUNT3.MNT, `${path}/missing`), MNT3.ERR_NOENT, 'MNT of a missing directory');
        sameStatus(
          await this.caller.call(MOUNT1.MNT, '/elsewhere'),
          MNT3.ERR_ACCES,
          'MNT of a path that is not exported',
        );
        return;
      default:
        return this.#mount(home === undefined ? path : `${path}/${home.name}`, home?.handle ?? this.#exported.root);
    }
  }

  async #mount(path: string, handle: Buffer): Promise<void> {
    const mounted = await this.caller.call(MOUNT3.MNT, path);
    holds(mounted.fhs_status === MNT3.OK, `MNT ${path}: status ${mounted.fhs_status}`);
    holds(mounted.fhandle.equals(handle), `MNT ${path}: another handle than LOOKUP's`);
    holds(mounted.auth_flavors.includes(auth_flavor.AUTH_SYS), `MNT ${path}: no AUTH_SYS`);
    const old = await this.caller.call(MOUNT1.MNT, path);
    // Version 1 has handles of 32 bytes, and cannot give a longer one.
    same(old.directory?.equals(handle) ?? false, handle.length === 32, `MNT ${path} of version 1: its handle`);
  }

  async #dump(procedure: typeof MOUNT3.DUMP): Promise<void> {
    for (const { ml_directory } of await this.caller.call(procedure, undefined)) {
      const known = this.#exported.paths.some(path => ml_directory === path || ml_directory.startsWith(`${path}/`));
      holds(known, `DUMP shows ${ml_directory}, which no mounter has mounted`);
    }
  }
}
