/** Decides whether a caller may use an export and with which ids, and names the rule, for logs and `explain`. */
import { auth_flavor } from '#protocols/rpc.ts';
import type { Frame, Identity } from '../../../../graph/frame.ts';
import { identityOf } from '../../../../graph/identity.ts';
import type { Peer } from '../../../../rpcsvc/actor.ts';
import type { Credentials } from '../../../../rpcsvc/auth/scheme.ts';
import type { Export, Rule } from './exports.ts';

/**
 * The id that means "no id" to the kernel. A caller with this uid or gid becomes the anonymous user, as with knfsd;
 * among the supplementary groups it is left out.
 */
const NO_ID = 0xffff_ffff;

/** Ports that only the superuser of a client can use. */
const PRIVILEGED_PORTS = 1024;

export interface Verdict {
  readonly allowed: boolean;
  /** What decided: `rpc-auth.addr.allow 10.0.0.0/8`. */
  readonly rule: string;
  /** `file:line`, or `default`. */
  readonly where: string;
  /** Says to the operator why the caller is allowed or refused, and what to do about a refusal. */
  readonly reason: string;
  /** Whether the host is allowed is not known yet, since the lists contain host names that are not known yet. */
  readonly undecided?: boolean;
}

/** Names what decided, for a {@link Verdict}. */
const decidedBy = ({ option, where }: Rule<unknown>, detail = ''): Pick<Verdict, 'rule' | 'where'> => ({
  rule: detail === '' ? option : `${option} ${detail}`,
  where,
});

/**
 * Whether `address` may use the export at all, with any credentials. A certain refusal stands, even if other rules are
 * undecided.
 */
function addressVerdict({ rules, hosts }: Export, address: string): Verdict {
  for (const reject of rules.rejects) {
    const rejected = reject.value.match(address);
    if (!rejected.allowed) continue;
    return { allowed: false, ...decidedBy(reject, rejected.rule), reason: `${address} is rejected` };
  }
  const allowed = rules.allow.value.match(address);
  if (!allowed.allowed && !allowed.undecided) {
    return {
      allowed: false,
      ...decidedBy(rules.allow, allowed.rule),
      reason: `${address} is not in a list of allowed hosts`,
    };
  }
  const dir = hosts.value?.match(address);
  if (dir !== undefined && !dir.allowed && !dir.undecided) {
    return { allowed: false, ...decidedBy(hosts, dir.rule), reason: `${address} is not among the directory's hosts` };
  }
  const lists = [...rules.rejects, rules.allow, ...(hosts.value === undefined ? [] : [hosts])];
  for (const list of lists) {
    const match = list.value!.match(address);
    if (!match.undecided) continue;
    const reason = `whether ${address} is allowed is not known yet`;
    return { allowed: false, undecided: true, ...decidedBy(list, match.rule), reason };
  }
  return {
    allowed: true,
    ...(dir ? decidedBy(hosts, dir.rule) : decidedBy(rules.allow, allowed.rule)),
    reason: `${address} is allowed`,
  };
}

/** Whether this caller may use the export. */
export function verdict(on: Export, peer: Pick<Peer, 'address' | 'port'>, flavor: number): Verdict {
  const { rules } = on;
  const address = addressVerdict(on, peer.address);
  if (!address.allowed && !address.undecided) return address;
  if (!rules.insecurePorts.value && peer.port >= PRIVILEGED_PORTS) {
    const reason = `port ${peer.port} of the client is not below 1024; mount as root (with resvport), or allow such ports (--insecure)`;
    return { allowed: false, ...decidedBy(rules.insecurePorts), reason };
  }
  const auth = flavor === auth_flavor.AUTH_NONE ? rules.authNone : rules.authSys;
  if (auth.value) return address;
  return { allowed: false, ...decidedBy(auth), reason: `auth flavor ${flavor} is off for this volume` };
}

/** Returns the ids with which the caller acts, squashed by the rules of the export. */
export function squashed({ rules }: Export, { flavor, uid, gid, groups }: Credentials): Identity {
  const anonymous =
    flavor === auth_flavor.AUTH_NONE || rules.squash.value === 'all' || (rules.squash.value === 'root' && uid === 0);
  if (anonymous) return identityOf(rules.anonUid, rules.anonGid);
  const isRootSquashed = rules.squash.value === 'root';
  // The group of root has access to files of root as well, so exports(5) squashes it with root_squash.
  const group = (id: number) => (isRootSquashed && id === 0 ? rules.anonGid : id);
  const owner = gid === NO_ID ? rules.anonGid : group(gid);
  return identityOf(uid === NO_ID ? rules.anonUid : uid, owner, groups.filter(id => id !== NO_ID).map(group));
}

/** Returns the frame of the caller's calls on the export. */
export function frameFor(on: Export, peer: Peer, credentials: Credentials, narrowCookies = false): Frame {
  return { identity: squashed(on, credentials), client: peer.address, signal: peer.signal, narrowCookies };
}
