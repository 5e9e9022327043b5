/** Every procedure of NFS3 that changes something, as calls on given handles. */
import { createmode3, ftype3, stable_how, time_how } from '#protocols/nfs3/constants.ts';
import { NFS3 } from '../soak/procedures.ts';
import type { NfsClient } from './client.ts';

const KEEP = { set_it: time_how.DONT_CHANGE } as const;
const attributes = { mode: 0o777, uid: undefined, gid: undefined, size: undefined, atime: KEEP, mtime: KEEP } as const;
const data = Buffer.from('changed');

/** A directory and its content: a file `file` and an empty directory `empty`. */
export interface Target {
  readonly dir: Buffer;
  readonly file: Buffer;
}

type Change = (client: NfsClient, target: Target) => Promise<{ status: number }>;

/** The calls by the names of their procedures. RENAME and LINK stay within the directory. */
export const CHANGES: Readonly<Record<string, Change>> = {
  SETATTR: (client, { file: object }) =>
    client.call(NFS3.SETATTR, { object, new_attributes: attributes, guard: undefined }),
  'SETATTR of a directory': (client, { dir: object }) =>
    client.call(NFS3.SETATTR, { object, new_attributes: attributes, guard: undefined }),
  WRITE: (client, { file }) =>
    client.call(NFS3.WRITE, { file, offset: 0, count: data.length, stable: stable_how.UNSTABLE, data }),
  CREATE: (client, { dir }) => {
    const how = { mode: createmode3.UNCHECKED, obj_attributes: attributes };
    return client.call(NFS3.CREATE, { where: { dir, name: 'made' }, how });
  },
  'CREATE of an existing file': (client, { dir }) => {
    const how = { mode: createmode3.UNCHECKED, obj_attributes: { ...attributes, size: 0 } };
    return client.call(NFS3.CREATE, { where: { dir, name: 'file' }, how });
  },
  MKDIR: (client, { dir }) => client.call(NFS3.MKDIR, { where: { dir, name: 'made' }, attributes }),
  SYMLINK: (client, { dir }) => {
    const symlink = { symlink_attributes: attributes, symlink_data: 'target' };
    return client.call(NFS3.SYMLINK, { where: { dir, name: 'made' }, symlink });
  },
  MKNOD: (client, { dir }) => {
    const what = { type: ftype3.NF3FIFO, pipe_attributes: attributes };
    return client.call(NFS3.MKNOD, { where: { dir, name: 'made' }, what });
  },
  REMOVE: (client, { dir }) => client.call(NFS3.REMOVE, { object: { dir, name: 'file' } }),
  RMDIR: (client, { dir }) => client.call(NFS3.RMDIR, { object: { dir, name: 'empty' } }),
  RENAME: (client, { dir }) => rename(client, dir, dir),
  LINK: (client, { dir, file }) => link(client, file, dir),
};

export const rename = (client: NfsClient, from: Buffer, to: Buffer, name = 'file', toName = 'moved') =>
  client.call(NFS3.RENAME, { from: { dir: from, name }, to: { dir: to, name: toName } });

export const link = (client: NfsClient, file: Buffer, dir: Buffer, name = 'linked') =>
  client.call(NFS3.LINK, { file, link: { dir, name } });
