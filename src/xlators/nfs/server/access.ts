/** Whether a caller may use an export, and as whom; and by which rule, for logs and `explain`. */
import { auth_flavor } from '#protocols/rpc.ts';
import { FsError } from '../../../errno.ts';
import type { Frame, Identity } from '../../../graph/frame.ts';
import { identityOf } from '../../../graph/identity.ts';
import type { Log } from '../../../log.ts';
import type { Call, Peer } from '../../../rpcsvc/actor.ts';
import type { Credentials } from '../../../rpcsvc/auth/scheme.ts';
import { groupsOf } from '../../../sys/groups.ts';
import type { Export, Rule } from './exports.ts';

/** To the kernel "no id": a caller with it is the anonymous user, as with knfsd; as one of many groups it is none. */
const NO_ID = 0xffff_ffff;

/** Ports that only the superuser of a client can use. */
const PRIVILEGED_PORTS = 1024;

export interface Verdict {
  readonly allowed: boolean;
  /** What decided: `rpc-auth.addr.allow 10.0.0.0/8`. */
  readonly rule: string;
  /** `file:line`, or `default`. */
  readonly where: string;
  /** For people: what was found wrong and what to do. */
  readonly reason: string;
}

const said = ({ option, where }: Rule<unknown>, detail = ''): Pick<Verdict, 'rule' | 'where'> => ({
  rule: detail === '' ? option : `${option} ${detail}`,
  where,
});

/** Whether `address` may use the export at all, whoever calls. */
export function addressVerdict({ rules, hosts }: Export, address: string): Verdict {
  for (const reject of rules.rejects) {
    const rejected = reject.value.match(address);
    if (!rejected.allowed) continue;
    return { allowed: false, ...said(reject, rejected.rule), reason: `${address} is rejected` };
  }
  const allowed = rules.allow.value.match(address);
  if (!allowed.allowed) {
    return { allowed: false, ...said(rules.allow, allowed.rule), reason: `${address} is in no list of allowed hosts` };
  }
  const dir = hosts.value?.match(address);
  if (dir !== undefined && !dir.allowed) {
    return { allowed: false, ...said(hosts, dir.rule), reason: `${address} is not among the directory's hosts` };
  }
  return {
    allowed: true,
    ...(dir ? said(hosts, dir.rule) : said(rules.allow, allowed.rule)),
    reason: `${address} is allowed`,
  };
}

/** Whether this caller may use the export. */
export function verdict(on: Export, peer: Pick<Peer, 'address' | 'port'>, flavor: number): Verdict {
  const { rules } = on;
  const address = addressVerdict(on, peer.address);
  if (!address.allowed) return address;
  if (!rules.insecurePorts.value && peer.port >= PRIVILEGED_PORTS) {
    const reason = `port ${peer.port} of the client is not below 1024: mount as root with resvport, or allow it (--insecure)`;
    return { allowed: false, ...said(rules.insecurePorts), reason };
  }
  const auth = flavor === auth_flavor.AUTH_NONE ? rules.authNone : rules.authSys;
  if (!auth.value) return { allowed: false, ...said(auth), reason: `auth flavor ${flavor} is off for this volume` };
  return address;
}

/** As whom the caller acts: squashed as the export says. */
export function squashed({ rules }: Export, { flavor, uid, gid, groups }: Credentials): Identity {
  const anonymous =
    flavor === auth_flavor.AUTH_NONE || rules.squash.value === 'all' || (rules.squash.value === 'root' && uid === 0);
  if (anonymous) return identityOf(rules.anonUid, rules.anonGid);
  const isRootSquashed = rules.squash.value === 'root';
  // root's group gives root's files away as well (exports(5), root_squash)
  const group = (id: number) => (isRootSquashed && id === 0 ? rules.anonGid : id);
  const owner = gid === NO_ID ? rules.anonGid : group(gid);
  return identityOf(uid === NO_ID ? rules.anonUid : uid, owner, groups.filter(id => id !== NO_ID).map(group));
}

export function frameFor(on: Export, peer: Peer, credentials: Credentials, narrowCookies = false): Frame {
  return { identity: squashed(on, credentials), client: peer.address, signal: peer.signal, narrowCookies };
}

/** A caller's way into an export, found once for each connection and caller. */
export interface Access {
  readonly on: Export;
  readonly frame: Frame;
}

/** Who has been let in, and who not: the rules are asked once for each caller of a connection. */
export class Accesses {
  readonly #log: Log;
  /** Credentials are one object as long as a connection's caller stays the same. */
  readonly #known = new WeakMap<Credentials, Map<Export, Access | FsError>>();

  readonly #narrowCookies: boolean;

  /** `narrowCookies` goes into each frame. */
  constructor(log: Log, narrowCookies: boolean) {
    this.#log = log;
    this.#narrowCookies = narrowCookies;
  }

  /** @throws {FsError} EACCES, with the rule that refuses in its message */
  of({ peer, credentials }: Call, on: Export): Access | Promise<Access> {
    let known = this.#known.get(credentials);
    if (known === undefined) this.#known.set(credentials, (known = new Map()));
    const access = known.get(on);
    if (access instanceof FsError) throw access;
    if (access !== undefined) return access;
    return this.#decide(peer, credentials, on, known);
  }

  #decide(peer: Peer, credentials: Credentials, on: Export, known: Map<Export, Access | FsError>) {
    const { allowed, rule, where, reason } = verdict(on, peer, credentials.flavor);
    if (!allowed) {
      const refused = new FsError('EACCES', `${reason} (${rule}, ${where})`);
      known.set(on, refused);
      const { address: client, port } = peer;
      const { uid } = credentials;
      this.#log.warn({ client, port, uid, export: on.paths[0], rule, where, reason }, 'refused');
      throw refused;
    }
    const admit = (frame: Frame): Access => {
      const access = { on, frame };
      known.set(on, access);
      return access;
    };
    const frame = frameFor(on, peer, credentials, this.#narrowCookies);
    if (!on.rules.auxGids || credentials.flavor === auth_flavor.AUTH_NONE) return admit(frame);
    const { uid, gid } = frame.identity;
    return groupsOf(uid, gid).then(groups => admit({ ...frame, identity: identityOf(uid, gid, groups) }));
  }
}
