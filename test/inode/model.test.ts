/**
 * Compares the inode table with a simple model, which remembers everything until it learns that the table has forgotten
 * it.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { FileType } from '#src/graph/iatt.ts';
import type { Inode } from '#src/graph/inode.ts';
import { InodeTable } from '#src/inode/table.ts';
import { gfidOf, iattOf } from '../support/iatt.ts';

/** Number 1 is the root, numbers up to 6 are directories, and the others are files. */
const DIRS = 6;
const OBJECTS = 16;
const PURGED_MAX = 8;

interface Known {
  readonly inode: Inode;
  refs: number;
}

class Model {
  readonly known = new Map<number, Known>();
  /** The number of the object with each name, `parent/name`, in the order in which the names were noted. */
  readonly names = new Map<string, number>();
  /** Objects that a caller still holds although the table has forgotten them. */
  readonly ghosts = new Map<Inode, number>();

  parentOf(number: number): number | undefined {
    const path = [...this.names].findLast(([, other]) => other === number)?.[0];
    return path === undefined ? undefined : Number(path.split('/')[0]);
  }

  hasNames(number: number): boolean {
    return [...this.names.keys()].some(path => path.startsWith(`${number}/`));
  }

  isAbove(number: number, directory: number | undefined): boolean {
    for (let at = directory; at !== undefined; at = this.parentOf(at)) if (at === number) return true;
    return false;
  }

  note(parent: number, name: string, number: number): void {
    const path = `${parent}/${name}`;
    if (this.names.get(path) === number || parent > DIRS || number === 1) return;
    if (number <= DIRS && this.isAbove(number, parent)) return;
    if (number <= DIRS) for (const [other, inode] of this.names) if (inode === number) this.names.delete(other);
    this.names.delete(path);
    this.names.set(path, number);
  }

  drop(number: number): void {
    const { inode, refs } = this.known.get(number)!;
    this.known.delete(number);
    if (refs > 0) this.ghosts.set(inode, refs);
    for (const [path, other] of this.names) if (other === number) this.names.delete(path);
    // The names in it can no longer be found. The table keeps them as long as the objects, out of reach.
    for (const path of this.names.keys()) if (path.startsWith(`${number}/`)) this.names.delete(path);
  }
}

class Real {
  readonly table: InodeTable;
  forgotten: Inode[] = [];

  constructor(limit: number) {
    this.table = new InodeTable({ limit, forget: inode => void this.forgotten.push(inode) });
  }
}

const numberOf = (inode: Inode) => inode.gfid.readUInt32BE(12);

/** Follows what the table has purged, if it was allowed to, and compares everything. */
function settle(model: Model, real: Real, expected: readonly Inode[] = []): void {
  const purged = real.forgotten.filter(inode => !expected.includes(inode));
  assert(purged.length <= PURGED_MAX);
  for (const inode of purged) {
    const number = numberOf(inode);
    const known = model.known.get(number);
    assert.equal(known?.inode, inode, 'what is forgotten was known');
    assert.equal(known!.refs, 0, 'a purged inode has no references');
    assert(number !== 1);
  }
  // In this order: when several are purged in one call, children are purged before their directories.
  for (const inode of purged) {
    const number = numberOf(inode);
    assert(!model.hasNames(number), 'a directory stays as long as an entry of it');
    model.drop(number);
  }
  real.forgotten = [];

  for (let number = 1; number <= OBJECTS; number++) {
    assert.equal(real.table.find(gfidOf(number)), model.known.get(number)?.inode);
  }
  for (const { inode } of model.known.values()) {
    for (const name of ['a', 'b', 'c']) {
      const child = model.names.get(`${numberOf(inode)}/${name}`);
      assert.equal(real.table.lookup(inode, name), child === undefined ? undefined : model.known.get(child)!.inode);
    }
  }
  const { inodes, inUse } = real.table.stats();
  assert.equal(inodes, model.known.size);
  assert.equal(inUse, [...model.known.values()].filter(({ refs }) => refs > 0).length);
}

const command = (
  text: string,
  needs: readonly number[],
  run: (model: Model, real: Real, inodes: Inode[]) => readonly Inode[] | void,
): fc.Command<Model, Real> => ({
  check: model => needs.every(number => model.known.has(number)),
  run(model, real) {
    const expected =
      run(
        model,
        real,
        needs.map(number => model.known.get(number)!.inode),
      ) ?? [];
    settle(model, real, expected);
  },
  toString: () => text,
});

