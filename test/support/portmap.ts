/** A table of ports, the built-in port mapper over it, and calls in hex. */
import type { Test } from 'tap';
import { portmap2 } from '#actors/portmap/portmap2.ts';
import { rpcbind3, rpcbind4 } from '#actors/portmap/rpcbind.ts';
import { type Netid, type PortEntry, PortTable } from '#src/rpc/port-table.ts';
import type { Program } from '#src/rpcsvc/actor.ts';
import { hex } from './hex.ts';

export function entry(
  netid: Netid,
  port: number,
  { program = 100003, version = 3, address = netid.endsWith('6') ? '::1' : '127.0.0.1', name = 'NFS3' } = {},
): PortEntry {
  return { name, program, version, netid, address, port, owner: 'bricknfs' };
}

export function tableOf(...entries: PortEntry[]): PortTable {
  const table = new PortTable();
  for (const one of entries) table.add(one);
  return table;
}

export const portMapper = (table: PortTable) => [portmap2(table), rpcbind3(table), rpcbind4(table)];

/** The procedures that {@link portmapCall} was asked for, as `version procedure` in hex. */
const called = new Set<string>();

/** A call of program 100000. `version` and `procedure` have eight hex digits each. */
export function portmapCall(version: string, procedure: string, args = ''): Buffer {
  called.add(`${version} ${procedure}`);
  return hex(`
  0000002a 00000000 00000002            // xid 42, CALL, RPC version 2
  000186a0 ${version} ${procedure}      // port mapper
  00000000 00000000 00000000 00000000   // cred and verf: AUTH_NONE
  ${args}`);
}

/** The last test of a table of wire cases: each procedure of `programs` was called by one of them. */
export function testThatAllWereCalled(t: Test, ...programs: readonly Program[]): void {
  void t.test('every procedure has a case', async t => {
    for (const { name, version, actors } of programs) {
      for (const [procedure, actor] of Object.entries(actors)) {
        const digits = [version, Number(procedure)].map(number => number.toString(16).padStart(8, '0'));
        t.ok(called.has(digits.join(' ')), `${name} ${actor.name}`);
      }
    }
  });
}
