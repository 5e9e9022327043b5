import t from 'tap';
import { SipHash } from '#src/xlators/nfs/server/siphash.ts';

// The vectors of the reference implementation: key 00…0f, messages 00, 00 01, …
const key = Buffer.from(Array.from({ length: 16 }, (_, i) => i));
const vectors: [number, string][] = [
  [0, '310e0edd47db6f72'],
  [1, 'fd67dc93c539f874'],
  [2, '5a4fa9d909806c0d'],
  [7, '37d1018bf50002ab'],
  [8, '6224939a79f5f593'],
  [15, 'e545be4961ca29a1'],
  [16, 'db9bc2577fcc2a3f'],
  [63, '724506eb4c328a95'],
];

for (const [length, mac] of vectors) {
  t.test(`the hash of ${length} bytes is that of the reference`, async t => {
    const message = Buffer.from(Array.from({ length: length + 8 }, (_, i) => i));
    const hash = new SipHash(key);
    hash.sign(message, length, message, length);
    t.equal(message.toString('hex', length), mac);
    t.ok(hash.verify(message, length));
    for (let bit = 0; bit < 64; bit++) {
      const forged = Buffer.from(message);
      forged[length + (bit >> 3)]! ^= 1 << (bit & 7);
      if (hash.verify(forged, length)) t.fail(`a change of bit ${bit} is accepted`);
    }
  });
}
