/**
 * A verdict about a caller holds for that caller only, and only for as long as its grounds hold. While they are not
 * known, the verdict is neither yes nor no: the client is told to try again later.
 */
import t from 'tap';
import { NO_AUTH } from '#protocols/rpc.ts';
import { parseVolfile } from '#src/volfile/volfile.ts';
import { readOptions } from '#src/graph/options/read-options.ts';
import { errnoOf } from '#src/errno.ts';
import { silent } from '#src/log.ts';
import type { Call } from '#src/rpcsvc/actor.ts';
import { authNone } from '#src/rpcsvc/auth/none.ts';
import type { Credentials } from '#src/rpcsvc/auth/scheme.ts';
import { Groups } from '#src/sys/process/groups.ts';
import { type Access, Accesses } from '#src/xlators/nfs/server/exports/accesses.ts';
import type { Export } from '#src/xlators/nfs/server/exports/exports.ts';
import { planExports } from '#src/xlators/nfs/server/exports/plan-exports.ts';
import { HostNames, type NameService } from '#src/xlators/nfs/server/exports/host-names.ts';
import { HostRules } from '#src/xlators/nfs/server/exports/hosts.ts';
import { OPTIONS } from '#src/xlators/nfs/server/options.ts';
import { callFrom } from '../../support/rpc/call.ts';

function exportWith(...options: string[]): Export {
  const lines = ['volume nfs', ' type nfs/server', ...options.map(option => ` option ${option}`), 'end-volume'];
  const [stanza] = parseVolfile(lines.join('\n'), 'nfs.vol');
  const { values, origins } = readOptions(OPTIONS, { ...stanza!, subvolumes: [{ name: 'v', where: 'nfs.vol' }] });
  return planExports([{ name: 'v' }], { options: values, origins, where: 'nfs.vol:1' }).exports[0]!;
}

const CLIENT = '10.0.0.1';
const sys = (uid: number, gid = uid, groups: number[] = []): Credentials => ({
  flavor: 1,
  uid,
  gid,
  groups,
  machinename: '',
});
const from = (address = CLIENT, credentials = sys(1000)): Call => ({ ...callFrom(address), credentials });

/** `allowed`, or the errno that the caller gets. */
async function verdictOf(accesses: Accesses, call: Call, on: Export): Promise<string> {
  try {
    await accesses.of(call, on);
    return 'allowed';
  } catch (error) {
    return errnoOf(error) ?? 'a bug';
  }
}

/** A name service that answers with what `answers` holds: a list, the code of an error, or nothing at all. */
function names(answers: Record<string, string[] | string | undefined>) {
  const answer = (key: string): Promise<string[]> => {
    const found = answers[key];
    if (found === undefined) return new Promise(() => {});
    if (typeof found === 'string') return Promise.reject(Object.assign(new Error(found), { code: found }));
    return Promise.resolve(found);
  };
  const service: NameService = { addressesOf: answer, namesOf: answer };
  let nowMs = 0;
  return { names: new HostNames(service, () => nowMs), advance: (ms: number) => (nowMs += ms), now: () => nowMs };
}

function exportFor(lists: { allow?: string; reject?: string; dir?: string }, known: HostNames): Export {
  const on = exportWith();
  const list = (text: string | undefined) => text && HostRules.parse(text, 'nfs.vol:3', known);
  const rule = (option: string, text: string | undefined) => ({ option, where: 'nfs.vol:3', value: list(text) as any });
  const rules = { ...on.rules };
  if (lists.allow !== undefined) Object.assign(rules, { allow: rule('rpc-auth.addr.allow', lists.allow) });
  if (lists.reject !== undefined) Object.assign(rules, { rejects: [rule('rpc-auth.addr.reject', lists.reject)] });
  return { ...on, rules, hosts: rule('nfs3.v.export-dir', lists.dir) };
}

t.test('with AUTH_NONE the verdict on one caller is not that on another', async t => {
  const on = exportWith('rpc-auth.addr.allow 10.0.0.1', 'rpc-auth.ports.insecure off');
  const anonymous = (address: string, port = 700): Call => ({ ...callFrom(address, 'tcp', port) });
  const orders = [
    [anonymous(CLIENT), anonymous('10.0.0.2')],
    [anonymous('10.0.0.2'), anonymous(CLIENT)],
    [anonymous(CLIENT), anonymous(CLIENT, 2000)],
    [anonymous(CLIENT, 2000), anonymous(CLIENT)],
  ];
  for (const [first, second] of orders) {
    const accesses = new Accesses(silent, false);
    for (const call of [first!, second!, first!, second!]) {
      const allowed = call.peer.address === CLIENT && call.peer.port < 1024;
      t.equal(await verdictOf(accesses, call, on), allowed ? 'allowed' : 'EACCES');
    }
  }
  t.not(authNone.authenticate(NO_AUTH, NO_AUTH), authNone.authenticate(NO_AUTH, NO_AUTH));
});

