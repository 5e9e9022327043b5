/** The file of the mounts that clients have reported. Each line is `host:path:0x00000001`, see rmtab(5). */
import { MNTNAMLEN, MNTPATHLEN } from '#protocols/mount.ts';
import { escapeOctal, unescapeOctal } from '../../../../octal-escapes.ts';
import type { MountEntry } from './mount-entry.ts';

/**
 * Characters that would end a line or a field or control a terminal, and the backslash. All bytes above ASCII are among
 * them, since they may be C1 controls or change the direction of text.
 */
const SPECIAL = /[^\x20-\x5b\x5d-\x7e]/g;

/** Makes the text of the file, in latin1: each character is one byte. */
export function formatRmtab(entries: Iterable<MountEntry>): string {
  let text = '';
  for (const { host, path } of entries)
    text += `${escapeOctal(host, SPECIAL)}:${escapeOctal(path, SPECIAL)}:0x00000001\n`;
  return text;
}

export interface Rmtab {
  readonly entries: MountEntry[];
  /** The numbers of the lines that are not entries, counted from 1. */
  readonly bad: number[];
}

/** Both a host (IPv6) and a path may contain colons. The path begins at the first `:/`. */
const LINE = /^([^/\s]+?):(\/.*):0x[0-9a-fA-F]{1,8}$/;

export function parseRmtab(text: string): Rmtab {
  const entries: MountEntry[] = [];
  const bad: number[] = [];
  text.split('\n').forEach((line, i) => {
    if (line === '') return;
    const parts = LINE.exec(line);
    const host = unescapeOctal(parts?.[1] ?? '');
    const path = unescapeOctal(parts?.[2] ?? '');
    // DUMP could not send what is longer.
    if (parts && host.length <= MNTNAMLEN && path.length <= MNTPATHLEN) entries.push({ host, path });
    else bad.push(i + 1);
  });
  return { entries, bad };
}
