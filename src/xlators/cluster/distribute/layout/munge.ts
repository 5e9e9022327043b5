/**
 * Temporary names that programs give to a file before they rename it, such as rsync's `.NAME.XXXXXX`, are hashed as the
 * name that the file will have, so that the rename need not leave a pointer behind. Options give the patterns as
 * POSIX's extended regular expressions.
 */

/** What GlusterFS uses unless `rsync-hash-regex` says otherwise. */
const RSYNC = '^\\.(.+)\\.[^.]+$';

/** Of a bracket expression, what JavaScript writes differently. */
const CLASSES: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  blank: ' \\t',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '\\x21-\\x7e',
  lower: 'a-z',
  print: '\\x20-\\x7e',
  punct: '!-\\/:-@\\[-`{-~',
  space: ' \\t-\\r',
  upper: 'A-Z',
  xdigit: '0-9A-Fa-f',
};

/** The bracket expression that begins at `at`, in JavaScript's syntax, and where it ends; `undefined` if it does not. */
function bracket(pattern: string, at: number): { text: string; end: number } | undefined {
  const isNegated = pattern[at + 1] === '^';
  let i = at + (isNegated ? 2 : 1);
  let text = '';
  for (let first = true; i < pattern.length; first = false) {
    const char = pattern[i]!;
    if (char === ']' && !first) return { text: `[${isNegated ? '^' : ''}${text}]`, end: i };
    const [whole, name] = /^\[:([a-z]+):\]/.exec(pattern.slice(i)) ?? [];
    if (whole !== undefined) {
      const set = CLASSES[name!];
      if (set === undefined) return undefined;
      text += set;
      i += whole.length;
      continue;
    }
    text += '\\]['.includes(char) || (char === '^' && first) ? `\\${char}` : char;
    i++;
  }
  return undefined;
}

/** A pattern in POSIX's extended syntax as one in JavaScript's; `undefined` if it cannot be one. */
export function fromPosix(pattern: string): RegExp | undefined {
  let text = '';
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!;
    if (char === '[') {
      const found = bracket(pattern, i);
      if (found === undefined) return undefined;
      text += found.text;
      i = found.end;
    } else if (char === '\\') {
      const next = pattern[++i];
      if (next === undefined) return undefined;
      // Of an ordinary character the backslash has no meaning in POSIX, and another one in JavaScript.
      text += /[\w]/.test(next) ? next : `\\${next}`;
    } else if (char === '(' && pattern[i + 1] === '?') {
      return undefined;
    } else if (char === '{' && !/^\{\d+(,\d*)?\}/.test(pattern.slice(i))) {
      text += '\\{';
    } else {
      text += char;
    }
  }
  try {
    return new RegExp(text, 's');
  } catch {
    return undefined;
  }
}

/** What a name is hashed as. */
export class Munging {
  readonly #patterns: readonly RegExp[];

  /** @throws a pattern is no regular expression */
  constructor(rsync: string | undefined, extra: string | undefined) {
    const patterns = [extra ?? 'none', rsync ?? RSYNC].filter(pattern => pattern !== 'none');
    this.#patterns = patterns.map(pattern => {
      const parsed = fromPosix(pattern);
      if (parsed === undefined) throw new Error(`${pattern} is no regular expression of POSIX's extended syntax`);
      return parsed;
    });
  }

  /** The part of the name that the first pattern which matches puts in parentheses, or else the name. */
  nameFor(name: string): string {
    for (const pattern of this.#patterns) {
      const part = pattern.exec(name)?.[1];
      if (part !== undefined && part.length < name.length) return part;
    }
    return name;
  }
}
