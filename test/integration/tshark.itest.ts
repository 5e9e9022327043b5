/**
 * Wireshark's dissectors, which others wrote from the same RFCs, read a whole session: every procedure, with successes and
 * failures, many calls under way at once. They must find nothing malformed, every call answered, and the same statuses as
 * we do.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import t from 'tap';
import { folders, serving } from '../cli/harness.ts';
import { carryOut, makeDir, mount, tryWrong } from '../soak/drive.ts';
import { Line } from '../soak/line.ts';
import { wrong } from '../soak/malformed.ts';
import { Place } from '../soak/place.ts';
import { Random } from '../soak/random.ts';

t.setTimeout(180_000);

const run = promisify(execFile);
const CALLS_EACH = 150;
const PLACES = 8;
/** Without a payload to reassemble, a call is one frame; the kernel may put many in one. */
const SNAPLEN = 0;

async function capture(port: number, file: string) {
  const child = spawn(
    'tcpdump',
    ['-i', 'lo', '-U', '-B', '32768', '-s', `${SNAPLEN}`, '-w', file, `tcp port ${port}`],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const closed = once(child, 'close');
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  while (!said.includes('listening on')) {
    if (child.exitCode !== null) throw new Error(`tcpdump ended: ${said}`);
    await sleep(20);
  }
  return async () => {
    await sleep(500);
    child.kill('SIGINT');
    await closed;
    const dropped = /(\d+) packets dropped by kernel/.exec(said);
    if (dropped?.[1] !== '0') throw new Error(`tcpdump lost packets: ${said}`);
  };
}

/** One line for each frame that `filter` lets pass, its `fields` in order; a field that is there twice has commas. */
async function decode(file: string, port: number, filter: string, fields: readonly string[]): Promise<string[][]> {
  const args = ['-r', file, '-d', `tcp.port==${port},rpc`, '-Y', filter, '-T', 'fields', '-E', 'occurrence=a'];
  const preferences = ['-o', 'rpc.find_fragment_start:FALSE', '-o', 'tcp.desegment_tcp_streams:TRUE'];
  const { stdout } = await run('tshark', [...args, ...preferences, ...fields.flatMap(field => ['-e', field])], {
    maxBuffer: 256 * 1024 * 1024,
  });
  return stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => line.split('\t'));
}

const flat = (rows: readonly string[][], column: number) =>
  rows.flatMap(row => (row[column] ?? '').split(',')).filter(value => value !== '');

t.test('a session of all procedures, as tshark reads it', async t => {
  const { dir, state, out } = folders(t, 'dir', 'state', 'out');
  const { port } = await serving(t, [dir, '--port', '0', '--state-dir', state, '--insecure']);
  const file = join(out, 'session.pcap');
  const stop = await capture(port, file);

  const line = await Line.open(port);
  const root = await mount(line, dir);
  let calls = 1;
  const work = async (nth: number) => {
    const place = new Place(await makeDir(line, root, `place-${nth}`), new Random(nth + 1));
    calls++;
    for (let i = 0; i < CALLS_EACH; i++) {
      await carryOut(line, place.next());
      calls++;
    }
    for (const make of place.everyProcedure()) {
      await carryOut(line, make());
      calls++;
    }
  };
  await Promise.all(Array.from({ length: PLACES }, (_, nth) => work(nth)));
  line.close();
  await stop();

  const malformed = await decode(file, port, '_ws.malformed || _ws.unreassembled', ['frame.number', '_ws.col.Info']);
  t.strictSame(malformed, [], 'nothing is malformed');
  const errors = await decode(file, port, '_ws.expert.severity == error', ['frame.number', '_ws.expert.message']);
  t.strictSame(errors, [], 'the dissectors have nothing to say');

  const asked = await decode(file, port, 'rpc.msgtyp == 0', ['rpc.xid', 'nfs.procedure_v3', 'rpc.program']);
  const answered = await decode(file, port, 'rpc.msgtyp == 1', ['rpc.xid', 'rpc.state_accept', 'nfs.status3']);
  t.equal(new Set(flat(asked, 0)).size, calls, 'it sees all calls');
  t.strictSame(flat(answered, 0).sort(), flat(asked, 0).sort(), 'and a reply to each');
  t.strictSame([...new Set(flat(answered, 1))], ['0'], 'all of them accepted');
  const procedures = new Set(flat(asked, 1).map(Number));
  t.equal(procedures.size, 22, 'of all 22 procedures');
  const statuses = new Set(flat(answered, 2).map(Number));
  for (const status of [0, 2, 17, 20, 21, 22]) t.ok(statuses.has(status), `status ${status} is among the answers`);
});

t.test('the answers to what is wrong are well-formed, too', async t => {
  const { dir, state, out } = folders(t, 'dir', 'state', 'out');
  const { port } = await serving(t, [dir, '--port', '0', '--state-dir', state, '--insecure']);
  const file = join(out, 'wrong.pcap');
  const stop = await capture(port, file);
  const line = await Line.open(port);
  const place = new Place(await makeDir(line, await mount(line, dir), 'place'), new Random(1));
  const random = new Random(7);
  for (let i = 0; i < 200; i++) await tryWrong(line, wrong(place, random));
  line.close();
  await stop();
  // The requests are malformed on purpose; what the server sends must not be.
  const malformed = await decode(file, port, `tcp.srcport == ${port} && _ws.malformed`, [
    'frame.number',
    '_ws.col.Info',
  ]);
  t.strictSame(malformed, []);
  // PROG_UNAVAIL is missing: the dissector does not follow a program that it does not know.
  const states = flat(await decode(file, port, `tcp.srcport == ${port} && rpc`, ['rpc.state_accept']), 0);
  t.strictSame([...new Set(states)].sort(), ['0', '2', '3', '4'], 'SUCCESS and the errors of RFC 5531');
});
