/** Small values that are kept for long do not keep large buffers alive. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t, { type Test } from 'tap';
import { hex } from './support/hex.ts';
import { authSys, serveNfs } from './support/nfs.ts';
import { mark } from './support/rpc/service.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const FILES = 500;
/** More calls than files. Each call has other credentials than the one before. */
const CALLS_PER_FILE = 24;

/**
 * How many bytes the inode of each file takes once all files have been looked up by callers with the credentials of
 * `credOf`.
 */
async function bytesPerInode(t: Test, credOf: (i: number) => string): Promise<number> {
  const served = await serveNfs(t);
  for (let i = 0; i < FILES; i++) writeFileSync(join(served.dir, `${i}`.padStart(8, '0')), '');
  const root = await served.handle('');
  const call = (name: string, i: number) =>
    hex(
      `00000001 00000000 00000002 000186a3 00000003 00000003 ${credOf(i)}${(root.length / 2).toString(16).padStart(8, '0')}` +
        `${root}00000008${Buffer.from(name).toString('hex')}`,
    );
  const client = served.connect();
  const lookUp = async (calls: readonly Buffer[]) => {
    client.socket.write(Buffer.concat(calls.map(one => mark(one))));
    for (const reply of await Promise.all(calls.map(() => client.reply()))) {
      if (reply.readUInt32BE(24) !== 0) throw new Error(`LOOKUP: ${reply.readUInt32BE(24)}`);
    }
  };
  await lookUp([call('00000000', 0)]);
  const used = async () => {
    for (let i = 0; i < 3; i++) {
      collect();
      await new Promise(resolve => setTimeout(resolve, 20));
    }
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = await used();
  for (let i = 0; i < FILES; i++) {
    const name = (j: number) => `${j === 0 ? i : 0}`.padStart(8, '0');
    await lookUp(Array.from({ length: CALLS_PER_FILE }, (_, j) => call(name(j), CALLS_PER_FILE * i + j)));
  }
  return ((await used()) - before) / FILES;
}

t.test('inodes take no more memory when each call comes from another user', async t => {
  const groups = Array.from({ length: 16 }, (_, i) => i);
  const changing = (i: number) => authSys(0, 1 + (i % 64), groups);
  await bytesPerInode(t, changing); // The first run also pays for what is made once for each caller.
  const same = await bytesPerInode(t, () => authSys(0, 0, groups));
  const different = await bytesPerInode(t, changing);
  t.comment(`bytes for each inode: ${Math.round(same)}, with changing callers ${Math.round(different)}`);
  t.ok(different < same * 1.3 + 200, `${Math.round(different)} bytes, against ${Math.round(same)}`);
});
