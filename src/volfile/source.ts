/** Where the text of a volfile comes from. A reload reads it again. */
import { readFile } from 'node:fs/promises';
import { bytesOfText, textOfBytes } from '../wire-text.ts';

export interface VolfileSource {
  /** For messages, and for paths in the volfile that are relative to it: a path, or what stands in place of one. */
  readonly name: string;
  /** Whether the text is the same at each reading, so that there is nothing to reload. */
  readonly fixed: boolean;
  /** Reads the whole text. @throws an error of Node's with a code */
  read(): Promise<string>;
}

/** A file, which may be edited while it is served. */
export class VolfileFile implements VolfileSource {
  readonly name: string;
  readonly fixed = false;

  constructor(path: string) {
    this.name = path;
  }

  async read(): Promise<string> {
    return textOfBytes(await readFile(bytesOfText(this.name)));
  }
}

/** A volfile that was made from flags of the command line. */
export class GeneratedVolfile implements VolfileSource {
  static readonly NAME = '(generated volfile)';
  readonly name = GeneratedVolfile.NAME;
  readonly fixed = true;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Promise<string> {
    return Promise.resolve(this.#text);
  }
}
