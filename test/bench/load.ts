/**
 * A closed-loop load generator: each slot of each connection sends a call, waits for its reply, and sends the next. It
 * prints one line of JSON. It is a process of its own, so that its processor time is not counted as
 * the server's.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Connection } from './connection.ts';
import { cpuUs } from './cpu.ts';
import { type Row, ROWS } from './rows.ts';
import { Session, type Target } from './session.ts';

function fail(error: Error): never {
  process.stderr.write(`load: ${error.message}\n`);
  process.exit(1);
}

async function measure(target: Target, row: Row, seconds: number, warmUp: number, pid: number | undefined) {
  const session = await Session.mount(target);
  const dir = await session.mkdir(session.root, `load-${row.name.replace(/\W/g, '-')}-${process.pid}`);
  const { lists, payload } = await row.prepare(session, dir);
  const tally = { done: 0, stopping: false, fail };
  const connections = lists.map(list => new Connection(target, row.replyBytesMin, { lists: list, payload }, tally));
  await Promise.all(connections.map(one => one.start()));
  await sleep(warmUp * 1000);
  const before = { done: tally.done, cpu: cpuUs(pid), own: process.cpuUsage(), at: performance.now() };
  await sleep(seconds * 1000);
  const took = (performance.now() - before.at) / 1000;
  const ops = tally.done - before.done;
  const cpu = cpuUs(pid) - before.cpu;
  const own = process.cpuUsage(before.own);
  tally.stopping = true;
  await Promise.all(connections.map(one => one.idle()));
  for (const one of connections) one.end();
  session.close();
  return {
    row: row.name,
    ops,
    seconds: Math.round(took * 1000) / 1000,
    opsPerSecond: Math.round(ops / took),
    cpuUsPerOp: pid === undefined ? undefined : Math.round((cpu / ops) * 100) / 100,
    ownCpuUsPerOp: Math.round(((own.user + own.system) / ops) * 100) / 100,
  };
}

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '2049' },
    mountport: { type: 'string' },
    export: { type: 'string' },
    row: { type: 'string' },
    seconds: { type: 'string', default: '5' },
    'warm-up': { type: 'string', default: '1' },
    pid: { type: 'string' },
  },
});
const row = ROWS.find(({ name }) => name === values.row);
if (values.export === undefined || row === undefined) {
  process.stderr.write(
    'usage: load.ts --export /path --row ROW [--host H] [--port P] [--mountport P] [--seconds S] [--warm-up S] [--pid PID]\n' +
      `rows: ${ROWS.map(({ name }) => name).join(', ')}\n`,
  );
  process.exit(2);
}
const port = Number(values.port);
const target = { host: values.host, port, mountport: Number(values.mountport ?? port), export: values.export };
const pid = values.pid === undefined ? undefined : Number(values.pid);
try {
  const outcome = await measure(target, row, Number(values.seconds), Number(values['warm-up']), pid);
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
} catch (error) {
  fail(error as Error);
}
