/**
 * `node test/faults/directory.ts [--entries 1000000] [--home DIR] [--mode handles|index] [--kills 2] [--narrow]
 * [--manners plus:32768,plain:512] [--serve OPTION]…`: lists one large directory, as directory/run.ts says. The directory is made
 * below DIR, so DIR decides about the file system. Exits with 1 if anything went wrong.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Manner } from './directory/lister.ts';
import { type DirectoryOutcome, listing, type Peak } from './directory/run.ts';
import type { Mode } from './kill/lives.ts';

const MiB = 1024 * 1024;
const mib = (bytes: number) => `${(bytes / MiB).toFixed(0)} MiB`;
const peakText = ({ rssBytes, descriptors }: Peak) => `${mib(rssBytes)}, ${descriptors} descriptors`;

export function summary(outcome: DirectoryOutcome): string[] {
  const { outcomes, makeSeconds, seconds, kills, made, removed, fresh, peaks, cpuSeconds, stateBytes } = outcome;
  return [
    `made in ${makeSeconds.toFixed(1)} s, listed in ${seconds.toFixed(1)} s with ${cpuSeconds.toFixed(1)} s of the servers' processor time; ${kills} kills; in the meantime ${made} names came and ${removed} went`, // prettier-ignore
    ...outcomes.map(
      ({ manner, pages, entries, bare, repeated, cookieMax, seconds }) =>
        `${manner.plus ? 'READDIRPLUS' : 'READDIR'} ${manner.bytes}: ${entries} entries (${bare} without attributes or handle) in ${pages} pages, ${repeated} asked for again, ${seconds.toFixed(1)} s; highest cookie ${cookieMax.toString(16)}`, // prettier-ignore
    ),
    `resident: fresh ${peakText(fresh)}; at most ${peaks.map(peakText).join('; ')}; state directory ${mib(stateBytes)}`,
    ...outcome.failures.slice(0, 30).map(failure => `FAILURE: ${failure}`),
  ];
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      entries: { type: 'string', default: '1000000' },
      home: { type: 'string', default: tmpdir() },
      mode: { type: 'string', default: 'handles' },
      kills: { type: 'string', default: '2' },
      narrow: { type: 'boolean', default: false },
      manners: { type: 'string', default: 'plain:512,plus:1024,plain:32768,plus:32768,plus:1048576' },
      serve: { type: 'string', multiple: true, default: [] },
    },
  });
  const manners = values.manners.split(',').map((text): Manner => {
    const [kind, bytes] = text.split(':');
    return { plus: kind === 'plus', bytes: Number(bytes) };
  });
  const home = mkdtempSync(join(values.home, 'directory-'));
  try {
    const { mode, narrow, serve } = values;
    const [entries, kills] = [Number(values.entries), Number(values.kills)];
    const outcome = await listing({ home, entries, mode: mode as Mode, kills, manners, narrow, serve });
    for (const line of summary(outcome)) process.stdout.write(`${line}\n`);
    process.exitCode = outcome.failures.length > 0 ? 1 : 0;
  } finally {
    rmSync(home, { recursive: true });
  }
}
