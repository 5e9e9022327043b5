import { GF_XATTROP } from '#protocols/gluster/constants.ts';
import type { Xattrs, Xdata, XdataValue } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Fd, Inode } from '../../../../graph/inode.ts';
import { FOPS } from '../fops.ts';
import { fdInstead } from '../nameless.ts';
import type { Remote } from '../remote.ts';
import { requireDone } from '../replies.ts';

const OPERATIONS = { add32: GF_XATTROP.ADD_ARRAY, add64: GF_XATTROP.ADD_ARRAY64 } as const;
const NONE: Xattrs = new Map();

/** The values of virtual xattrs are text or numbers. */
const bytesOf = (value: XdataValue): Buffer =>
  typeof value === 'object' ? value : Buffer.from(String(value), 'latin1');

function isAllBytes(dict: Xdata): dict is Xattrs {
  for (const value of dict.values()) if (typeof value !== 'object') return false;
  return true;
}

function xattrsOf(dict: Xdata | undefined): Xattrs {
  if (dict === undefined) return NONE;
  if (isAllBytes(dict)) return dict;
  const xattrs = new Map<string, Buffer>();
  for (const [name, value] of dict) xattrs.set(name, bytesOf(value));
  return xattrs;
}

/** A name of any length above 0 asks for one value, and the empty name for all. */
const asked = (name: string | undefined) => ({ namelen: name === undefined ? 0 : name.length, name: name ?? '' });

export async function getxattr(
  remote: Remote,
  frame: Frame,
  { gfid }: Inode,
  name?: string,
  xdata?: Xdata,
): Promise<Xattrs> {
  const reply = await remote.ask(FOPS.GETXATTR, { gfid, ...asked(name), xdata }, frame);
  requireDone(reply, 'getxattr');
  return xattrsOf(reply.dict);
}

export async function fgetxattr(remote: Remote, frame: Frame, fd: Fd, name?: string, xdata?: Xdata): Promise<Xattrs> {
  const args = { gfid: fd.inode.gfid, fd: remote.fdOf(fd), ...asked(name), xdata };
  const reply = await remote.ask(FOPS.FGETXATTR, args, frame);
  requireDone(reply, 'fgetxattr');
  return xattrsOf(reply.dict);
}

export async function setxattr(
  remote: Remote,
  frame: Frame,
  { gfid }: Inode,
  xattrs: Xattrs,
  flags: number,
  xdata?: Xdata,
): Promise<void> {
  requireDone(await remote.ask(FOPS.SETXATTR, { gfid, flags, dict: xattrs, xdata }, frame), 'setxattr');
}

export async function fsetxattr(
  remote: Remote,
  frame: Frame,
  fd: Fd,
  xattrs: Xattrs,
  flags: number,
  xdata?: Xdata,
): Promise<void> {
  const args = { gfid: fd.inode.gfid, fd: remote.fdOf(fd), flags, dict: xattrs, xdata };
  requireDone(await remote.ask(FOPS.FSETXATTR, args, frame), 'fsetxattr');
}

export async function removexattr(
  remote: Remote,
  frame: Frame,
  { gfid }: Inode,
  name: string,
  xdata?: Xdata,
): Promise<void> {
  requireDone(await remote.ask(FOPS.REMOVEXATTR, { gfid, name, xdata }, frame), 'removexattr');
}

export async function fremovexattr(remote: Remote, frame: Frame, fd: Fd, name: string, xdata?: Xdata): Promise<void> {
  const args = { gfid: fd.inode.gfid, fd: remote.fdOf(fd), name, xdata };
  requireDone(await remote.ask(FOPS.FREMOVEXATTR, args, frame), 'fremovexattr');
}

export async function xattrop(
  remote: Remote,
  frame: Frame,
  { gfid }: Inode,
  op: 'add32' | 'add64',
  xattrs: Xattrs,
  xdata?: Xdata,
): Promise<Xattrs> {
  const args = { gfid, flags: OPERATIONS[op], dict: xattrs, xdata };
  let reply = await remote.ask(FOPS.XATTROP, args, frame);
  const fd = fdInstead(remote, frame, gfid, reply);
  if (fd !== undefined) reply = await remote.ask(FOPS.FXATTROP, { ...args, fd }, frame);
  requireDone(reply, 'xattrop');
  return xattrsOf(reply.dict);
}

export async function fxattrop(
  remote: Remote,
  frame: Frame,
  fd: Fd,
  op: 'add32' | 'add64',
  xattrs: Xattrs,
  xdata?: Xdata,
): Promise<Xattrs> {
  const args = { gfid: fd.inode.gfid, fd: remote.fdOf(fd), flags: OPERATIONS[op], dict: xattrs, xdata };
  const reply = await remote.ask(FOPS.FXATTROP, args, frame);
  requireDone(reply, 'fxattrop');
  return xattrsOf(reply.dict);
}
