/**
 * A caller whose server is killed now and then. Its calls are sent again, with their xids, until a later server
 * answers. Since a server's kept replies end with it, a call that was already executed may fail the second time. Such a
 * failure is accepted if everything is as the call was to make it, and no other failure is.
 */
import { nfsstat3 as S } from '#protocols/nfs3/constants.ts';
import type { LINK3args, RENAME3args } from '#protocols/nfs3/names.ts';
import type { SETATTR3args } from '#protocols/nfs3/object.ts';
import type { diropargs3, fattr3 } from '#protocols/nfs3/types.ts';
import type { opaque_auth } from '#protocols/rpc.ts';
import type { RemoteProcedure } from '#src/rpcclnt/client.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { holds, Mismatch, resultOf, sameStatus, statusName, statusOf } from '../../soak/model/answer.ts';
import { Caller, type Exchange, nextXid, type Tally } from '../../soak/model/caller.ts';
import { marked, recordOf } from '../../soak/model/line.ts';
import type { Random } from '../../soak/model/random.ts';
import { NFS3 } from '../../soak/procedures.ts';

const JUKEBOX_MS = 50;
const JUKEBOX_TRIES_MAX = 200;

/** How each procedure fails when a call is executed a second time. */
const SECOND_TIME = new Map<RemoteProcedure<any, any>, S>([
  [NFS3.CREATE, S.NFS3ERR_EXIST],
  [NFS3.MKDIR, S.NFS3ERR_EXIST],
  [NFS3.SYMLINK, S.NFS3ERR_EXIST],
  [NFS3.MKNOD, S.NFS3ERR_EXIST],
  [NFS3.LINK, S.NFS3ERR_EXIST],
  [NFS3.REMOVE, S.NFS3ERR_NOENT],
  [NFS3.RMDIR, S.NFS3ERR_NOENT],
  [NFS3.RENAME, S.NFS3ERR_NOENT],
  [NFS3.SETATTR, S.NFS3ERR_NOT_SYNC],
]);

/** The counts of all callers together. */
export class Retries {
  /** Calls that were under way when a server ended. */
  acrossEnds = 0;
  /** Calls that were executed twice, by the status of the second time. */
  readonly secondTime = new Map<string, number>();
  /** Answers that asked to come again later. */
  jukebox = 0;
  /** Files that were created, but did not have their size yet, when the server was killed. */
  halfMade = 0;
}

/** The numbers of servers that have come and gone. See Lives. */
export interface Generations {
  readonly gone: number;
  readonly going: number;
}

export class SurvivingCaller extends Caller {
  readonly #lives: Generations;
  readonly #retries: Retries;
  /** The number of the first server that may have executed the last call. */
  sentTo = 0;
  answeredBy = 0;

  constructor(line: Exchange, cred: opaque_auth, random: Random, tally: Tally, lives: Generations, retries: Retries) {
    super(line, cred, random, tally);
    this.#lives = lives;
    this.#retries = retries;
  }

  /** The results of the first answer other than "come again later". */
  override async call<A, R>(procedure: RemoteProcedure<A, R>, args: A, cred = this.cred): Promise<R> {
    this.sentTo = this.#lives.gone;
    for (let tries = 0; tries < JUKEBOX_TRIES_MAX; tries++) {
      const xid = nextXid();
      const reply = await this.line.exchange(xid, marked(recordOf(procedure, args, xid, cred)));
      this.tally.count(procedure.name);
      const result = resultOf(procedure, reply);
      this.answeredBy = this.#lives.going;
      if (statusOf(result) !== S.NFS3ERR_JUKEBOX) {
        if (this.acrossEnd) this.#retries.acrossEnds++;
        return result;
      }
      this.#retries.jukebox++;
      await sleep(JUKEBOX_MS);
    }
    throw new Mismatch(`${procedure.name}: "come again later", ${JUKEBOX_TRIES_MAX} times`);
  }

  /** Whether the last call may have been sent to more than one server. */
  get acrossEnd(): boolean {
    return this.answeredBy !== this.sentTo;
  }

