/**
 * Decides which callers may use an export. The rules are asked once for each connection and caller. The verdict is kept
 * for as long as what it rests on: indefinitely, unless that is a host name or a looked-up group.
 */
import { auth_flavor } from '#protocols/rpc.ts';
import { FsError } from '../../../../errno.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { PeerLogger } from '../../../../peer-log.ts';
import type { Call, Peer } from '../../../../rpcsvc/actor.ts';
import type { Credentials } from '../../../../rpcsvc/auth/scheme.ts';
import { type Groups, type UserGroups, userGroups } from '../../../../sys/process/groups.ts';
import { within } from '../../../../within.ts';
import { frameFor, squashed, verdict } from './access.ts';
import { type Export, hostRulesOf } from './exports.ts';

/** How long a verdict that rests on host names is kept. The names themselves are kept by host-names.ts. */
const NAMES_MS = 1000;
/** How long a call waits for a look-up of groups. After that its client is told to try again later. */
const GROUPS_MS = 2000;

/** What a caller that may use an export needs for it. */
export interface Access {
  readonly on: Export;
  readonly frame: Frame;
}

/** A verdict, and until when it holds on the clock of `performance.now()`. */
interface Kept {
  readonly access: Access | FsError;
  readonly untilMs: number;
}

interface Caller {
  readonly peer: Peer;
  readonly byExport: Map<Export, Kept>;
}

export class Accesses {
  readonly #log: PeerLogger;
  readonly #narrowCookies: boolean;
  readonly #groups: Groups;
  readonly #nowMs: () => number;
  /** Callers by their credentials, which stay the same object while a connection's caller stays the same. */
  readonly #callers = new WeakMap<Credentials, Caller>();

  /** `narrowCookies` goes into each frame. */
  constructor(log: PeerLogger, narrowCookies: boolean, groups = userGroups, nowMs = () => performance.now()) {
    this.#log = log;
    this.#narrowCookies = narrowCookies;
    this.#groups = groups;
    this.#nowMs = nowMs;
  }

  /**
   * Returns the caller's access to the export.
   * @throws {FsError} EACCES, naming the rule that refuses; EJUKEBOX if it is not decided yet
   */
  of(call: Call, on: Export): Access | Promise<Access> {
    const { peer, credentials } = call;
    let caller = this.#callers.get(credentials);
    if (caller?.peer !== peer) this.#callers.set(credentials, (caller = { peer, byExport: new Map() }));
    const kept = caller.byExport.get(on);
    if (kept !== undefined && (kept.untilMs === Infinity || this.#nowMs() < kept.untilMs)) {
      if (kept.access instanceof FsError) throw kept.access;
      return kept.access;
    }
    return this.#decide(caller, credentials, on);
  }

  /** Decides once the host names that the verdict depends on are known, or after a moment's wait. */
  #decide(caller: Caller, credentials: Credentials, on: Export): Access | Promise<Access> {
    const { peer } = caller;
    if (!verdict(on, peer, credentials.flavor).undecided) return this.#decideNow(caller, credentials, on);
    const names = hostRulesOf(on).map(hosts => hosts.ready(peer.address));
    return Promise.all(names).then(() => this.#decideNow(caller, credentials, on));
  }

  /** Decides by what is known, and keeps the verdict. Returns a promise if the caller's groups must be looked up. */
  #decideNow(caller: Caller, credentials: Credentials, on: Export): Access | Promise<Access> {
    const { peer } = caller;
    const untilMs = hostRulesOf(on).some(({ hasNames }) => hasNames) ? this.#nowMs() + NAMES_MS : Infinity;
    const { allowed, undecided, rule, where, reason } = verdict(on, peer, credentials.flavor);
    if (!allowed) {
      const refused = new FsError(undecided ? 'EJUKEBOX' : 'EACCES', `${reason} (${rule}, ${where})`);
      caller.byExport.set(on, { access: refused, untilMs });
      const { address: client, port } = peer;
      const { uid } = credentials;
      const message = undecided ? 'kept waiting' : 'refused';
      this.#log.warn({ client, port, uid, export: on.paths[0], rule, where, reason }, message);
      throw refused;
    }
    const admit = (as: Credentials, lastsMs: number): Access => {
      const access = { on, frame: frameFor(on, peer, as, this.#narrowCookies) };
      caller.byExport.set(on, { access, untilMs: Math.min(untilMs, lastsMs) });
      return access;
    };
    if (!on.rules.auxGids || !keepsItsIds(on, credentials)) return admit(credentials, Infinity);
    const { uid, gid } = credentials;
    const known = this.#groups.known(uid, gid, peer.address);
    if (known !== undefined) return admit({ ...credentials, groups: known.groups }, known.untilMs);
    return this.#lookUp(credentials, peer).then(found =>
      admit({ ...credentials, groups: found.groups }, found.untilMs),
    );
  }

  async #lookUp({ uid, gid }: Credentials, { address: client }: Peer): Promise<UserGroups> {
    let why = 'the lookup takes too long';
    try {
      const found = await within(GROUPS_MS, this.#groups.of(uid, gid, client));
      if (found !== undefined) return found;
    } catch (error) {
      why = (error as Error).message;
    }
    this.#log.warn({ client, uid, why }, 'call delayed: the groups of a user are not known');
    throw new FsError('EJUKEBOX', `the groups of user ${uid} are not known: ${why}`);
  }
}

/** Whether the caller acts with the ids that it claims, and not as the anonymous user. */
function keepsItsIds(on: Export, credentials: Credentials): boolean {
  return credentials.flavor !== auth_flavor.AUTH_NONE && squashed(on, credentials).uid === credentials.uid;
}
