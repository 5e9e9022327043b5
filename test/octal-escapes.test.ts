import t from 'tap';
import { escapeOctal, unescapeOctal } from '#src/octal-escapes.ts';

const SPECIAL = /[\s\\]/g;

t.test('escaped text reads as before', async t => {
  t.equal(escapeOctal('a b\n\\c', SPECIAL), 'a\\040b\\012\\134c');
  for (const text of ['', 'plain', 'a b\n\\c', '\\040', '\xff\x00 ']) {
    t.equal(unescapeOctal(escapeOctal(text, SPECIAL)), text);
  }
});

t.test('only three digits of at most 377 are an escape', async t => {
  t.equal(unescapeOctal('\\377'), '\xff');
  for (const text of ['\\400', '\\08x', '\\12', '\\']) t.equal(unescapeOctal(text), text);
});
