/** The words of `-o`. */
import t from 'tap';
import { mountWords } from '#src/cli/commands/mount/words.ts';

t.test('words become options of mount/fuse, flags of the mount, and settings of the command', async t => {
  const words = mountWords([
    'ro,noatime,_netdev,defaults,x-systemd.automount,comment=a',
    'acl,entry-timeout=10,direct-io-mode=enable,log-level=DEBUG',
    'xlator-option=brick.index=on,backup-volfile-servers=b:c,backupvolfile-server=d,log-file=/var/log/x',
  ]);
  t.strictSame(words, {
    fuse: new Map([
      ['acl', 'on'],
      ['entry-timeout', '10'],
      ['direct-io-mode', 'enable'],
      ['mount-flags', 'ro,noatime'],
    ]),
    overrides: ['brick.index=on'],
    logLevel: 'DEBUG',
    logFile: '/var/log/x',
    servers: ['b', 'c', 'd'],
  });
  t.strictSame(mountWords(['noacl']).fuse, new Map([['acl', 'off']]));
});

t.test('a word that is wrong is refused, with what was expected', async t => {
  const refused = (word: string, message: string) => t.throws(() => mountWords([word]), { exitCode: 2, message }, word);
  refused('noatme', 'unknown word -o noatme (did you mean "noatime"?)');
  refused('entry-timeout', 'expected a value for -o entry-timeout, found nothing');
  refused(
    'entry-timeout=long',
    'expected a time from 0 to 3600 seconds, such as 30, 500ms, 10min or 1hr for -o entry-timeout, found "long"',
  );
  refused('log-file=', 'expected a value for -o log-file, found nothing');
});