t.test('two connections with the same credentials have their own verdicts', async t => {
  const on = exportWith('rpc-auth.addr.allow 10.0.0.1');
  const accesses = new Accesses(silent, false);
  const shared = sys(1000);
  const calls = [from(CLIENT, shared), from('10.0.0.2', shared)];
  for (const [call, expected] of [
    [calls[0]!, 'allowed'],
    [calls[1]!, 'EACCES'],
    [calls[0]!, 'allowed'],
  ] as const) {
    t.equal(await verdictOf(accesses, call, on), expected);
  }
});

const DNS: Record<string, string[] | string | undefined> = {
  it: [CLIENT],
  other: ['10.0.0.9'],
  nosuch: 'ENOTFOUND',
  noaddress: 'ENODATA',
  down: 'EAI_AGAIN',
  slow: undefined,
};
const HOSTS: readonly (readonly [lists: Parameters<typeof exportFor>[0], expected: string, more?: typeof DNS])[] = [
  [{ allow: 'it' }, 'allowed'],
  [{ allow: 'other' }, 'EACCES'],
  [{ allow: 'nosuch' }, 'EACCES'],
  [{ allow: 'noaddress' }, 'EACCES'],
  [{ allow: 'down' }, 'EJUKEBOX'],
  [{ allow: 'slow' }, 'EJUKEBOX'],
  [{ allow: 'down,10.0.0.0/8' }, 'allowed'],
  [{ allow: 'other,down' }, 'EJUKEBOX'],
  [{ allow: 'down,it' }, 'allowed'],
  [{ allow: '11.0.0.0/8,nosuch' }, 'EACCES'],
  [{ reject: 'it' }, 'EACCES'],
  [{ reject: 'other' }, 'allowed'],
  [{ reject: 'nosuch' }, 'allowed'],
  [{ reject: 'down' }, 'EJUKEBOX'],
  [{ reject: 'slow' }, 'EJUKEBOX'],
  [{ reject: 'down', allow: '11.0.0.0/8' }, 'EACCES'],
  [{ reject: '10.0.0.1', allow: 'down' }, 'EACCES'],
  [{ reject: 'nosuch', allow: 'it' }, 'allowed'],
  [{ dir: 'it' }, 'allowed'],
  [{ dir: 'other' }, 'EACCES'],
  [{ dir: 'down' }, 'EJUKEBOX'],
  [{ dir: 'down', allow: 'other' }, 'EACCES'],
  [{ allow: '*.example.org' }, 'allowed', { [CLIENT]: ['a.example.org'], 'a.example.org': [CLIENT] }],
  [{ allow: '*.example.org' }, 'EACCES', { [CLIENT]: ['a.example.org'], 'a.example.org': ['10.0.0.9'] }],
  [{ allow: '*.example.org' }, 'EACCES', { [CLIENT]: ['a.example.org'], 'a.example.org': 'ENOTFOUND' }],
  [{ allow: '*.example.org' }, 'EACCES', { [CLIENT]: 'ENOTFOUND' }],
  [{ allow: '*.example.org' }, 'EJUKEBOX', { [CLIENT]: 'ETIMEOUT' }],
  [{ allow: '*.example.org' }, 'EJUKEBOX', { [CLIENT]: ['a.example.org'], 'a.example.org': 'EAI_AGAIN' }],
  [{ reject: '*.example.org' }, 'EACCES', { [CLIENT]: ['a.example.org'], 'a.example.org': [CLIENT] }],
  [{ reject: '*.example.org' }, 'EJUKEBOX', { [CLIENT]: 'ESERVFAIL' }],
];
for (const [lists, expected, more] of HOSTS) {
  const what = Object.entries(lists).map(([list, words]) => `${list} ${words}`);
  t.test(`the first call after a start, ${[...what, JSON.stringify(more ?? {})].join(' ')}: ${expected}`, async t => {
    const on = exportFor(lists, names({ ...DNS, ...more }).names);
    const accesses = new Accesses(silent, false);
    const call = from();
    t.equal(await verdictOf(accesses, call, on), expected);
    t.equal(await verdictOf(accesses, call, on), expected, 'the next call gets the same');
  });
}

t.test('a verdict by host name changes with the name, also on an open connection', async t => {
  const answers: typeof DNS = { nas: [CLIENT] };
  const { names: known, advance, now } = names(answers);
  const on = exportFor({ allow: 'nas' }, known);
  const accesses = new Accesses(silent, false, undefined, now);
  const call = from();
  const after = async (ms: number) => {
    advance(ms);
    await verdictOf(accesses, call, on); // This looks the name up again if it is time.
    await new Promise(setImmediate);
    advance(1000);
    return verdictOf(accesses, call, on);
  };
  t.equal(await verdictOf(accesses, call, on), 'allowed');
  answers['nas'] = ['10.0.0.9'];
  t.equal(await after(61_000), 'EACCES', 'refused while another host has the name');
  answers['nas'] = [CLIENT];
  t.equal(await after(61_000), 'allowed', 'allowed when it has the name back');
  answers['nas'] = 'ENOTFOUND';
  t.equal(await after(61_000), 'EACCES', 'refused when the name is gone');
  answers['nas'] = [CLIENT];
  t.equal(await after(11_000), 'allowed');
  answers['nas'] = 'EAI_AGAIN';
  t.equal(await after(61_000), 'allowed', 'allowed while the name server is down for a moment');
  t.equal(await after(3_600_000), 'EJUKEBOX', 'unknown when it is down for an hour');
  answers['nas'] = [CLIENT];
  t.equal(await after(11_000), 'allowed', 'allowed when the name server is back');
});

