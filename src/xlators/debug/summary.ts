import { Fd, Inode } from '../../graph/inode.ts';

const TEXT_MAX = 80;
const ITEMS_MAX = 8;
const DEPTH_MAX = 3;

const gfid = (bytes: Buffer) => bytes.toString('hex').replace(/^0+(?=..)/, '');

/** Describes an argument or answer of a fop in one line of bounded length, for logs. */
export function summaryOf(value: unknown, depth = 0): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > TEXT_MAX ? `${value.slice(0, TEXT_MAX)}…` : value);
  if (typeof value === 'function') return 'function';
  if (typeof value !== 'object' || value === null) return String(value);
  if (value instanceof Inode) return `inode ${gfid(value.gfid)}`;
  if (value instanceof Fd) return `${value.anonymous ? 'anonymous ' : ''}fd ${gfid(value.inode.gfid)}`;
  if (Buffer.isBuffer(value)) return value.length === 16 ? gfid(value) : `${value.length} bytes`;
  if (depth === DEPTH_MAX) return '…';
  if (Array.isArray(value))
    return listed(
      '[',
      value.map((item: unknown) => () => summaryOf(item, depth + 1)),
      ']',
    );
  const entries: [string, unknown][] = value instanceof Map ? [...value] : Object.entries(value);
  // An object's attributes would fill the log: only those that identify it and its size are shown.
  const shown =
    'ctimeNsec' in value ? entries.filter(([key]) => ['gfid', 'type', 'mode', 'size'].includes(key)) : entries;
  return listed(
    '{',
    shown.map(
      ([key, item]) =>
        () =>
          `${key}: ${summaryOf(item, depth + 1)}`,
    ),
    '}',
  );
}

function listed(open: string, items: readonly (() => string)[], close: string): string {
  const shown = items.slice(0, ITEMS_MAX).map(item => item());
  if (items.length > ITEMS_MAX) shown.push(`… ${items.length} in all`);
  return `${open}${shown.join(', ')}${close}`;
}
