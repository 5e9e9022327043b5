import pino from 'pino';
import t from 'tap';
import { harmless } from '#src/log-text.ts';
import { PeerLog } from '#src/peer-log.ts';

function peerLog(level = 'info') {
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    { base: null, timestamp: false, level },
    { write: line => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  return { peers: new PeerLog(log), lines };
}

t.test('the first line is logged at once, and the others of the same second as one line with a count', async t => {
  const { peers, lines } = peerLog();
  for (let i = 0; i < 1000; i++) peers.warn({ client: 'a', path: `/${i}` }, 'mount refused');
  t.strictSame(lines, [{ level: 40, client: 'a', path: '/0', msg: 'mount refused' }]);
  peers.flush();
  t.strictSame(lines[1], { level: 40, client: 'a', path: '/999', leftOut: 998, msg: 'mount refused' });
  peers.flush();
  t.equal(lines.length, 2, 'nothing is logged when nothing has happened');
});

t.test('there is one line for each second as long as messages come', async t => {
  const { peers, lines } = peerLog();
  for (let second = 0; second < 10; second++) {
    for (let i = 0; i < 100; i++) peers.info({ client: 'a' }, 'mounted');
    peers.flush();
  }
  t.equal(lines.length, 11);
  const told = lines.reduce((sum, { leftOut }) => sum + 1 + Number(leftOut ?? 0), 0);
  t.equal(told, 1000, 'every message is counted');
});

t.test('different clients and messages are logged apart', async t => {
  const { peers, lines } = peerLog();
  for (const client of ['a', 'b']) for (const message of ['mounted', 'mount refused']) peers.info({ client }, message);
  t.equal(lines.length, 4);
});

t.test('the lines of all clients together are limited, and so is what is kept of them', async t => {
  const { peers, lines } = peerLog();
  for (let i = 0; i < 100_000; i++) peers.warn({ client: `client ${i}` }, 'connection refused');
  t.equal(lines.length, 64);
  peers.flush();
  t.strictSame(lines[64], { level: 40, leftOut: 100_000 - 64, msg: 'lines about more clients were left out' });
  t.equal(lines.length, 65);
  peers.warn({ client: 'late' }, 'connection refused');
  t.equal(lines.length, 66, 'in the next second lines are logged again');
});

t.test('messages below the level cost nothing', async t => {
  const { peers, lines } = peerLog('warn');
  for (let i = 0; i < 10; i++) peers.debug({ client: 'a' }, 'credentials refused');
  peers.flush();
  t.strictSame(lines, []);
});

t.test('characters that control a terminal are escaped, and the JSON keeps its meaning', async t => {
  const text =
    'C1 \u009b31m, DEL \u007f, override \u202e, isolate \u2066, mark \u200f \u061c, BOM \ufeff, line \u2028; ä 日本 🙂';
  const line = harmless(JSON.stringify({ text }));
  t.notMatch(line, /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/);
  t.match(line, /\\u009b31m/);
  t.match(line, /ä 日本 🙂/, 'other text is left alone');
  t.equal((JSON.parse(line) as { text: string }).text, text);
});
