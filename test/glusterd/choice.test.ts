import t from 'tap';
import { choiceOf, failed, learned, pauseMs, serverOf, worked } from '#src/glusterd/choice.ts';
import { parseServer, serverText } from '#src/glusterd/servers.ts';

const server = (text: string) => parseServer(text)!;
const start = (...names: string[]) => choiceOf(names.map(server));

t.test('addresses of servers', async t => {
  const read = (text: string) => parseServer(text) ?? 'nothing';
  t.strictSame(read('gnode'), { host: 'gnode', port: 24_007 });
  t.strictSame(read('gnode:1'), { host: 'gnode', port: 1 });
  t.strictSame(read('10.0.0.7:65535'), { host: '10.0.0.7', port: 65_535 });
  t.strictSame(read('fd00::1'), { host: 'fd00::1', port: 24_007 });
  t.strictSame(read('[fd00::1]:7'), { host: 'fd00::1', port: 7 });
  t.strictSame(parseServer('gnode', 9), { host: 'gnode', port: 9 });
  for (const bad of ['', 'a b', 'gnode:0', 'gnode:65536', 'gnode:', ':7', '[gnode]:7', 'a/b', 'x'.repeat(254)]) {
    t.equal(read(bad), 'nothing', bad);
  }
  for (const text of ['gnode', 'gnode:1', 'fd00::1', '[fd00::1]:7']) t.equal(serverText(server(text)), text);
});

t.test('one server after the other is asked, with a pause after each round', async t => {
  let choice = start('a', 'b', 'c');
  const tried: [string, number][] = [];
  for (let i = 0; i < 16; i++) {
    tried.push([serverOf(choice).host, pauseMs(choice)]);
    choice = failed(choice);
  }
  t.equal(tried.map(([host]) => host).join(''), 'abcabcabcabcabca');
  t.strictSame(
    tried.flatMap(([, ms], i) => (ms > 0 ? [[i, ms]] : [])),
    [
      [3, 500],
      [6, 1000],
      [9, 2000],
      [12, 3000],
      [15, 3000],
    ],
  );
  t.equal(pauseMs(worked(choice)), 0, 'an answer ends the pauses');
  t.equal(serverOf(worked(choice)).host, 'b', 'and the server that answered is asked again');
});

t.test('peers are learned, and forgotten again', async t => {
  const peers = ['b', 'c', 'd:7', 'b'].map(server);
  const two = learned(failed(start('a', 'b')), peers);
  t.strictSame(two.servers.map(serverText), ['a', 'b', 'c', 'd:7'], 'each once');
  t.equal(serverOf(two).host, 'b', 'the present server stays');
  const atPeer = failed(failed(two));
  t.equal(serverOf(atPeer).host, 'd');
  const fewer = learned(atPeer, [server('e')]);
  t.strictSame(fewer.servers.map(serverText), ['a', 'b', 'd:7', 'e']);
  t.equal(serverOf(fewer).host, 'd', 'the present one is not forgotten while it answers');
  const many = learned(
    start('a'),
    Array.from({ length: 1000 }, (_, i) => server(`n${i}`)),
  );
  t.equal(many.servers.length, 64);
});
