/**
 * Reads and writes volfiles, GlusterFS's description of a graph. Words stand in free form; `#` starts a comment that
 * ends with its line:
 *
 *     volume NAME
 *         type CATEGORY/NAME
 *         option KEY VALUE          # "a value with spaces" goes in double quotes
 *         subvolumes NAME ...       # declared further up
 *     end-volume
 *
 * A comment of the form `#line NUMBER "FILE"` says where the lines after it come from, for messages: a volfile may be
 * made of others.
 */
import { shown, VolfileError } from './volfile-error.ts';

/** A value of an option, and where it was set. */
export interface Setting {
  readonly value: string;
  /** `file:line`, or the argument of the command line that overrides the file. */
  readonly where: string;
  /** Whether it was set on the command line: it then also wins over the same option set under another of its names. */
  readonly override?: boolean;
  /** The volumes were named by a pattern, so the option is meant for those of them that take it. */
  readonly glob?: boolean;
}

export interface Subvolume {
  readonly name: string;
  /** What the volfile has in this place, if that is a layer which was left out of the graph. */
  readonly writtenName?: string;
  readonly where: string;
}

/** One `volume … end-volume`. */
export interface Stanza {
  readonly name: string;
  readonly type: string;
  readonly options: ReadonlyMap<string, Setting>;
  readonly subvolumes: readonly Subvolume[];
  /** Where its `volume` line stands: `file:line`. */
  readonly where: string;
  /** Where its `type` line stands: `file:line`. */
  readonly typeWhere: string;
}

/** The longest volfile that is read. The bounds let a wrong file (a disk image, a log) be refused at once. */
export const VOLFILE_CHARS_MAX = 4 * 1024 * 1024;
export const LINE_CHARS_MAX = 64 * 1024;
export const VOLUMES_MAX = 4096;

interface Token {
  readonly text: string;
  readonly file: string;
  readonly line: number;
  /** A quoted word is never a keyword. */
  readonly quoted: boolean;
}

/** The words of the grammar, which need quotes where they stand for themselves. */
export const KEYWORDS: ReadonlySet<string> = new Set(['volume', 'type', 'option', 'subvolumes', 'end-volume']);
const isKeyword = (token: Token) => !token.quoted && KEYWORDS.has(token.text);

/** Splits one line into words. A comment begins at a `#` that is not inside a word or quotes. */
const WORD = /[ \t\r\f\v]+|#[^]*|"((?:[^"\\]|\\[^])*)"|([^ \t\r\f\v"]+)|(")/y;

/** Says of the lines after it which ones of which file they are. */
const ORIGIN = /^#line (\d{1,9}) "((?:[^"\\]|\\["\\])*)"$/;

