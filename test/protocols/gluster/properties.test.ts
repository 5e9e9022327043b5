import t from 'tap';
import * as brickPort from '#protocols/gluster/brick-port.ts';
import * as callbacks from '#protocols/gluster/callbacks.ts';
import * as cli from '#protocols/gluster/cli.ts';
import * as credentials from '#protocols/gluster/credentials.ts';
import * as dict from '#protocols/gluster/dict.ts';
import * as dump from '#protocols/gluster/dump.ts';
import { dataFops } from '#protocols/gluster/fops/data.ts';
import { directoryFops } from '#protocols/gluster/fops/directory.ts';
import { entryplusOf } from '#protocols/gluster/fops/fops.ts';
import { lockFops } from '#protocols/gluster/fops/locks.ts';
import { nameFops } from '#protocols/gluster/fops/names.ts';
import { objectFops } from '#protocols/gluster/fops/objects.ts';
import { xattrFops } from '#protocols/gluster/fops/xattrs.ts';
import * as handshake from '#protocols/gluster/handshake.ts';
import * as iatt from '#protocols/gluster/iatt.ts';
import * as oldDict from '#protocols/gluster/old-dict.ts';
import type { RemoteProcedure } from '#protocols/rpc.ts';
import * as types from '#protocols/gluster/types.ts';
import { codecProperties } from '../../support/codecs/properties.ts';

for (const module of [iatt, dict, oldDict, types, credentials, dump, handshake, brickPort, callbacks, cli]) {
  codecProperties(t, module);
}

const exact = types.commonReplies(iatt.gfx_iattx, dict.gfx_dict);
codecProperties(t, exact);

const plain = types.commonReplies(iatt.gfx_iattx, dict.gfx_plain_dict);
const common = new Set<unknown>([...Object.values(exact), ...Object.values(plain)]);
const listing = (replies: typeof plain) => directoryFops(replies, entryplusOf(plain.iatt, plain.dict));
for (const fops of [objectFops, nameFops, dataFops, listing, xattrFops, lockFops]) {
  const codecs: Record<string, unknown> = {};
  for (const { name, args, res } of Object.values<RemoteProcedure<any, any>>(fops(plain))) {
    codecs[`${name}: arguments`] = args;
    // What several fops answer has been tested.
    if (!common.has(res)) codecs[`${name}: results`] = res;
  }
  codecProperties(t, codecs);
}
