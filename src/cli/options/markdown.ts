/** The options of xlators as a page of documentation: docs/options.md. */
import { factsOf, foreignText, subvolumesText } from './text.ts';
import type { OptionReport, XlatorReport } from './reports.ts';

const HEAD = `# Options

The options of all xlators, as a volfile sets them: \`option NAME VALUE\`. \`VOLUME\` in a name stands for the name of a
subvolume. \`bricknfs options [TYPE]\` prints the same. \`npm run docs\` generates this page from the declarations.
`;

/** Writes the page in the form that prettier gives it. */
export function optionsPage(reports: readonly XlatorReport[]): string {
  return [HEAD, ...reports.map(section)].join('\n');
}

function section({ type, doc, subvolumes, options, foreign }: XlatorReport): string {
  const about = `${escaped(doc ?? 'An xlator.')} It takes ${subvolumesText(subvolumes)}.\n`;
  const blocks = [`## ${type}\n`, about, ...options.map(optionBlock)];
  if (foreign.length > 0) {
    const lines = foreign.map(one => `- \`${one.name}\`: ${escaped(foreignText(one))}.\n`);
    blocks.push('### Options of other software\n', lines.join(''));
  }
  return blocks.join('\n');
}

function optionBlock(option: OptionReport): string {
  const facts = factsOf(option).map(([label, text]) => `- ${label}: ${escaped(text)}\n`);
  return `### \`${option.name}\`\n\n${escaped(option.doc)}\n\n${facts.join('')}`;
}

/** Text whose characters have no meaning in Markdown. */
function escaped(text: string): string {
  return text.replaceAll(/[*`<>[\]\\]|(?<=\s)_|_(?=\s)/g, char => `\\${char}`);
}
