/** What a brick tells its clients of its own accord. */
import { CALLBACKS } from '#protocols/gluster/callbacks.ts';
import { CBK, GLUSTER_CBK } from '#protocols/gluster/constants.ts';
import type { call_header } from '#protocols/rpc.ts';
import type { XdrReader } from '#protocols/xdr/stream.ts';
import type { Upcall } from '../../../../graph/event.ts';

export interface CallbackHandlers {
  upcall(event: Upcall): void;
  storage(works: boolean): void;
}

/**
 * Reads a callback and hands on what it says. Those that nothing here depends on are passed over.
 * @throws {XdrError} the brick has sent something else than the callback
 */
export function takeCallback({ prog, vers, proc }: call_header, from: XdrReader, to: CallbackHandlers): void {
  if (prog !== GLUSTER_CBK.prog || vers !== GLUSTER_CBK.vers) return;
  switch (proc) {
    case CBK.CACHE_INVALIDATION: {
      const { gfid, parent_stat, oldparent_stat } = CALLBACKS[CBK.CACHE_INVALIDATION].decode(from);
      changed(gfidOf(gfid), to);
      changed(parent_stat.ia_gfid, to);
      changed(oldparent_stat.ia_gfid, to);
      break;
    }
    case CBK.INODELK_CONTENTION:
    case CBK.ENTRYLK_CONTENTION: {
      const { gfid } = CALLBACKS[proc].decode(from);
      to.upcall({ kind: 'upcall', gfid: Buffer.from(gfid), about: 'contention' });
      break;
    }
    case CBK.CHILD_UP:
      to.storage(true);
      break;
    case CBK.CHILD_DOWN:
      to.storage(false);
      break;
  }
}

/** The gfid is all zeros where the callback has no such object. */
function changed(gfid: Buffer, to: CallbackHandlers): void {
  if (gfid.some(byte => byte !== 0)) to.upcall({ kind: 'upcall', gfid: Buffer.from(gfid), about: 'changed' });
}

/** The bytes of a gfid in text with dashes; zeros if it is none. */
function gfidOf(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll('-', ''), 'hex');
  return bytes.length === 16 ? bytes : Buffer.alloc(16);
}
