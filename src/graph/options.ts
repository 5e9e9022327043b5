/** The options of xlators: declared by each, checked in one place. */

/** One option: how it is read from text, with its default and what to say when it cannot be. */
export interface Option<T> {
  /** Of no meaning when `required`. */
  readonly default: T;
  /** What is expected, for error messages: `a whole number from 1 to 65535`. */
  readonly expected: string;
  /** What it does, for `--help` and docs. */
  readonly doc: string;
  /** There is no default: the volfile must say. */
  readonly required?: boolean;
  /** Other names that the volfile may use for it. */
  readonly aliases?: readonly string[];
  /** The table's key is a pattern, and this is the option that each name matching it is read as. See {@link each}. */
  readonly each?: Option<unknown>;
  /** The option limits access. In a layer that does not take it, it must not be ignored. See {@link limiting}. */
  readonly limits?: boolean;
  /** `undefined` when the text is not what was expected. */
  parse(text: string): T | undefined;
}

export type OptionTable = Readonly<Record<string, Option<any>>>;
export type OptionValues<O extends OptionTable> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };

/** What every constructor takes: a default (`undefined` for "not set"), or that there is none. */
export type Spec<D> =
  | { readonly default: D; readonly required?: undefined; readonly aliases?: readonly string[] }
  | { readonly default?: undefined; readonly required: true; readonly aliases?: readonly string[] };

/** An option from its parts, for kinds that are not below. */
export function option<T, D = never>(
  spec: Spec<D>,
  expected: string,
  doc: string,
  parse: (text: string) => T | undefined,
): Option<T | D> {
  return {
    default: spec.default as D,
    required: spec.required === true,
    aliases: spec.aliases ?? [],
    expected,
    doc,
    parse: text => parse(text.trim()),
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
  return option(spec, 'on or off (also yes/no, true/false, enable/disable, 1/0)', doc, text => {
    const word = text.toLowerCase();
    return Object.hasOwn(BOOLEANS, word) ? BOOLEANS[word] : undefined;
  });
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

/** Bytes; `64KB`, `1.5MB`, `1GB` are powers of 1024, as GlusterFS has them. */
export function size<D extends number | undefined = never>(spec: Spec<D> & Range, doc: string): Option<number | D> {
  const expected = `a size in bytes from ${spec.min} to ${spec.max}, such as 65536, 64KB, 1MB or 1GB`;
  return option<number, D>(spec, expected, doc, text => {
    const bytes = quantity(text, SIZE_UNITS);
    return bytes === undefined ? undefined : inRange(Math.round(bytes), spec);
  });
}

/** From 0 to 100; the sign may be left out, fractions are allowed. */
export function percent<D extends number | undefined = never>(spec: Spec<D>, doc: string): Option<number | D> {
  return option(spec, 'a percentage from 0 to 100, such as 5, 0.1 or 50%', doc, text => {
    const [, number] = /^(\d{1,3}(?:\.\d{1,9})?)\s*%?$/.exec(text) ?? [];
    return number === undefined ? undefined : inRange(Number(number), { min: 0, max: 100 });
  });
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
  return option<readonly T[], D>(spec, `a list, separated by commas, each ${of.expected}`, doc, value => {
    const items = value.split(',').map(item => of.parse(item));
    return items.length <= max && items.every(item => item !== undefined) ? items : undefined;
  });
}

/**
 * For options with a subvolume's name inside their name, such as `nfs3.VOL.export-dir`: the table's key is
 * `nfs3.*.export-dir`, the value a Map from the subvolumes that it is set for to what is set. A name there that is no
 * subvolume stops the start.
 */
export function each<T>(of: Option<T>): Option<ReadonlyMap<string, T>> {
  const { aliases = [], limits = false } = of;
  return { default: new Map(), expected: of.expected, doc: of.doc, aliases, limits, each: of, parse: () => undefined };
}

/** `of`, marked as one that limits access: given to a layer that does not take it, it stops the start. */
export function limiting<T>(of: Option<T>): Option<T> {
  return { ...of, limits: true };
}

/** What happens to an option of other software that a layer does not have. */
export type ForeignOption =
  /** The option limits no access and has no effect here; a warning says so and gives this reason. */
  | { readonly ignored: string }
  /** The option stops the start; this says what to write in place of it. */
  | { readonly instead: string };

/** Names that users of other software may write, patterns as in an {@link OptionTable}. */
export type ForeignTable = Readonly<Record<string, ForeignOption>>;
