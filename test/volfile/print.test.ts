/** Volfiles that are written: what was read comes back, also where it stood, and without secrets where people see it. */
import t from 'tap';
import { masked, maskedText, printVolfile, printWithOrigins } from '#src/volfile/print.ts';
import { parseVolfile } from '#src/volfile/volfile.ts';

const text = `volume brick
  type storage/posix option directory "/srv/my data"
  option a 1


  option b 2
end-volume
#line 7 "other \\"file\\""
volume nfs
  type nfs/server
  subvolumes
    brick
end-volume
`;

t.test('lines say where they come from', async t => {
  const [brick, nfs] = parseVolfile(text, 'f');
  t.equal(brick!.options.get('b')!.where, 'f:6');
  t.strictSame([nfs!.where, nfs!.typeWhere], ['other "file":7', 'other "file":8']);
  t.equal(nfs!.subvolumes[0]!.where, 'other "file":10');
  t.throws(() => parseVolfile('#line 20 "g"\nvolume a\n type b\n option\nend-volume', 'f'), {
    message: 'g:23: expected the name of the option, found `end-volume`',
  });
});

t.test('other comments mean nothing', async t => {
  for (const comment of ['#line', '#line x "g"', '#line 1 g', ' #line 9 "g"', '#line 1 "g" ', '# line 9 "g"']) {
    t.equal(parseVolfile(`${comment}\nvolume a\n type b\nend-volume`, 'f')[0]!.where, 'f:2', comment);
  }
});

t.test('a volfile that is printed with its origins is read back with them', async t => {
  const stanzas = parseVolfile(text, 'f');
  t.strictSame(parseVolfile(printWithOrigins(stanzas), 'printed'), stanzas);
  t.equal(printWithOrigins(parseVolfile(printVolfile(stanzas), 'p')).match(/^#line/gm)!.length, 2, 'once a volume');
});

t.test('secrets are not shown', async t => {
  const secret = `volume c
  type protocol/client
  option username u-1
  option password p-1
  option
    password-file /etc/x
  option transport.socket.password "p \\" 2"
  option features.s3plugin-seckey s-1
end-volume
`;
  for (const shown of [printVolfile(masked(parseVolfile(secret, 'f'))), maskedText(secret)]) {
    t.notMatch(shown, /p-1|s-1|p \\" 2/);
    t.match(shown, 'u-1');
    t.match(shown, '/etc/x');
    t.equal(shown.match(/\(not shown\)/g)!.length, 3);
    t.equal(parseVolfile(shown, 'f').length, 1);
  }
  const plain = parseVolfile(text, 'f');
  t.strictSame(masked(plain), plain);
});