/** An object that has lost a name is forgotten if it is unused and not a directory with remembered entries. */
function expectForgotten(model: Model, forgotten: readonly Inode[], number: number): void {
  const { inode, refs } = model.known.get(number)!;
  assert.equal(forgotten.includes(inode), refs === 0 && !model.hasNames(number));
}

const anyObject = fc.integer({ min: 1, max: OBJECTS });
const anyName = fc.constantFrom('a', 'b', 'c');
const iatt = (number: number) => iattOf({ gfid: gfidOf(number), type: number <= DIRS ? FileType.DIR : FileType.REG });

/** Most of the commands. */
const named = fc.tuple(anyObject, anyObject, anyName).map(([number, parent, name]) =>
  command(`link ${number} as ${parent}/${name}`, [parent], (model, { table }, [directory]) => {
    const inode = table.link(iatt(number), directory, name);
    if (!model.known.has(number)) model.known.set(number, { inode, refs: 0 });
    model.note(parent, name, number);
  }),
);

const commands = [
  anyObject.map(number =>
    command(`link ${number}`, [], (model, { table }) => {
      const inode = table.link(iatt(number));
      const known = model.known.get(number);
      if (known) assert.equal(inode, known.inode);
      else model.known.set(number, { inode, refs: 0 });
    }),
  ),
  fc.tuple(anyObject, anyName).map(([parent, name]) =>
    command(`${parent}/${name} was removed`, [parent], (model, { table, forgotten }, [directory]) => {
      const number = model.names.get(`${parent}/${name}`);
      table.removed(directory!, name);
      model.names.delete(`${parent}/${name}`);
      if (number !== undefined) expectForgotten(model, forgotten, number);
    }),
  ),
  fc.tuple(anyObject, anyName, anyObject, anyName).map(([from, fromName, to, toName]) =>
    command(
      `${from}/${fromName} was moved to ${to}/${toName}`,
      [from, to],
      (model, { table, forgotten }, [source, target]) => {
        const moved = model.names.get(`${from}/${fromName}`);
        const replaced = model.names.get(`${to}/${toName}`);
        table.moved(source!, fromName, target!, toName);
        if (moved !== undefined && moved === replaced) return;
        model.names.delete(`${to}/${toName}`);
        if (moved !== undefined) {
          model.names.delete(`${from}/${fromName}`);
          model.note(to, toName, moved);
        }
        if (replaced !== undefined) expectForgotten(model, forgotten, replaced);
      },
    ),
  ),
  anyObject.map(number =>
    command(`ref ${number}`, [number], (model, { table }, [inode]) => {
      table.ref(inode!);
      model.known.get(number)!.refs++;
    }),
  ),
  anyObject.map(number =>
    command(`unref ${number}`, [number], (model, { table }, [inode]) => {
      const known = model.known.get(number)!;
      if (known.refs <= (number === 1 ? 1 : 0)) return;
      known.refs--;
      table.unref(inode!);
    }),
  ),
  fc.constant(
    command('unref a ghost', [], (model, { table }) => {
      const [ghost, refs] = model.ghosts.entries().next().value ?? [];
      if (!ghost || !refs) return [];
      if (refs > 1) model.ghosts.set(ghost, refs - 1);
      else model.ghosts.delete(ghost);
      table.unref(ghost);
      return refs === 1 ? [ghost] : [];
    }),
  ),
  anyObject.map(number =>
    command(`invalidate ${number}`, [number], (model, { table, forgotten }, [inode]) => {
      table.invalidate(inode!);
      if (number === 1) return [];
      if (model.known.get(number)!.refs === 0) assert(forgotten.includes(inode!));
      model.drop(number);
      return [inode!];
    }),
  ),
  ...Array.from({ length: 5 }, () => named),
  anyObject.map(number => command(`forget ${number}`, [number], (_model, { table }, [inode]) => table.forget(inode!))),
];

t.test('whatever is done to the table, it knows what a simple model knows', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.commands(commands, { maxCommands: 120, size: 'max' }),
      (limit, steps) => {
        const real = new Real(limit);
        const model = new Model();
        model.known.set(1, { inode: real.table.root, refs: 1 });
        fc.modelRun(() => ({ model, real }), steps);
      },
    ),
    { numRuns: 300 },
  );
});
