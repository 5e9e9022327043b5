import { Access } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { constants } from 'node:fs';
import { fsError } from '../../../../sys/failure.ts';
import { uidOf } from '../../../../sys/process/identity.ts';
import { stat } from '../../../../sys/files/statx.ts';
import type { Brick } from '../brick.ts';
import { permitted } from '../permission.ts';
import { refuseOthers } from './read.ts';
import { truncateTo } from '../setattr.ts';

const { O_ACCMODE = 3, O_RDONLY, O_WRONLY, O_TRUNC } = constants as typeof constants & { O_ACCMODE?: number };

/** Asks whether the caller may open the object with these flags of open(2), and truncates it if they say so. */
export function openFor(brick: Brick, frame: Frame, inode: Inode, flags: number, type?: FileType): void {
  if (type === FileType.DIR && inode.type !== FileType.DIR) throw fsError('ENOTDIR', 'opendir');
  if (type === undefined) refuseOthers(inode.type);
  const { objects } = brick;
  const object = objects.of(inode);
  const fd = objects.stat(object);
  const mode = flags & O_ACCMODE;
  const mask = mode === O_RDONLY ? Access.READ : mode === O_WRONLY ? Access.WRITE : Access.READ | Access.WRITE;
  const owns = inode.type === FileType.REG && stat.uid === uidOf(frame.identity);
  if (!owns && permitted(object, fd, frame.identity, mask) !== mask) throw fsError('EACCES', 'open');
  if ((flags & O_TRUNC) !== 0) truncateTo(brick, object, fd, frame.identity, 0);
}
