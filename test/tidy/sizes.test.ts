/** Limits on the sizes of files and folders. */
import { dirname } from 'node:path';
import t from 'tap';
import { find, read, sources, offences } from './tree.ts';

const LINES_MAX = 300;
const FILES_MAX = 16;
/** Folders that may have more files, and why. */
const LARGE_FOLDERS: Record<string, string> = {
  'actors/nfs3/procedures': 'one file for each procedure of RFC 1813',
  'test/actors/nfs3/procedures': 'one file for each procedure of RFC 1813',
};

t.test(`no source file has more than ${LINES_MAX} lines`, async t => {
  const long = new Map<string, string[]>();
  for (const file of sources) {
    const lines = read(file).split('\n').length - 1;
    if (lines > LINES_MAX) long.set(file, [`${lines} lines`]);
  }
  t.strictSame(offences(long), []);
});

t.test(`no folder has more than ${FILES_MAX} files`, async t => {
  const counts = new Map<string, number>();
  for (const file of find('{src,protocols,actors,test}/**/*.*', 'test/linux-client/suites/*')) {
    counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  }
  const large = new Map<string, string[]>();
  for (const [folder, count] of counts) {
    if (count > FILES_MAX && !(folder in LARGE_FOLDERS)) large.set(folder, [`${count} files`]);
  }
  t.strictSame(offences(large), []);
  const needless = Object.keys(LARGE_FOLDERS).filter(folder => (counts.get(folder) ?? 0) <= FILES_MAX);
  t.strictSame(needless, [], 'every exception is needed');
});