  override async expect<A, R>(procedure: RemoteProcedure<A, R>, args: A, status: number, cred = this.cred): Promise<R> {
    const result = await this.call(procedure, args, cred);
    const found = statusOf(result);
    if (found === status) return result;
    const done = this.acrossEnd && status === S.NFS3_OK && found === SECOND_TIME.get(procedure);
    if (!done) sameStatus(result, status, `${procedure.name}${this.acrossEnd ? ', sent to two servers' : ''}`);
    const { secondTime } = this.#retries;
    const key = `${procedure.name} ${statusName(found)}`;
    secondTime.set(key, (secondTime.get(key) ?? 0) + 1);
    return (await this.#asDone(procedure, args)) as R;
  }

  /** The results that the call had when it was executed, as far as they can still be had. */
  async #asDone(procedure: RemoteProcedure<any, any>, args: unknown): Promise<unknown> {
    switch (procedure) {
      case NFS3.SETATTR:
        // SETATTR sets its parts one after the other, so it may be half done.
        return this.expect(NFS3.SETATTR, { ...(args as SETATTR3args), guard: undefined }, S.NFS3_OK);
      case NFS3.REMOVE:
      case NFS3.RMDIR: {
        const { object } = args as { object: diropargs3 };
        await this.expect(NFS3.LOOKUP, { what: object }, S.NFS3ERR_NOENT);
        return { status: S.NFS3_OK, dir_wcc: await this.#wcc(object.dir) };
      }
      case NFS3.RENAME: {
        const { from, to } = args as RENAME3args;
        await this.expect(NFS3.LOOKUP, { what: from }, S.NFS3ERR_NOENT);
        await this.expect(NFS3.LOOKUP, { what: to }, S.NFS3_OK);
        return { status: S.NFS3_OK, fromdir_wcc: await this.#wcc(from.dir), todir_wcc: await this.#wcc(to.dir) };
      }
      case NFS3.LINK: {
        const { file, link } = args as LINK3args;
        const found = await this.expect(NFS3.LOOKUP, { what: link }, S.NFS3_OK);
        holds(found.status === S.NFS3_OK && found.object.equals(file), 'LINK: the name belongs to another object');
        const { after } = await this.#wcc(file);
        return { status: S.NFS3_OK, file_attributes: after, linkdir_wcc: await this.#wcc(link.dir) };
      }
      default:
        return this.#asMade(args as Making);
    }
  }

  async #asMade({ where, how }: Making): Promise<unknown> {
    const found = await this.expect(NFS3.LOOKUP, { what: where }, S.NFS3_OK);
    if (found.status !== S.NFS3_OK) throw new Mismatch('unreachable');
    const obj = Buffer.from(found.object);
    let { obj_attributes } = found;
    const size = how?.obj_attributes?.size;
    if (size !== undefined && size !== obj_attributes?.size) {
      // Creating a file and setting its size are two steps on any disk. A server killed in between leaves the file
      // empty.
      holds(obj_attributes?.size === 0, `a file of ${size} bytes was made with ${obj_attributes?.size}`);
      this.#retries.halfMade++;
      const new_attributes = { ...how!.obj_attributes, mode: undefined, size };
      await this.expect(NFS3.SETATTR, { object: obj, new_attributes, guard: undefined } as SETATTR3args, S.NFS3_OK);
      obj_attributes = (await this.#wcc(obj)).after;
    }
    return { status: S.NFS3_OK, obj, obj_attributes, dir_wcc: await this.#wcc(where.dir) };
  }

  async #wcc(object: Buffer): Promise<{ before: undefined; after: fattr3 }> {
    const found = await this.expect(NFS3.GETATTR, { object }, S.NFS3_OK);
    return { before: undefined, after: (found as { obj_attributes: fattr3 }).obj_attributes };
  }
}

interface Making {
  readonly where: diropargs3;
  readonly how?: { readonly obj_attributes?: SETATTR3args['new_attributes'] };
}
