/** Rules on the words of comments and pages. They find what is surely wrong, and leave taste to the reader. */
import { dirname, join } from 'node:path';
import t from 'tap';
import { type Comment, commentsOf, exists, find, pages, read, scripts, offences } from './tree.ts';

/** The comments for which `fault` returns something, by file. */
function comments(fault: (comment: Comment, file: string) => string | undefined): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const file of scripts) {
    const faults = commentsOf(file).flatMap(comment => {
      const text = fault(comment, file);
      return text === undefined ? [] : [`line ${comment.line}: ${text}`];
    });
    if (faults.length > 0) found.set(file, faults);
  }
  return found;
}

/** Words that are quoted are not the comment's own. */
const unquoted = (text: string) => text.replaceAll(/`[^`]*`|"[^"]*"|\{@link [^}]*\}/g, '``');

// Code is "it"; clients and callers are "the client", "the caller", "they".
const PERSONS = /\b(?:he|him|his|himself|she|her|hers|whom|whoever|nobody)\b|(?:^|[.;:]\s+)who\b/i;

const personIn = ({ text }: Pick<Comment, 'text'>) => PERSONS.exec(unquoted(text))?.[0];

t.test('comments speak of code and callers, not of persons', async t => {
  t.ok(personIn({ text: 'The one whom it serves.' }) && personIn({ text: 'Who asks again.' }), 'the rule finds some');
  t.notOk(personIn({ text: 'A user who may write, as in `his`.' }));
  const found = comments(personIn);
  t.strictSame(offences(found), []);
});

// Only these words: many a name of the system that may begin a sentence is written in lower case.
const SMALL_WORDS =
  'a an the and or but nor of in on at by to for from with without as if when while where until unless than then that ' +
  'this these which what who whose is are was were be has have not no only also its their it they so because after before';
const BEGINS_INSIDE = new RegExp(`^(?:…|\\.\\.\\.|(?:${SMALL_WORDS.replaceAll(' ', '|')})\\b)`);

function halfIn({ doc, text }: Pick<Comment, 'doc' | 'text'>): string | undefined {
  if (!doc) return undefined;
  if (text.endsWith(',')) return `ends with "${text.slice(-20)}"`;
  return BEGINS_INSIDE.test(text) ? `begins with "${text.slice(0, 20)}"` : undefined;
}

t.test('a doc comment stands alone: it begins a sentence and ends one', async t => {
  t.ok(
    halfIn({ doc: true, text: 'Its first byte,' }) && halfIn({ doc: true, text: 'and its last.' }),
    'the rule finds some',
  );
  t.notOk(halfIn({ doc: true, text: 'utimensat sets the ctime as well.' }));
  t.strictSame(offences(comments(halfIn)), []);
});

const PATHS =
  /(?<![\w./:@~$<>*-])(?:[\w.-]+\/)+[\w.-]*\w\.(?:ts|md|json|sh|vol|yaml)\b|(?<![\w./:@~$<>*-])(?:src|actors|protocols)\/[\w./-]*\w/g;
const IN_QUOTES = /`([^`\s]+\/[^`\s]*)`/g;

/** The paths in a text that name a file or folder here, as far as that can be told. */
function pathsIn(text: string): string[] {
  return [...text.matchAll(PATHS)].map(([path]) => path);
}

/** Paths are given from the root, from `src`, or from the file's own folder or one above it. */
function isThere(path: string, file: string): boolean {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if (exists(join(folder, path))) return true;
    if (folder === '.') break;
  }
  // The package is imported under its name.
  if (path.startsWith('bricknfs/')) return exists(path.replace('bricknfs', 'src'));
  return exists(join('src', path)) || exists(join('src', `${path}.ts`)) || exists(`${path}.ts`);
}

t.test('paths in comments lead to files that exist', async t => {
  t.strictSame(
    pathsIn('See `no/such.ts`, and src/sys/libc.ts.'),
    ['no/such.ts', 'src/sys/libc.ts'],
    'the rule finds some',
  );
  const found = comments(({ text }, file) => pathsIn(text).find(path => !isThere(path, file)));
  t.strictSame(offences(found), []);
});

t.test('paths on pages lead to files that exist', async t => {
  const found = new Map<string, string[]>();
  const folders = new Set(find('*/', 'src/*/', 'test/*/').map(folder => folder.split('/').at(-1)!));
  // What has changed since speaks of how it was.
  for (const file of pages.filter(it => it !== 'CHANGELOG.md')) {
    const text = read(file);
    const quoted = [...text.matchAll(IN_QUOTES)].map(([, path]) => path!);
    const ours = quoted.filter(path => /^[\w./-]+$/.test(path) && folders.has(path.split('/')[0]!));
    const stale = [...ours, ...pathsIn(text)].filter(path => !isThere(path, file));
    if (stale.length > 0) found.set(file, [...new Set(stale)]);
  }
  t.strictSame(offences(found), []);
});
