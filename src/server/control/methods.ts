/** The methods that the control socket answers. */
import { isIP } from 'node:net';
import type { ControlMethods } from './control.ts';
import { ControlError } from './control.ts';
import { explain, type Question } from './explain.ts';
import { exportsReport, mountsReport, statusReport } from './report.ts';
import type { Server } from '../server.ts';

export function controlMethods(server: Server, version: string): ControlMethods {
  return {
    status: () => statusReport(server, version),
    exports: () => exportsReport(server),
    mounts: () => mountsReport(server),
    explain: params => explain(server, questionOf(params)),
  };
}

/** The most groups that a question about a caller may have. */
const GROUPS_MAX = 1024;

/** Checks the parameters of `explain`. @throws {ControlError} */
function questionOf(params: unknown): Question {
  const { client, port, path, uid, gid, groups } = (params ?? {}) as Record<string, unknown>;
  const isId = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0;
  if (typeof client !== 'string' || isIP(client) === 0) throw new ControlError('expected an IP address as client');
  if (typeof path !== 'string') throw new ControlError('expected a path');
  if (!isId(port) || !isId(uid) || !isId(gid)) throw new ControlError('expected whole numbers as port, uid and gid');
  if (!Array.isArray(groups) || groups.length > GROUPS_MAX || !groups.every(isId)) {
    throw new ControlError(`expected a list of at most ${GROUPS_MAX} whole numbers as groups`);
  }
  return { client, port, path, uid, gid, groups };
}
