/** The capabilities that this process has, and what it cannot do without the others. */
import { readFileSync } from 'node:fs';
import { capget, capset } from '../libc.ts';

const BITS = {
  chown: 0,
  dacOverride: 1,
  dacReadSearch: 2,
  fowner: 3,
  fsetid: 4,
  setgid: 6,
  setuid: 7,
  sysResource: 24,
  mknod: 27,
} as const;

export type Capability = keyof typeof BITS;
export type Capabilities = Readonly<Record<Capability, boolean>>;

/** Parses the line `CapEff` of /proc/PID/status. */
export function parseCapabilities(status: string): Capabilities {
  const [, hex = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  const mask = BigInt(`0x${hex}`);
  const entries = Object.entries(BITS).map(([name, bit]) => [name, ((mask >> BigInt(bit)) & 1n) === 1n]);
  return Object.fromEntries(entries) as Capabilities;
}

let known: Capabilities | undefined;

/** @throws {Error} /proc is not there */
function processStatus(): string {
  try {
    return readFileSync('/proc/self/status', 'latin1');
  } catch (cause) {
    throw new Error('/proc is not mounted, and the server needs it', { cause });
  }
}

/** Returns the capabilities that this process had at its start. */
export const processCapabilities = (): Capabilities => (known ??= parseCapabilities(processStatus()));

/** Whether a server of this user can act as its callers. If not, all of them act as this user. */
export function tellsApart({ setuid, setgid }: Capabilities, uid: number): boolean {
  return uid === 0 && setuid && setgid;
}

/** One line for each thing that the server cannot do with these capabilities; empty when it can do all. */
export function describeLimits(capabilities: Capabilities, uid: number): string[] {
  const limits: string[] = [];
  if (!tellsApart(capabilities, uid)) {
    limits.push(`all callers act as uid ${uid} (acting as themselves needs root, CAP_SETUID and CAP_SETGID)`);
    return limits.concat(capabilities.dacReadSearch ? [] : [NO_HANDLES]);
  }
  if (!capabilities.dacReadSearch) limits.push(NO_HANDLES);
  if (!capabilities.dacOverride) limits.push('root cannot use files whose modes exclude it (no CAP_DAC_OVERRIDE)');
  if (!capabilities.chown) limits.push('owners cannot be changed (no CAP_CHOWN)');
  if (!capabilities.fowner) limits.push("root cannot change the modes and times of other users' files (no CAP_FOWNER)");
  if (!capabilities.mknod) limits.push('devices cannot be created (no CAP_MKNOD)');
  return limits;
}

const NO_HANDLES = 'file handles need an index in the state directory (no CAP_DAC_READ_SEARCH)';

const VERSION_3 = 0x2008_0522;

/**
 * Gives up CAP_SYS_RESOURCE in this thread and those that it makes later. With this capability, callers who are not root
 * could use the blocks reserved for root and exceed their quotas.
 */
export function dropReserve(): void {
  const header = Buffer.alloc(8);
  const data = Buffer.alloc(24);
  header.writeUInt32LE(VERSION_3, 0);
  if (capget(header, data) < 0) return;
  const effective = data.readUInt32LE(0);
  const without = (effective & ~(1 << BITS.sysResource)) >>> 0;
  if (without === effective) return;
  data.writeUInt32LE(without, 0);
  capset(header, data);
}
