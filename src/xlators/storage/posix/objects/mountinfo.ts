import { unescapeOctal } from '../../../../octal-escapes.ts';

/** One line of /proc/PID/mountinfo, as far as it is used here. Paths are latin1. */
export interface MountLine {
  readonly id: number;
  readonly parent: number;
  /** Which part of the file system is mounted; `/` unless it is a bind mount. */
  readonly root: string;
  readonly point: string;
  readonly fsType: string;
}

export function parseMountInfo(text: string): MountLine[] {
  const lines: MountLine[] = [];
  for (const line of text.split('\n')) {
    const [before, after] = line.split(' - ');
    const [id, parent, , root, point] = (before ?? '').split(' ');
    if (root === undefined || point === undefined || after === undefined) continue;
    const fsType = after.split(' ')[0] ?? '';
    lines.push({
      id: Number(id),
      parent: Number(parent),
      root: unescapeOctal(root),
      point: unescapeOctal(point),
      fsType,
    });
  }
  return lines;
}
