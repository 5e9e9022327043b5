/** The options of xlators: declared by each, checked in one place. */

/**
 * When a changed value takes effect in a running server: with the reload, in the xlators that run (`live`); with the
 * reload, in a new graph that takes the place of the present one (`reload`); or when the server starts again (`start`).
 */
export type Effect = 'live' | 'reload' | 'start';

/** One option: how it is read from text, with its default and what to say when it cannot be. */
export interface Option<T> {
  /** The value if the volfile does not set the option. It has no meaning for a required option. */
  readonly default: T;
  /** The values that it takes, as a phrase for messages and for docs: `a whole number from 1 to 65535`. */
  readonly expected: string;
  /** What it does, for docs. */
  readonly doc: string;
  /** There is no default: the volfile must set it. */
  readonly required?: boolean;
  /** What holds while it is not set, for docs, where `default` does not tell: `a quarter of the memory`. */
  readonly unset?: string | undefined;
  /** Other names that the volfile may use for it. */
  readonly aliases?: readonly string[];
  /** The table's key is a pattern, and this is the option that each name matching it is read as. See {@link each}. */
  readonly each?: Option<unknown>;
  /** The option limits access. In a layer that does not take it, it must not be ignored. See {@link limiting}. */
  readonly limits?: boolean;
  /** When a change of it takes effect; with a new graph (`reload`) unless it is marked by {@link live} or {@link atStart}. */
  readonly effect?: Effect;
  /** `undefined` when the text is not what was expected. */
  parse(text: string): T | undefined;
  /** The value as a volfile would have it. Absent for kinds whose values are written as `String` writes them. */
  show?(value: T): string;
}

export type OptionTable = Readonly<Record<string, Option<any>>>;
export type OptionValues<O extends OptionTable> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };

interface Common {
  readonly aliases?: readonly string[];
  /** See {@link Option.unset}. */
  readonly unset?: string;
}

/** What every constructor takes: a default (`undefined` for "not set"), or that there is none. */
export type Spec<D> =
  | (Common & { readonly default: D; readonly required?: undefined })
  | (Common & { readonly default?: undefined; readonly required: true });

/** An option from its parts, for kinds that are not below. */
export function option<T, D = never>(
  spec: Spec<D>,
  expected: string,
  doc: string,
  parse: (text: string) => T | undefined,
  show: (value: T) => string = String,
): Option<T | D> {
  return {
    default: spec.default as D,
    required: spec.required === true,
    unset: spec.unset,
    aliases: spec.aliases ?? [],
    expected,
    doc,
    parse: text => parse(text.trim()),
    show: value => (value === undefined ? '' : show(value as T)),
  };
}

const BOOLEANS: Readonly<Record<string, boolean>> = {
  on: true,
  yes: true,
  true: true,
  enable: true,
  '1': true,
  off: false,
  no: false,
  false: false,
  disable: false,
  '0': false,
};

/** GlusterFS's words for yes and no, in upper or lower case. */
export function bool<D extends boolean | undefined = never>(spec: Spec<D>, doc: string): Option<boolean | D> {
  const parse = (text: string) => {
    const word = text.toLowerCase();
    return Object.hasOwn(BOOLEANS, word) ? BOOLEANS[word] : undefined;
  };
  const expected = 'on or off (also yes/no, true/false, enable/disable, 1/0)';
  return option<boolean, D>(spec, expected, doc, parse, value => (value ? 'on' : 'off'));
}

interface Range {
  readonly min: number;
  readonly max: number;
}

const inRange = (value: number, { min, max }: Range) => (value >= min && value <= max ? value : undefined);

/** Decimal, or hexadecimal as GlusterFS takes it (`0x801`). */
export function integer<D extends number | undefined = never>(spec: Spec<D> & Range, doc: string): Option<number | D> {
  return option<number, D>(spec, `a whole number from ${spec.min} to ${spec.max}`, doc, text =>
    /^([+-]?\d{1,16}|0x[0-9a-f]{1,13})$/i.test(text) ? inRange(Number(text), spec) : undefined,
  );
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  kb: 2 ** 10,
  m: 2 ** 20,
  mb: 2 ** 20,
  g: 2 ** 30,
  gb: 2 ** 30,
  t: 2 ** 40,
  tb: 2 ** 40,
  p: 2 ** 50,
  pb: 2 ** 50,
};

/** `text` as a number and a unit of `units`, multiplied out. */
function quantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, number, unit] = /^(\d{1,16}(?:\.\d{1,9})?)\s*([a-z]*)$/i.exec(text) ?? [];
  if (number === undefined || unit === undefined) return undefined;
  const factor = Object.hasOwn(units, unit.toLowerCase()) ? units[unit.toLowerCase()] : undefined;
  return factor === undefined ? undefined : Number(number) * factor;
}

/** A number of bytes with the largest unit of which it is a whole multiple: `64KB`, `1GB`, `1000`. */
function sizeText(bytes: number): string {
  const unit =
    bytes > 0 ? ['PB', 'TB', 'GB', 'MB', 'KB'].find(name => bytes % SIZE_UNITS[name.toLowerCase()]! === 0) : undefined;
  return unit === undefined ? `${bytes}` : `${bytes / SIZE_UNITS[unit.toLowerCase()]!}${unit}`;
}

/** Bytes; `64KB`, `1.5MB`, `1GB` are powers of 1024, as GlusterFS has them. */
export function size<D extends number | undefined = never>(spec: Spec<D> & Range, doc: string): Option<number | D> {
  const expected = `a size in bytes from ${sizeText(spec.min)} to ${sizeText(spec.max)}, such as 65536, 64KB, 1MB or 1GB`;
  const parse = (text: string) => {
    const bytes = quantity(text, SIZE_UNITS);
    return bytes === undefined ? undefined : inRange(Math.round(bytes), spec);
  };
  return option<number, D>(spec, expected, doc, parse, sizeText);
}