function groupsOf(answers: Record<number, readonly number[] | Error | undefined>) {
  let nowMs = 0;
  const lookUp = async (uid: number) => {
    const found = answers[uid];
    if (found instanceof Error) throw found;
    return found ?? new Promise<never>(() => {});
  };
  const accesses = new Accesses(silent, false, new Groups(lookUp, () => nowMs), () => nowMs);
  return { accesses, advance: (ms: number) => (nowMs += ms) };
}
const auxGids = (...more: string[]) => exportWith('nfs.server-aux-gids on', ...more);
const groupsAs = async (accesses: Accesses, call: Call, on: Export) => {
  const access: Access = await accesses.of(call, on);
  return access.frame.identity.groups;
};

t.test('nfs.server-aux-gids: a user that has left a group loses it on an open connection', async t => {
  const answers: Record<number, readonly number[]> = { 1000: [7, 8] };
  const { accesses, advance } = groupsOf(answers);
  const [call, on] = [from(CLIENT, sys(1000, 1000, [99])), auxGids()];
  t.strictSame(await groupsAs(accesses, call, on), [7, 8], 'the groups are not those that the client sends');
  answers[1000] = [8];
  advance(11_000);
  await groupsAs(accesses, call, on);
  await new Promise(setImmediate);
  advance(1000);
  t.strictSame(await groupsAs(accesses, call, on), [8]);
  answers[1000] = [];
  advance(60_000);
  t.strictSame(await groupsAs(accesses, call, on), [], 'lost at once after a silence');
  t.strictSame(await groupsAs(accesses, from(CLIENT, sys(1000)), on), [], 'lost on other connections');
});

t.test('nfs.server-aux-gids: a failing look-up is not an answer, but an unknown user is one', async t => {
  const answers: Record<number, readonly number[] | Error | undefined> = { 1000: new Error('no answer'), 1001: [] };
  const { accesses, advance } = groupsOf(answers);
  const on = auxGids();
  const call = from();
  t.equal(await verdictOf(accesses, call, on), 'EJUKEBOX');
  t.strictSame(await groupsAs(accesses, from(CLIENT, sys(1001)), on), []);
  answers[1000] = [7];
  t.strictSame(await groupsAs(accesses, call, on), [7], 'the next call asks again');
  answers[1000] = new Error('no answer');
  advance(20_000);
  t.strictSame(await groupsAs(accesses, call, on), [7], 'known groups stay valid for a while');
  advance(20_000);
  t.equal(await verdictOf(accesses, call, on), 'EJUKEBOX', 'known groups become invalid after that');
});

t.test('nfs.server-aux-gids: slow look-ups delay only their own users, and not for long', async t => {
  const { accesses } = groupsOf({ 1001: [7] });
  const on = auxGids();
  t.strictSame(await groupsAs(accesses, from(CLIENT, sys(1001)), on), [7]);
  const stuck = Array.from({ length: 16 }, (_, i) => verdictOf(accesses, from('10.0.0.2', sys(2000 + i)), on));
  t.strictSame(
    await groupsAs(accesses, from('10.0.0.3', sys(1001)), on),
    [7],
    'a known user is answered in the meantime',
  );
  t.strictSame(new Set(await Promise.all(stuck)), new Set(['EJUKEBOX']));
});

t.test('nfs.server-aux-gids: squashing applies to groups that are looked up', async t => {
  const { accesses } = groupsOf({ 1000: [0, 7], 0: [5], 65_534: [6] });
  const none = auxGids();
  t.strictSame(await groupsAs(accesses, from(), none), [0, 7]);
  const root = auxGids('nfs3.v.squash root', 'nfs3.v.anongid 98');
  t.strictSame(await groupsAs(accesses, from(), root), [98, 7], 'root’s group gives root’s files away as well');
  t.strictSame(await groupsAs(accesses, from(CLIENT, sys(0)), root), [], 'root is the anonymous user, without groups');
  const all = auxGids('nfs3.v.squash all');
  t.strictSame(await groupsAs(accesses, from(), all), []);
  const anonymous = callFrom(CLIENT);
  t.strictSame(await groupsAs(accesses, anonymous, none), [], 'AUTH_NONE');
});
