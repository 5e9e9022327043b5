import fc from 'fast-check';
import t from 'tap';
import { bytesOfText, fileNameOf, fromWire, textOfBytes, toWire } from '#src/wire-text.ts';

const cases: [hex: string, text: string][] = [
  ['', ''],
  ['2f61', '/a'],
  ['c3a9', 'é'],
  ['e282ac', '€'],
  ['f09f9880', '😀'],
  ['efbfbd', '\ufffd'],
  ['efbbbf61', '\ufeffa'],
  ['e9', '\udce9'],
  ['636166e9', 'caf\udce9'],
  ['c3a9e9c3a9', 'é\udce9é'],
  ['f09f98', '\udcf0\udc9f\udc98'], // This is cut short.
  ['c080', '\udcc0\udc80'], // NUL in two bytes.
  ['e08080', '\udce0\udc80\udc80'],
  ['eda080', '\udced\udca0\udc80'], // A surrogate.
  ['f4908080', '\udcf4\udc90\udc80\udc80'], // A code point above U+10FFFF.
  ['ff2f', '\udcff/'],
];

for (const [hex, text] of cases) {
  t.test(`${hex || 'nothing'}: becomes text and bytes again`, async t => {
    t.equal(textOfBytes(Buffer.from(hex, 'hex')), text);
    t.equal(bytesOfText(text).toString('hex'), hex);
  });
}

t.test('any bytes become a text, and different bytes become different texts', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), array => {
      const bytes = Buffer.from(array);
      return (
        bytesOfText(textOfBytes(bytes)).equals(bytes) &&
        toWire(fromWire(bytes.toString('latin1'))) === bytes.toString('latin1')
      );
    }),
  );
});

t.test('valid UTF-8 becomes the text that it encodes', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 64 }), text => {
      const wire = Buffer.from(text, 'utf8').toString('latin1');
      return toWire(text) === wire && fromWire(wire) === text;
    }),
  );
});

t.test('any text becomes a file name', async t => {
  t.equal(fileNameOf('data'), 'data');
  t.equal(fileNameOf('a/b ü'), encodeURIComponent('a/b ü'));
  t.equal(fileNameOf('caf\udce9/\udcff'), 'caf%e9%2F%ff');
  t.equal(fileNameOf('\ud800'), '%EF%BF%BD', 'a character that stands for no byte');
});
