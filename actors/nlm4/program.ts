import { NLM4_VERS, NLM_PROG, NLMPROC4 } from '#protocols/nlm.ts';
import { auth_flavor } from '#protocols/rpc.ts';
import type { PeerLogger } from '#src/peer-log.ts';
import type { Actor, Program } from '#src/rpcsvc/actor.ts';
import { nullActor } from '../null.ts';
import type { NlmCall } from './call.ts';
import { cancel } from './cancel.ts';
import { freeAll } from './free-all.ts';
import { granted } from './granted.ts';
import { lock, nmLock } from './lock.ts';
import * as messages from './messages.ts';
import { Refusals } from './refusals.ts';
import { share } from './share.ts';
import { test } from './test.ts';
import { unlock } from './unlock.ts';
import { unshare } from './unshare.ts';

/**
 * NLM, version 4, of a server that keeps no locks and refuses all of them. It is served because Linux (since 6.1.28)
 * asks a server without NLM again and again, and the program that wanted the lock hangs; once refused, it goes on.
 *
 * Versions 1 and 3 belong to NFS version 2. No credentials are asked for, since they would make no difference.
 */
export function nlm4(log: PeerLogger): Program<NlmCall> {
  const refusals = new Refusals(log);
  return {
    name: 'NLM4',
    number: NLM_PROG,
    version: NLM4_VERS,
    minAuth: auth_flavor.AUTH_NONE,
    udp: true,
    actors: {
      [NLMPROC4.NULL]: nullActor,
      [NLMPROC4.TEST]: test,
      [NLMPROC4.LOCK]: lock,
      [NLMPROC4.CANCEL]: cancel,
      [NLMPROC4.UNLOCK]: unlock,
      [NLMPROC4.GRANTED]: granted,
      [NLMPROC4.TEST_MSG]: messages.testMsg,
      [NLMPROC4.LOCK_MSG]: messages.lockMsg,
      [NLMPROC4.CANCEL_MSG]: messages.cancelMsg,
      [NLMPROC4.UNLOCK_MSG]: messages.unlockMsg,
      [NLMPROC4.GRANTED_MSG]: messages.grantedMsg,
      [NLMPROC4.TEST_RES]: messages.testRes,
      [NLMPROC4.LOCK_RES]: messages.lockRes,
      [NLMPROC4.CANCEL_RES]: messages.cancelRes,
      [NLMPROC4.UNLOCK_RES]: messages.unlockRes,
      [NLMPROC4.GRANTED_RES]: messages.grantedRes,
      [NLMPROC4.SHARE]: share,
      [NLMPROC4.UNSHARE]: unshare,
      [NLMPROC4.NM_LOCK]: nmLock,
      [NLMPROC4.FREE_ALL]: freeAll,
    } satisfies Record<NLMPROC4, Actor<NlmCall>>,
    contextOf: call => ({ call, refusals }),
  };
}
