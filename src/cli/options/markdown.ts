/** The options of xlators as a page of documentation: docs/options.md. */
import { factsOf, subvolumesText } from './text.ts';
import { FOREIGN_REPORTS, type ForeignReport, foreignText, type OptionReport, type XlatorReport } from './reports.ts';

const HEAD = `# Options

The options of all xlators, as a volfile sets them: \`option NAME VALUE\`. \`VOLUME\` in a name stands for the name of a
subvolume. \`bricknfs options [TYPE]\` prints the same. \`npm run docs\` generates this page from the declarations.
`;

const FOREIGN_HEAD = `## Layers of GlusterFS that are not built here

A volfile may name them. Those that have no effect are left out of the graph, and named in one line at the start.
`;

/** Writes the page in the form that prettier gives it. */
export function optionsPage(reports: readonly XlatorReport[]): string {
  const foreign = `${FOREIGN_HEAD}\n${foreignLines(FOREIGN_REPORTS)}`;
  return [HEAD, ...reports.map(section), foreign].join('\n');
}

function section({ type, doc, subvolumes, options, foreign }: XlatorReport): string {
  const about = `${escaped(doc ?? 'An xlator.')} It takes ${subvolumesText(subvolumes)}.\n`;
  const blocks = [`## ${type}\n`, about, ...options.map(optionBlock)];
  if (foreign.length > 0) {
    blocks.push('### Options of other software\n', foreignLines(foreign));
  }
  return blocks.join('\n');
}

const foreignLines = (foreign: readonly ForeignReport[]): string =>
  foreign.map(one => `- \`${one.name}\`: ${escaped(foreignText(one))}.\n`).join('');

function optionBlock(option: OptionReport): string {
  const facts = factsOf(option).map(([label, text]) => `- ${label}: ${escaped(text)}\n`);
  return `### \`${option.name}\`\n\n${escaped(option.doc)}\n\n${facts.join('')}`;
}

/** Text whose characters have no meaning in Markdown. */
function escaped(text: string): string {
  return text.replaceAll(/[*`<>[\]\\]|(?<=\s)_|_(?=\s)/g, char => `\\${char}`);
}