const unescaped = (quoted: string) => quoted.replace(/\\(["\\])/g, '$1');

function* tokensOf(text: string, name: string): Generator<Token, undefined> {
  let file = name;
  let line = 0;
  for (const source of text.split('\n')) {
    const [, number, from] = ORIGIN.exec(source) ?? [];
    if (number !== undefined) {
      line = Number(number) - 1;
      file = unescaped(from!);
      continue;
    }
    line++;
    if (source.length > LINE_CHARS_MAX) {
      throw VolfileError.expected(
        `${file}:${line}`,
        `lines of at most ${LINE_CHARS_MAX} characters`,
        `${source.length}`,
      );
    }
    for (WORD.lastIndex = 0; WORD.lastIndex < source.length;) {
      const at = WORD.lastIndex;
      const [, quoted, plain, lone] = WORD.exec(source)!;
      if (lone !== undefined) {
        throw VolfileError.expected(`${file}:${line}`, 'a closing quote on the same line', shown(source.slice(at)));
      }
      // GlusterFS runs the text between backticks in a shell and uses its output. Reading a file must not run anything.
      if (plain?.includes('`')) {
        throw VolfileError.expected(`${file}:${line}`, 'a value (commands in backticks are not run)', shown(plain));
      }
      if (plain !== undefined) yield { text: plain, file, line, quoted: false };
      else if (quoted !== undefined) yield { text: unescaped(quoted), file, line, quoted: true };
    }
  }
}

class Parser {
  #file: string;
  readonly #tokens: Iterator<Token, undefined>;
  #next: Token | undefined;
  /** Of the token last taken. */
  #line = 1;

  constructor(text: string, file: string) {
    this.#file = file;
    this.#tokens = tokensOf(text, file);
    this.#next = this.#tokens.next().value;
  }

  volumes(): Stanza[] {
    const stanzas = new Map<string, Stanza>();
    while (this.#next) {
      const stanza = this.#volume(stanzas);
      if (stanzas.size === VOLUMES_MAX) throw new VolfileError(stanza.where, `more than ${VOLUMES_MAX} volumes`);
      stanzas.set(stanza.name, stanza);
    }
    if (stanzas.size === 0) throw this.#expected('`volume NAME`: the file declares none');
    return [...stanzas.values()];
  }

  #volume(known: ReadonlyMap<string, Stanza>): Stanza {
    if (!this.#at('volume')) throw this.#expected('`volume NAME`');
    this.#take();
    const { where } = this;
    const name = this.#word('the name of the volume');
    const twin = known.get(name);
    if (twin)
      throw new VolfileError(where, `expected a new name, but volume ${shown(name)} is declared at ${twin.where}`);

    const within = `in volume ${shown(name)} (${where})`;
    if (!this.#at('type')) throw this.#expected(`\`type\` first ${within}`);
    this.#take();
    const typeWhere = this.where;
    const type = this.#word('a type, such as storage/posix');

    const options = new Map<string, Setting>();
    let subvolumes: readonly Subvolume[] | undefined;
    for (;;) {
      if (this.#at('option')) {
        this.#option(options);
      } else if (this.#at('subvolumes')) {
        if (subvolumes) throw this.#expected(`one \`subvolumes\` only ${within}`);
        subvolumes = this.#subvolumes();
      } else if (this.#at('end-volume')) {
        this.#take();
        return { name, type, options, subvolumes: subvolumes ?? [], where, typeWhere };
      } else if (this.#at('type')) {
        throw this.#expected(`one \`type\` only ${within}`);
      } else if (!this.#next || this.#at('volume')) {
        throw this.#expected(`\`end-volume\` for volume ${shown(name)} (${where})`);
      } else {
        const quotes = this.#next.line === this.#line ? ' (a value with spaces goes in double quotes)' : '';
        throw this.#expected(`\`option\`, \`subvolumes\` or \`end-volume\` ${within}${quotes}`);
      }
    }
  }

  #option(options: Map<string, Setting>): void {
    this.#take();
    const { where } = this;
    const key = this.#word('the name of the option');
    const value = this.#word(`a value for option ${shown(key)}`, true);
    const first = options.get(key);
    if (first)
      throw new VolfileError(where, `expected option ${shown(key)} once, but it is also set at ${first.where}`);
    options.set(key, { value, where });
  }

  #subvolumes(): Subvolume[] {
    this.#take();
    const subvolumes: Subvolume[] = [];
    do {
      const name = this.#word('the name of a volume declared above');
      const { where } = this;
      if (subvolumes.some(other => other.name === name)) {
        throw VolfileError.expected(where, 'each subvolume once', `${shown(name)} again`);
      }
      subvolumes.push({ name, where });
    } while (this.#next && !isKeyword(this.#next));
    return subvolumes;
  }

  /** Of the token last taken. */
  get where(): string {
    return `${this.#file}:${this.#line}`;
  }

  #at(keyword: string): boolean {
    return this.#next !== undefined && !this.#next.quoted && this.#next.text === keyword;
  }

  #take(): Token {
    const token = this.#next!;
    this.#file = token.file;
    this.#line = token.line;
    this.#next = this.#tokens.next().value;
    return token;
  }

  #word(what: string, mayBeEmpty = false): string {
    if (!this.#next || isKeyword(this.#next) || (this.#next.text === '' && !mayBeEmpty)) throw this.#expected(what);
    return this.#take().text;
  }

  /** An error about the token that comes next. */
  #expected(what: string): VolfileError {
    if (!this.#next) return VolfileError.expected(this.where, what, 'the end of the file');
    const { text, file, line, quoted } = this.#next;
    const found = !quoted && isKeyword(this.#next) ? `\`${text}\`` : shown(text);
    return VolfileError.expected(`${file}:${line}`, what, found);
  }
}

/** Finds a way from `from` back to itself along subvolumes, as names; `undefined` if there is none. */
function cycleThrough(from: Stanza, byName: ReadonlyMap<string, Stanza>): string[] | undefined {
  const seen = new Set<string>();
  const way: string[] = [];
  const visit = (stanza: Stanza): boolean => {
    way.push(stanza.name);
    for (const { name } of stanza.subvolumes) {
      if (name === from.name) return true;
      const next = byName.get(name);
      if (!next || seen.has(name)) continue;
      seen.add(name);
      if (visit(next)) return true;
    }
    way.pop();
    return false;
  };
  return visit(from) ? [...way, from.name] : undefined;
}

/**
 * As in GlusterFS, the subvolumes of a volume must be declared above it, so that no cycle can be written. If one was
 * meant, the error names it.
 */
function checkReferences(stanzas: readonly Stanza[]): void {
  const byName = new Map(stanzas.map(stanza => [stanza.name, stanza]));
  const above = new Set<string>();
  for (const stanza of stanzas) {
    for (const { name, where } of stanza.subvolumes) {
      if (above.has(name)) continue;
      const below = byName.get(name);
      const cycle = below && cycleThrough(stanza, byName);
      if (cycle) throw VolfileError.expected(where, 'no volume under itself', `a cycle: ${cycle.join(' -> ')}`);
      const why = below ? `which is declared further down (${below.where})` : 'which no volume here is called';
      throw VolfileError.expected(where, 'a volume declared above', `${shown(name)}, ${why}`);
    }
    above.add(stanza.name);
  }
}

/**
 * Parses a volfile. The result is in the file's order: the subvolumes of a volume come before it.
 * @param file names it in messages
 * @throws {VolfileError}
 */
export function parseVolfile(text: string, file: string): Stanza[] {
  if (text.length > VOLFILE_CHARS_MAX) {
    throw VolfileError.expected(`${file}:1`, `at most ${VOLFILE_CHARS_MAX} characters`, `${text.length}`);
  }
  const nul = text.indexOf('\0');
  if (nul >= 0) {
    const line = text.slice(0, nul).split('\n').length;
    throw VolfileError.expected(`${file}:${line}`, 'text', 'a NUL byte');
  }
  const stanzas = new Parser(text.replace(/^\uFEFF/, ''), file).volumes();
  checkReferences(stanzas);
  return stanzas;
}
