/** The names of control sockets. Each server has one in its state directory. */
import { basename } from 'node:path';

export const controlName = (port: number): string => `control-${port}.sock`;

/** The port in the name of a control socket; `undefined` if the path is not that of one. */
export function controlPort(path: string): number | undefined {
  const [, port] = /^control-(\d{1,5})\.sock$/.exec(basename(path)) ?? [];
  return port === undefined ? undefined : Number(port);
}
