/** Reads the repository's own files, for the rules on them. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const root = join(import.meta.dirname, '../..');

export const find = (...patterns: string[]): string[] => globSync(patterns, { cwd: root }).sort();
export const read = (file: string): string => readFileSync(join(root, file), 'utf8');
export const exists = (path: string): boolean => existsSync(join(root, path));

/** The program, without its tests. */
export const sources = find('src/**/*.ts', 'protocols/**/*.ts', 'actors/**/*.ts');
/** Every file of TypeScript. */
export const scripts = [...sources, ...find('test/**/*.ts')].sort();
/** Every page of documentation. */
export const pages = find('*.md', '.github/*.md', 'docs/**/*.md', 'docker/**/*.md', ...sourcePages());

function sourcePages(): string[] {
  return ['src', 'actors', 'protocols', 'test'].map(folder => `${folder}/**/*.md`);
}

export interface Comment {
  /** The number of its first line in the file. */
  readonly line: number;
  /** A comment that tools show for a declaration. */
  readonly doc: boolean;
  /** Without its marks, in one line. */
  readonly text: string;
}

/** Finds comments, and skips what looks like one in a string. */
const TOKENS = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<![:\\/])\/\/[^\n]*|\/\*[^]*?\*\//g;
const SAME_COMMENT = /^\n[ \t]*$/;

/** The comments of a file of TypeScript. Lines of `//` that follow one another are one comment. */
export function commentsOf(file: string): Comment[] {
  const text = read(file);
  const comments: (Comment & { end: number; text: string })[] = [];
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    if (!/^\/[/*]/.test(token)) continue;
    const doc = token.startsWith('/**');
    const plain = doc || token.startsWith('/*') ? textOfBlock(token) : token.slice(2).trim();
    const last = comments.at(-1);
    if (last && token.startsWith('//') && SAME_COMMENT.test(text.slice(last.end, index))) {
      last.text += ` ${plain}`;
      last.end = index + token.length;
    } else {
      const line = text.slice(0, index).split('\n').length;
      comments.push({ line, doc, text: plain, end: index + token.length });
    }
  }
  return comments;
}

function textOfBlock(token: string): string {
  return token
    .replaceAll(/^\/\*+|\*+\/$/g, '')
    .replaceAll(/\n\s*\*? ?/g, ' ')
    .trim();
}

export interface Import {
  /** The file of this repository that is imported. */
  readonly file: string;
  /** The names that are imported; `*` stands for all of them. */
  readonly names: readonly string[];
}

const IMPORTS =
  /\b(?:import|export)\s+(?:type\s+)?([\w*{}\s,$]*?)\s*from\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)|\bimport\s+'([^']+)'/g;

/** What a file imports of this repository, `import type` and `import()` included. */
export function importsOf(file: string): Import[] {
  const imports: Import[] = [];
  for (const [, names, from, late, effect] of code(file).matchAll(IMPORTS)) {
    const target = from ?? late ?? effect!;
    const path = target.startsWith('#') ? target.slice(1) : target.startsWith('.') && join(dirname(file), target);
    if (path) imports.push({ file: normalize(path), names: names === undefined ? ['*'] : namesIn(names) });
  }
  return imports;
}

function namesIn(clause: string): string[] {
  const inBraces = /\{([^}]*)\}/.exec(clause)?.[1];
  if (inBraces === undefined) return ['*'];
  return inBraces.split(',').flatMap(part => /^\s*(?:type\s+)?(\w+)/.exec(part)?.[1] ?? []);
}

/** The text of a file without its comments; strings stay. */
export function code(file: string): string {
  return read(file).replaceAll(TOKENS, token => (/^\/[/*]/.test(token) ? ' ' : token));
}

/** Returns a line for each offence. `found` has the offences of each file. */
export function offences(found: ReadonlyMap<string, readonly string[]>): string[] {
  return [...found].flatMap(([file, list]) => list.map(offence => `${file}: ${offence}`));
}
