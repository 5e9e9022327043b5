/** Writes volfiles. */
import { KEYWORDS, type Stanza } from './volfile.ts';

/** Quotes a word if the grammar needs it. */
function written(word: string): string {
  const plain = /^[^\s"\\#`][^\s"\\`]*$/.test(word) && !KEYWORDS.has(word);
  return plain ? word : `"${word.replace(/["\\]/g, '\\$&')}"`;
}

/** The lines of a stanza, each with where it stood. */
function linesOf({ name, type, options, subvolumes, where, typeWhere }: Stanza): [line: string, where: string][] {
  const lines: [string, string][] = [
    [`volume ${written(name)}`, where],
    [`    type ${written(type)}`, typeWhere],
  ];
  for (const [key, setting] of options) {
    lines.push([`    option ${written(key)} ${written(setting.value)}`, setting.where]);
  }
  const [first] = subvolumes;
  if (first !== undefined) {
    lines.push([`    subvolumes ${subvolumes.map(child => written(child.name)).join(' ')}`, first.where]);
  }
  return lines;
}

/** Writes a volfile that {@link parseVolfile} reads back as the same `stanzas`, but for where they stood. */
export function printVolfile(stanzas: readonly Stanza[]): string {
  return stanzas.map(stanza => [...linesOf(stanza).map(([line]) => line), 'end-volume', ''].join('\n')).join('\n');
}

/** Writes a volfile that {@link parseVolfile} reads back as the same `stanzas`, each line with where it stood. */
export function printWithOrigins(stanzas: readonly Stanza[]): string {
  const text: string[] = [];
  let next = '';
  for (const stanza of stanzas) {
    for (const [line, where] of linesOf(stanza)) {
      const [, file, number] = /^([^]*):(\d+)$/.exec(where) ?? [undefined, where, '1'];
      if (where !== next) text.push(`#line ${number} "${file!.replace(/["\\]/g, '\\$&')}"`);
      text.push(line);
      next = `${file}:${Number(number) + 1}`;
    }
    text.push('end-volume', '');
    next = '';
  }
  return text.join('\n');
}

/** Whether the value of an option is to be kept secret. */
const isSecret = (option: string) => /(password|seckey|secret)$/i.test(option);

const SECRET_OPTION =
  /(\boption\s+(?:[^\s"]*(?:password|seckey|secret)|"[^"]*(?:password|seckey|secret)")\s+)("(?:[^"\\]|\\[^])*"|\S+)/gi;
const MASK = '(not shown)';

/** The stanzas with secrets replaced, to be shown to people. */
export function masked(stanzas: readonly Stanza[]): Stanza[] {
  return stanzas.map(stanza => {
    if (![...stanza.options.keys()].some(isSecret)) return stanza;
    const options = [...stanza.options].map(
      ([name, setting]) => [name, isSecret(name) ? { ...setting, value: MASK } : setting] as const,
    );
    return { ...stanza, options: new Map(options) };
  });
}

/** The text of a volfile with secrets replaced. */
export function maskedText(text: string): string {
  return text.replace(SECRET_OPTION, `$1"${MASK}"`);
}
