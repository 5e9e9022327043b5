/** Loads xlators that users write themselves: `type file:./my-xlator.ts`. */
import { stat } from 'node:fs/promises';
import { registerHooks } from 'node:module';
import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { VolfileError } from '../volfile/volfile-error.ts';
import { Xlator, type XlatorClass } from './xlator.ts';

export const FILE_TYPE = 'file:';

/** Resolves `bricknfs/…` to this project's `src/…`, wherever the importing module lies. */
const HOME = new URL('../', import.meta.url);
registerHooks({
  resolve(specifier, context, next) {
    const ours = specifier.startsWith('bricknfs/')
      ? new URL(specifier.slice('bricknfs/'.length), HOME).href
      : specifier;
    return next(ours, context);
  },
});

const isXlatorClass = (value: unknown): value is XlatorClass =>
  typeof value === 'function' && value.prototype instanceof Xlator;

/** The position of an error in the module. For a syntax error Node gives it only on the first line of the stack. */
function placeOf(error: unknown, path: string): string {
  const file = RegExp.escape(basename(pathToFileURL(path).pathname));
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const [, line] = new RegExp(`/${file}(?:\\?[\\w=-]*)?:(\\d+)`).exec(stack) ?? [];
  return line === undefined ? '' : ` (line ${line})`;
}

/**
 * Loads the class that the module exports by default. A file that was edited is loaded anew.
 * @param type `file:` and a path, relative to the folder of `volfile`
 * @throws {VolfileError} at `where`: there is no such file, it cannot be loaded, or it exports no xlator
 */
export async function loadUserXlator(type: string, volfile: string, where: string): Promise<XlatorClass> {
  const given = type.startsWith('file://') ? fileURLToPath(type) : type.slice(FILE_TYPE.length);
  const path = resolve(dirname(resolve(volfile)), given);
  const file = await stat(path, { bigint: true }).catch(() => undefined);
  if (!file?.isFile()) throw VolfileError.expected(where, 'a module with an xlator', `no file ${path}`);

  const url = pathToFileURL(path);
  url.search = `version=${file.mtimeNs}-${file.size}`;
  let module: { readonly default?: unknown };
  try {
    module = await import(url.href);
  } catch (cause) {
    const why = cause instanceof Error ? `${cause.name}: ${cause.message.split('\n')[0]}` : String(cause);
    throw new VolfileError(where, `cannot load ${path}${placeOf(cause, path)}: ${why}`, { cause });
  }
  if (!isXlatorClass(module.default)) {
    const found = module.default === undefined ? 'no default export' : 'a default export that is no such class';
    throw VolfileError.expected(
      where,
      `${path} to export by default a class that extends Xlator (of 'bricknfs/graph/xlator.ts')`,
      found,
    );
  }
  return module.default;
}