/** From 0 to 100; the sign may be left out, fractions are allowed. */
export function percent<D extends number | undefined = never>(spec: Spec<D>, doc: string): Option<number | D> {
  const parse = (text: string) => {
    const [, number] = /^(\d{1,3}(?:\.\d{1,9})?)\s*%?$/.exec(text) ?? [];
    return number === undefined ? undefined : inRange(Number(number), { min: 0, max: 100 });
  };
  return option<number, D>(spec, 'a percentage from 0 to 100, such as 5, 0.1 or 50%', doc, parse, value => `${value}%`);
}

const TIME_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  ms: 0.001,
  s: 1,
  sec: 1,
  m: 60,
  min: 60,
  h: 3600,
  hr: 3600,
  d: 86_400,
  days: 86_400,
  w: 604_800,
  wk: 604_800,
};

/** Seconds; GlusterFS's suffixes s/sec, m/min, h/hr, d/days, w/wk are understood, and ms. */
export function duration<D extends number | undefined = never>(spec: Spec<D> & Range, doc: string): Option<number | D> {
  const expected = `a time from ${spec.min} to ${spec.max} seconds, such as 30, 500ms, 10min or 1hr`;
  return option<number, D>(spec, expected, doc, text => {
    const seconds = quantity(text, TIME_UNITS);
    return seconds === undefined ? undefined : inRange(seconds, spec);
  });
}

/** One of some words, in upper or lower case; the value is the word as it is spelled in `words`. */
export function choice<const W extends string, D extends W | undefined = never>(
  words: readonly W[],
  spec: Spec<D>,
  doc: string,
): Option<W | D> {
  const byWord = new Map(words.map(word => [word.toLowerCase(), word]));
  return option(spec, `one of ${words.join(', ')}`, doc, text => byWord.get(text.toLowerCase()));
}

/** Any text that is not empty. */
export function text<D extends string | undefined = never>(spec: Spec<D>, doc: string): Option<string | D> {
  return option(spec, 'some text', doc, value => (value === '' ? undefined : value));
}

/** An absolute path, without the slashes at its end. */
export function path<D extends string | undefined = never>(spec: Spec<D>, doc: string): Option<string | D> {
  return option(spec, 'an absolute path, such as /srv/data', doc, value =>
    value.startsWith('/') ? value.replace(/(?!^)\/+$/, '') : undefined,
  );
}

/** The value is in the usual form: lower case, with dashes. */
export function uuid<D extends string | undefined = never>(spec: Spec<D>, doc: string): Option<string | D> {
  return option(spec, 'a UUID, such as 6ba7b810-9dad-41d1-80b4-00c04fd430c8', doc, value => {
    const id = value.toLowerCase();
    return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) ? id : undefined;
  });
}

/** Values separated by commas, each of the kind of `of`; at most `max` of them. */
export function list<T, D = never>(
  of: Option<T>,
  spec: Spec<D> & { readonly max?: number },
  doc: string,
): Option<readonly T[] | D> {
  const max = spec.max ?? 4096;
  const parse = (value: string) => {
    const items = value.split(',').map(item => of.parse(item));
    return items.length <= max && items.every(item => item !== undefined) ? items : undefined;
  };
  const show = (items: readonly T[]) => items.map(item => showOption(of, item)).join();
  return option<readonly T[], D>(spec, `a list, separated by commas, each ${of.expected}`, doc, parse, show);
}

/**
 * For options with a subvolume's name inside their name, such as `nfs3.VOL.export-dir`: the table's key is
 * `nfs3.*.export-dir`, the value a Map from the subvolumes that it is set for to what is set. A name there that is no
 * subvolume stops the start.
 */
export function each<T>(of: Option<T>): Option<ReadonlyMap<string, T>> {
  const { expected, doc, aliases = [], limits = false, effect = 'reload' } = of;
  return { default: new Map(), expected, doc, aliases, limits, effect, each: of, parse: () => undefined };
}

/** `of`, marked as one that limits access: given to a layer that does not take it, it stops the start. */
export function limiting<T>(of: Option<T>): Option<T> {
  return { ...of, limits: true };
}

/**
 * `of`, marked as one that a running xlator can change, see `Xlator.reconfigure`. A reload in which only such options
 * differ keeps the graph, its inodes and its connections.
 */
export function live<O extends Option<any>>(of: O): O {
  return { ...of, effect: 'live' };
}

/** `of`, marked as one that is read only when the server starts. A reload that changes it logs that a restart is needed. */
export function atStart<O extends Option<any>>(of: O): O {
  return { ...of, effect: 'start' };
}

/** A value of the option as a volfile would have it; empty if it is not set. */
export function showOption<T>(of: Option<T>, value: T): string {
  if (value === undefined) return '';
  return of.show?.(value) ?? String(value);
}

/** What happens to an option of other software that a layer does not have. */
export type ForeignOption =
  /** The option limits no access and has no effect here; a warning says so and gives this reason. */
  | { readonly ignored: string }
  /**
   * As `ignored`, for what GlusterFS writes into volfiles unasked, or what no user of this server would miss. It is
   * named in one line together with all others of its kind, and its reason stands in the documentation.
   */
  | { readonly unused: string }
  /** The option stops the start; this says what to write in place of it. */
  | { readonly instead: string };

/** Names that users of other software may write, patterns as in an {@link OptionTable}. */
export type ForeignTable = Readonly<Record<string, ForeignOption>>;
