/** Open files, and directories in use, whose last name is removed. */
import { constants } from 'node:fs';
import * as call from '../../support/calls.ts';
import { byBoth, type Case, group } from '../../support/case.ts';
import type { Box } from '../../support/box.ts';
import { owner } from '../../support/people.ts';

const { O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;
const TEXT = 'still there';
const REMOVED_WITHIN_MS = 20_000;

/** The names that are left. An NFS client removes `.nfs…` when the file is closed, and does not wait until that is done. */
function namesAfter(box: Box, path = box.dir): string[] {
  const until = Date.now() + REMOVED_WITHIN_MS;
  while (box.names(path).some(name => name.startsWith('.nfs')) && Date.now() < until) box.tick();
  return box.names(path);
}

function* files(): Iterable<Case> {
  for (const [how, take] of Object.entries({
    unlinked: (path: string) => call.unlink(path),
    'replaced by a rename': (path: string) => call.rename(`${path}2`, path),
  })) {
    const prepare = (box: Parameters<Case['run']>[0]): string => {
      const path = box.at('f');
      box.write(path, TEXT);
      box.write(box.at('f2'), 'another');
      return path;
    };
    yield {
      name: `a file ${how}/read and written`,
      run: box => {
        const path = prepare(box);
        const fd = box.open(path, O_RDWR);
        box.ok(take(path), how);
        box.is(call.pread(fd, 100, 0), TEXT, 'pread');
        box.is(call.pwrite(fd, 'STILL', 0), 5, 'pwrite');
        box.ok(call.fsync(fd), 'fsync');
        box.is(call.pread(fd, 100, 0), 'STILL there', 'pread of what was written');
        box.ok(call.ftruncate(fd, 5), 'ftruncate');
        box.is(box.must(call.fstat(fd)).size, 5, 'size');
        box.ok(call.fchmod(fd, 0o600), 'fchmod');
        box.is(box.must(call.fstat(fd)).mode, 0o600, 'mode');
        box.close(fd);
        box.is(namesAfter(box), how === 'unlinked' ? ['f2'] : ['f'], 'names after the close');
      },
    };
    yield {
      name: `a file ${how}/names while it is open`,
      run: box => {
        const path = prepare(box);
        box.open(path, O_RDWR);
        box.ok(take(path), how);
        if (how === 'unlinked') box.gone(path);
        else box.is(box.content(path), 'another', 'what the name leads to');
        const visible = box.names().filter(name => !name.startsWith('.nfs'));
        box.is(visible, how === 'unlinked' ? ['f2'] : ['f'], 'names');
      },
    };
    yield {
      name: `a file ${how}/no name at all`,
      except: 'silly-rename',
      run: box => {
        const path = prepare(box);
        box.open(path, O_RDWR);
        box.ok(take(path), how);
        box.is(box.names(), how === 'unlinked' ? ['f2'] : ['f'], 'names');
      },
    };
    yield {
      name: `a file ${how}/links`,
      except: 'silly-rename',
      run: box => {
        const path = prepare(box);
        const fd = box.open(path, O_RDONLY);
        box.ok(take(path), how);
        box.is(box.must(call.fstat(fd)).nlink, 0, 'links');
      },
    };
    yield {
      name: `a file ${how}/its directory removed`,
      except: 'silly-rename',
      run: box => {
        box.make('directory', 'd');
        for (const name of ['d/f', 'd/f2']) box.write(box.at(name), TEXT);
        const fd = box.open(box.at('d/f'), O_RDONLY);
        box.ok(take(box.at('d/f')), how);
        if (how === 'unlinked') box.ok(call.unlink(box.at('d/f2')), 'unlink of the other file');
        else box.ok(call.unlink(box.at('d/f')), 'unlink of the other file');
        box.ok(call.rmdir(box.at('d')), 'rmdir');
        box.is(call.pread(fd, 100, 0), TEXT, 'pread');
      },
    };
    yield {
      name: `a file ${how}/with another name`,
      run: box => {
        const path = prepare(box);
        box.ok(call.link(path, box.at('g')), 'link');
        const fd = box.open(path, O_RDWR);
        box.ok(take(path), how);
        box.is(call.pwrite(fd, 'STILL', 0), 5, 'pwrite');
        box.ok(call.fsync(fd), 'fsync');
        box.is(box.content(box.at('g')), 'STILL there', 'content by the other name');
        box.close(fd);
      },
    };
  }
  yield {
    name: 'a file unlinked/made again while it is open',
    run: box => {
      const path = box.at('f');
      const fd = box.open(path, O_CREAT | O_RDWR);
      box.is(call.pwrite(fd, TEXT, 0), TEXT.length, 'pwrite');
      box.ok(call.unlink(path), 'unlink');
      box.write(path, 'new');
      box.is(call.pread(fd, 100, 0), TEXT, 'the old one');
      box.is(box.content(path), 'new', 'the new one');
      box.close(fd);
      box.is([namesAfter(box), box.content(path)], [['f'], 'new'], 'the new one afterwards');
    },
  };
  yield {
    name: 'a file unlinked/after its directory was moved',
    run: box => {
      box.make('directory', 'd');
      box.write(box.at('d/f'), TEXT);
      const fd = box.open(box.at('d/f'), O_RDWR);
      box.ok(call.rename(box.at('d'), box.at('e')), 'rename');
      box.is(call.pread(fd, 100, 0), TEXT, 'pread');
      box.ok(call.unlink(box.at('e/f')), 'unlink');
      box.is(call.pwrite(fd, 'STILL', 0), 5, 'pwrite');
      box.is(call.pread(fd, 100, 0), 'STILL there', 'pread');
      box.close(fd);
      box.is(namesAfter(box, box.at('e')), [], 'names');
    },
  };
  yield {
    name: 'a file renamed while it is open',
    run: box => {
      box.write(box.at('f'), TEXT);
      const fd = box.open(box.at('f'), O_RDWR);
      box.ok(call.rename(box.at('f'), box.at('g')), 'rename');
      box.is(call.pwrite(fd, 'STILL', 0), 5, 'pwrite');
      box.close(fd);
      box.is(box.content(box.at('g')), 'STILL there', 'content');
    },
  };
  yield {
    name: 'a file truncated through another descriptor while it is open',
    run: box => {
      box.write(box.at('f'), TEXT);
      const fd = box.open(box.at('f'), O_RDWR);
      box.ok(call.tryOpen(box.at('f'), O_WRONLY | O_TRUNC), 'open O_TRUNC');
      box.is(call.pread(fd, 100, 0), '', 'pread');
      box.is(box.must(call.fstat(fd)).size, 0, 'size');
    },
  };
}

function* directories(): Iterable<Case> {
  yield {
    name: 'a directory removed while open/making something in it',
    except: 'removed-directory',
    run: box => {
      const dir = box.make('directory', 'd');
      box.ok(call.chdir(dir), 'chdir');
      box.ok(call.rmdir(dir), 'rmdir');
      box.is(call.tryOpen('f', O_CREAT | O_WRONLY), 'ENOENT', 'creat');
      box.is(call.mkdir('e'), 'ENOENT', 'mkdir');
      call.chdir('/');
    },
  };
  yield {
    name: 'a directory removed while open/its links',
    except: 'removed-directory',
    run: box => {
      const dir = box.make('directory', 'd');
      const fd = box.open(dir, O_RDONLY | O_DIRECTORY);
      box.ok(call.rmdir(dir), 'rmdir');
      box.is(box.must(call.fstat(fd)).nlink, 0, 'links');
    },
  };
  yield {
    name: 'a directory removed while open/listing it',
    run: box => {
      const dir = box.make('directory', 'd');
      const fd = box.open(dir, O_RDONLY | O_DIRECTORY);
      box.ok(call.rmdir(dir), 'rmdir');
      box.is(call.readdirFd(fd), 'ENOENT', 'readdir');
    },
  };
  yield {
    name: 'a directory moved while it is the working directory',
    run: box => {
      const dir = box.make('directory', 'd');
      box.make('directory', 'e');
      box.ok(call.chdir(dir), 'chdir');
      box.ok(call.rename(dir, box.at('e/d')), 'rename');
      box.ok(call.tryOpen('f', O_CREAT | O_WRONLY), 'creat');
      box.is(box.names(box.at('e/d')), ['f'], 'names');
      box.is(box.lstat('..').ino, box.lstat(box.at('e')).ino, '..');
      call.chdir('/');
    },
  };
}

export const unlinked = group('unlinked', function* () {
  yield* byBoth(files(), owner);
  yield* byBoth(directories(), owner);
});
