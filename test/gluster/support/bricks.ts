/** What real bricks have on their disks. */
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

export interface Brick {
  /** Its number in the volume, from 0. */
  readonly index: number;
  readonly path: string;
}

/** The extended attributes of a path on a brick, in hexadecimal digits. */
export function xattrsOf({ path }: Brick, name: string, pattern = '.'): Readonly<Record<string, string>> {
  const args = ['-d', '-h', '-m', pattern, '-e', 'hex', '--absolute-names', join(path, name)];
  const lines = execFileSync('getfattr', args, { encoding: 'latin1', stdio: ['ignore', 'pipe', 'pipe'] }).split('\n');
  return Object.fromEntries(
    lines.flatMap(line => {
      const [, key, value] = /^([^#=]+)=0x([0-9a-f]*)$/.exec(line) ?? [];
      return key === undefined ? [] : [[key, value!]];
    }),
  );
}

/** The counters of failures that bricks keep of an object that `heal info` lists, as readable lines. */
export function marksOf(bricks: readonly Brick[], listed: string): string[] {
  const [, gfid] = /^<gfid:([-0-9a-f]+)>/.exec(listed) ?? [];
  const path = listed.replace(/ - (Is in split-brain|Possibly undergoing heal)$/, '');
  const name = gfid === undefined ? path : `.glusterfs/${gfid.slice(0, 2)}/${gfid.slice(2, 4)}/${gfid}`;
  return bricks.map(brick => {
    try {
      const marks = Object.entries(xattrsOf(brick, name, '^trusted\\.(afr|gfid$)')).map(entry => entry.join('='));
      return `brick ${brick.index}: ${lstatSync(join(brick.path, name)).size} bytes, ${marks.join(' ')}`;
    } catch {
      return `brick ${brick.index}: not there`;
    }
  });
}

/** Whether a brick's list of the objects that other bricks lack something of has an entry, in its own form. */
export const hasFailures = ({ path }: Brick): boolean =>
  readdirSync(join(path, '.glusterfs/indices/xattrop')).some(name => !name.startsWith('xattrop-'));

/** An object of a brick: type and permissions, owner, links, and a digest of its bytes. */
export type Shown = readonly [mode: string, owner: string, nlink: number, content: string];

/**
 * All that a brick has, by its paths, to be compared with another replica. What is GlusterFS's own is left out, and so are
 * the links in the directories that the self-heal daemon has removed with all that was in them: a brick keeps these for up
 * to ten minutes, and the files in them may have been renamed and so live on.
 */
export function treeOf({ path }: Brick, shows: { readonly content?: boolean } = {}): Record<string, Shown> {
  const tree: Record<string, Shown> = {};
  const removed = linksBelow(join(path, '.glusterfs/landfill'));
  const visit = (name: string) => {
    const here = join(path, name);
    const stats = lstatSync(here);
    const content = shows.content === false ? '' : stats.isFile() ? digest(readFileSync(here)) : '';
    const target = stats.isSymbolicLink() ? readlinkSync(here) : content;
    // A brick keeps a link to each file by its gfid.
    const nlink = stats.isDirectory() ? 0 : stats.nlink - 1 - (removed.get(stats.ino) ?? 0);
    tree[name] = [(stats.mode & 0o177777).toString(8), `${stats.uid}:${stats.gid}`, nlink, target];
    if (!stats.isDirectory()) return;
    for (const entry of readdirSync(here).sort()) if (name !== '' || !isInternal(entry)) visit(join(name, entry));
  };
  visit('');
  return tree;
}

/** How many links each inode has below a directory, which a new brick may not have yet and an old one may be emptying. */
function linksBelow(directory: string): Map<number, number> {
  const links = new Map<number, number>();
  const entries = existsSync(directory) ? readdirSync(directory, { recursive: true, withFileTypes: true }) : [];
  for (const entry of entries) {
    const stats = lstatSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false });
    if (stats?.isDirectory() === false) links.set(stats.ino, (links.get(stats.ino) ?? 0) + 1);
  }
  return links;
}

const isInternal = (name: string): boolean => name.startsWith('.glusterfs') || name === '.trashcan';

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** What differs between the first tree and another one, as readable lines; at most twenty. */
export function differences(one: Readonly<Record<string, Shown>>, other: Readonly<Record<string, Shown>>): string[] {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  const shown = (what: Shown | undefined) => what?.join(' ') ?? 'nothing';
  const differing = names.filter(name => shown(one[name]) !== shown(other[name]));
  return differing.slice(0, 20).map(name => `${name}: ${shown(one[name])} / ${shown(other[name])}`);
}
