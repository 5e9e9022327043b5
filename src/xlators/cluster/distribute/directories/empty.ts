/** Whether a directory has entries, which must be asked of each copy. */
import { isGone } from '../../../../errno.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Core } from '../core.ts';
import { askingLinkto, isLinkto } from '../keys.ts';

const PAGE_BYTES = 65_536;

/** Linkto files in the copies of a directory that has nothing else. */
export type Remains = readonly { readonly child: number; readonly name: string }[];

/** The linkto files in a directory; `undefined` if it has an entry that is none. */
export async function remainsOf(core: Core, frame: Frame, inode: Inode): Promise<Remains | undefined> {
  const all = await Promise.all(core.upChildren.map(child => remainsAt(core, frame, inode, child)));
  return all.includes(undefined) ? undefined : all.flatMap(one => one!);
}

async function remainsAt(core: Core, frame: Frame, inode: Inode, child: number): Promise<Remains | undefined> {
  const own = ownFrame(frame);
  const ask = askingLinkto();
  const found: { child: number; name: string }[] = [];
  try {
    for (let cookie = 0n, eof = false; !eof;) {
      const list = await core.at(child).readdirp(own, inode.fd, PAGE_BYTES, cookie, ask);
      for (const { name, iatt, xdata } of list.entries) {
        if (name === '.' || name === '..') continue;
        if (iatt === undefined || !isLinkto(iatt, xdata)) return undefined;
        found.push({ child, name });
      }
      eof = list.eof || list.entries.length === 0;
      cookie = list.entries.at(-1)?.cookie ?? cookie;
    }
  } catch (error) {
    if (!isGone(error)) throw error; // There is no copy, and so nothing in it.
  }
  return found;
}
