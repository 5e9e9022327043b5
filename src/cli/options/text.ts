/** The options of xlators as text for a terminal. */
import { printable } from '../table.ts';
import type { Effect } from '../../graph/options.ts';
import { foreignText, type OptionReport, type XlatorReport } from './reports.ts';

/** When a change takes effect, in words that follow "a change takes effect". */
const EFFECTS: Readonly<Record<Effect, string>> = {
  start: 'at the next start of the server',
  reload: 'at a reload (SIGHUP), in a new graph',
  live: 'at a reload (SIGHUP), in the running graph',
};

const INDENT = '  ';

/** @param width the number of columns that lines keep to */
export function reportText({ type, doc, subvolumes, options, foreign }: XlatorReport, width: number): string {
  const about = [doc ?? 'An xlator.', `It takes ${subvolumesText(subvolumes)}.`].join(' ');
  const blocks = [[type, ...wrap(about, INDENT, width)], ...options.map(one => optionLines(one, width))];
  if (options.length === 0) blocks.push([`${INDENT}It has no options.`]);
  if (foreign.length > 0) {
    const [indent, hanging] = [INDENT.repeat(2), INDENT.repeat(3)];
    blocks.push([
      `${INDENT}Options of other software:`,
      ...foreign.flatMap(one => wrap(`${one.name}: ${foreignText(one)}.`, indent, width, hanging)),
    ]);
  }
  return blocks.map(block => block.map(line => `${printable(line)}\n`).join('')).join('\n');
}

function optionLines(option: OptionReport, width: number): string[] {
  const [indent, hanging] = [INDENT.repeat(2), INDENT.repeat(3)];
  return [
    ...wrap(option.name, INDENT, width),
    ...wrap(option.doc, indent, width),
    ...factsOf(option).flatMap(([label, text]) => wrap(`${label}: ${text}`, indent, width, hanging)),
  ];
}

/** The facts about an option, each with its label. */
export function factsOf(option: OptionReport): [label: string, text: string][] {
  const { aliases, expected, required, effect, limitsAccess } = option;
  const facts: [string, string][] = [
    ['Value', expected],
    ['Default', required ? 'none, it must be set' : option.default],
    ['A change takes effect', EFFECTS[effect]],
  ];
  if (aliases.length > 0) facts.push(['Other names', aliases.join(', ')]);
  if (limitsAccess) facts.push(['Limits access', 'yes; in a layer that does not take it, it stops the start']);
  return facts;
}

export function subvolumesText({ min, max }: XlatorReport['subvolumes']): string {
  if (max === 0) return 'no subvolumes';
  if (max === undefined) return `${min} subvolume${min === 1 ? '' : 's'} or more`;
  return min === max ? `${min} subvolume${max === 1 ? '' : 's'}` : `${min} to ${max} subvolumes`;
}

/** Breaks text at its spaces into lines of at most `width` columns. A word that is longer has a line of its own. */
function wrap(text: string, indent: string, width: number, hanging = indent): string[] {
  const lines: string[] = [];
  let line = indent;
  let isEmpty = true;
  for (const word of text.split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = hanging;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}
