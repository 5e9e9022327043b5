import t from 'tap';
import { dict } from '#protocols/gluster/old-dict.ts';
import { decode, encode } from '#protocols/xdr/codec.ts';

t.test('a dict of each length is written, also where its padding no longer fits into the buffer', async t => {
  for (let length = 0; length < 1100; length++) {
    const value = new Map([['key', Buffer.alloc(length, 1)]]);
    const bytes = encode(dict, value);
    if (bytes.length % 4 !== 0) t.fail(`${length} bytes are not padded`);
    if ((decode(dict, bytes).get('key') as Buffer).length !== length) t.fail(`${length} bytes`);
  }
  t.pass('all');
});
