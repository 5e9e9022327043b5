/** What ran in any of many processes, from the files that Node.js writes into NODE_V8_COVERAGE. */
import { readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

interface Script {
  readonly url: string;
  /** The ranges of a function are nested, the outer ones first. */
  readonly functions: readonly { readonly ranges: readonly Range[] }[];
}

/** The lines of a file that can run, by their numbers, and whether each did. */
export type Lines = ReadonlyMap<number, boolean>;

const MARKED_AS_RUN = 1;

/** Returns the lines of each of `files`, which are paths below `root`; none ran of a file that no process loaded. */
export function linesThatRan(root: string, directory: string, files: readonly string[]): Map<string, Lines> {
  const ran = new Map<string, Uint8Array>();
  const texts = new Map(
    files.map(file => [pathToFileURL(join(root, file)).href, readFileSync(join(root, file), 'utf8')]),
  );
  for (const [url, text] of texts) ran.set(url, new Uint8Array(text.length));
  for (const name of readdirSync(directory).filter(file => file.endsWith('.json'))) {
    for (const script of scriptsOf(join(directory, name))) {
      const all = ran.get(script.url);
      if (all) addScript(all, script);
    }
  }
  return new Map(
    files.map(file => {
      const url = pathToFileURL(join(root, file)).href;
      return [file, linesOf(texts.get(url)!, ran.get(url)!)];
    }),
  );
}

function scriptsOf(file: string): readonly Script[] {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { result: Script[] }).result;
  } catch (error) {
    if (error instanceof SyntaxError) return []; // of a process that was killed while it wrote this
    throw error;
  }
}

function addScript(all: Uint8Array, { functions }: Script): void {
  const here = new Uint8Array(all.length);
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count } of ranges)
      here.fill(count > 0 ? MARKED_AS_RUN : 0, startOffset, endOffset);
  }
  for (let i = 0; i < all.length; i++) all[i]! |= here[i]!;
}

/** Types, comments, blank lines and lines of closing brackets do not run. */
function linesOf(text: string, ran: Uint8Array): Lines {
  const lines = new Map<number, boolean>();
  let offset = 0;
  for (const [i, line] of stripTypeScriptTypes(text).split('\n').entries()) {
    const first = line.search(/\S/);
    if (first !== -1 && !/^\s*(\/\/|\/?\*|[)\]};,]+\s*$)/.test(line))
      lines.set(i + 1, ran[offset + first] === MARKED_AS_RUN);
    offset += line.length + 1;
  }
  return lines;
}
