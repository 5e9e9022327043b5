/** What the answers of fops are made of. */
import { FsError } from '../../../../errno.ts';
import type { WccReply, Xdata } from '../../../../graph/fops.ts';
import type { Iatt, Wcc } from '../../../../graph/iatt.ts';
import { iattOf, type RemoteIatt } from '../iatt.ts';
import type { Remote } from '../remote.ts';
import { requireDone } from '../replies.ts';

/** The attributes in a reply that must have them. */
export function known(remote: Remote, found: RemoteIatt | undefined, what: string): Iatt {
  const iatt = iattOf(found, remote.fsid);
  if (iatt === undefined)
    throw new FsError('EREMOTEIO', `EREMOTEIO: ${remote.name} answers ${what} without attributes`);
  return iatt;
}

/** The attributes before and after a change, in as far as the brick tells them. */
export const wccOf = (remote: Remote, before: RemoteIatt | undefined, after: RemoteIatt | undefined): Wcc => ({
  before: iattOf(before, remote.fsid),
  after: iattOf(after, remote.fsid),
});

/** The xdata of an answer, if there are any. */
export const withXdata = (xdata: Xdata | undefined): { readonly xdata?: Xdata } =>
  xdata === undefined ? {} : { xdata };

/** A reply with the attributes of an object before and after it was changed. */
export interface Changed {
  readonly op_ret: number;
  readonly op_errno: number;
  readonly xdata: Xdata | undefined;
  readonly prestat: RemoteIatt | undefined;
  readonly poststat: RemoteIatt | undefined;
}

export function changed(remote: Remote, reply: Changed, what: string): WccReply {
  requireDone(reply, what);
  return { ...wccOf(remote, reply.prestat, reply.poststat), ...withXdata(reply.xdata) };
}
