import { command } from './command.ts';
import { EXIT, usageError } from '../failure.ts';
import { optionsPage } from '../options/markdown.ts';
import { reportAll, reportType } from '../options/reports.ts';
import { reportText } from '../options/text.ts';

/** The width of the text in wider terminals, and where there is none. Longer lines are hard to read. */
const COLUMNS_MAX = 80;

export const options = command({
  options: {
    json: { type: 'boolean', default: false, describe: 'print JSON' },
    markdown: { type: 'boolean', default: false, describe: 'print Markdown, as in docs/options.md' },
  },
  examples: [
    ['bricknfs options', 'the options of all xlators'],
    ['bricknfs options nfs/server', 'the options of one type'],
    ['bricknfs options file:./caesar.ts', 'the options of an xlator of your own'],
    ['bricknfs options --json storage/posix', 'the same as JSON'],
  ],

  async run(args, types) {
    if (types.length > 1) throw usageError(`expected one type at most, found ${types.length} (${types.join(', ')})`);
    if (args.json && args.markdown) throw usageError('expected one of --json and --markdown, found both');
    const [type] = types;
    const reports = type === undefined ? await reportAll() : [await reportType(type)];
    if (args.json) process.stdout.write(`${JSON.stringify(reports, undefined, 2)}\n`);
    else if (args.markdown) process.stdout.write(optionsPage(reports));
    else {
      const width = Math.min(COLUMNS_MAX, process.stdout.columns || COLUMNS_MAX);
      process.stdout.write(reports.map(report => reportText(report, width)).join('\n\n'));
    }
    return EXIT.OK;
  },
});
