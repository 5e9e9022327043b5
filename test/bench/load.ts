/**
 * A closed-loop load generator: each slot of each connection sends a call, waits for its reply, and sends the next. The
 * loop encodes nothing: calls are sent as they were prepared, with a new xid, and only the header and the status of a
 * reply are read. It prints one line of JSON. It is a process of its own, so that its processor time is not counted as
 * the server's.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Row, ROWS } from './rows.ts';
import { Session, type Target } from './session.ts';

const RECEIVE_BYTES = 256 * 1024;
const SEND_BYTES = 64 * 1024;
/** The size of the header: record mark, xid, REPLY, MSG_ACCEPTED, verifier (flavor, length 0), SUCCESS. */
const HEADER_BYTES = 28;
const LAST_FRAGMENT = 0x8000_0000;
const SLOT_BITS = 8;

interface Slot {
  readonly calls: readonly Buffer[];
  next: number;
  xid: number;
}

/** The counts of all connections of a run. */
interface Tally {
  done: number;
  stopping: boolean;
}

class Connection {
  readonly #socket: Socket;
  readonly #slots: Slot[];
  readonly #row: Row;
  readonly #payload: Buffer | undefined;
  readonly #tally: Tally;
  readonly #headBytes: number;
  readonly #head: Buffer;
  #headFilled = 0;
  /** How many bytes of the current record are still to come. */
  #skip = 0;
  #slot = -1;
  #out: Buffer = Buffer.allocUnsafeSlow(SEND_BYTES);
  #outFilled = 0;
  waiting = 0;

  constructor(
    target: Target,
    row: Row,
    lists: readonly (readonly Buffer[])[],
    payload: Buffer | undefined,
    tally: Tally,
  ) {
    this.#row = row;
    this.#payload = payload;
    this.#tally = tally;
    this.#slots = lists.map((calls, i) => ({ calls, next: 0, xid: i }));
    // A reply to NULL has no status after the header.
    this.#headBytes = row.replyBytesMin < HEADER_BYTES ? HEADER_BYTES : HEADER_BYTES + 4;
    this.#head = Buffer.alloc(this.#headBytes);
    const buffer = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
    const callback = (count: number) => {
      this.#take(buffer, count);
      return true;
    };
    this.#socket = connect({ host: target.host, port: target.port, onread: { buffer, callback } });
    this.#socket.on('error', fail);
    this.#socket.on('close', () => this.#tally.stopping || fail(new Error('the server closed a connection')));
  }

  async start(): Promise<void> {
    await once(this.#socket, 'connect');
    this.#socket.setNoDelay(true);
    for (const slot of this.#slots) this.#send(slot);
    this.#flush();
  }

  end(): void {
    this.#socket.destroy();
  }

  #take(buffer: Buffer, end: number): void {
    let at = 0;
    while (at < end) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, end - at);
        this.#skip -= passed;
        at += passed;
      } else {
        let head = buffer;
        let headAt = at;
        if (this.#headFilled > 0 || end - at < this.#headBytes) {
          const copied = buffer.copy(
            this.#head,
            this.#headFilled,
            at,
            Math.min(end, at + this.#headBytes - this.#headFilled),
          );
          this.#headFilled += copied;
          at += copied;
          if (this.#headFilled < this.#headBytes) break;
          head = this.#head;
          headAt = 0;
          this.#headFilled = 0;
        } else {
          at += this.#headBytes;
        }
        this.#skip = this.#check(head, headAt);
      }
      if (this.#skip === 0) this.#finish();
    }
    this.#flush();
  }

  /** Reads the header of a reply. Returns how many bytes of its record follow it. */
  #check(head: Buffer, at: number): number {
    const length = head.readUInt32BE(at) - LAST_FRAGMENT;
    if (length < this.#row.replyBytesMin) throw new Error(`a reply of ${length} bytes, or in several fragments`);
    const xid = head.readUInt32BE(at + 4);
    this.#slot = xid & ((1 << SLOT_BITS) - 1);
    const slot = this.#slots[this.#slot];
    if (slot === undefined || slot.xid !== xid) throw new Error(`a reply without a call: xid ${xid}`);
    for (let i = 12; i < this.#headBytes; i += 4) {
      if (head.readUInt32BE(at + i) !== 0)
        throw new Error(`a call failed: ${head.toString('hex', at, at + this.#headBytes)}`);
    }
    return length + 4 - this.#headBytes;
  }

  #finish(): void {
    this.#tally.done++;
    this.waiting--;
    if (!this.#tally.stopping) this.#send(this.#slots[this.#slot]!);
  }

  #send(slot: Slot): void {
    const call = slot.calls[slot.next]!;
    if (++slot.next === slot.calls.length) slot.next = 0;
    slot.xid = (slot.xid + (1 << SLOT_BITS)) >>> 0;
    this.waiting++;
    const payload = this.#payload;
    if (payload !== undefined && payload.length > SEND_BYTES / 8) {
      // A large call: its header and bytes are sent as they are. The slot owns its call, and does not send it again
      // before the reply.
      call.writeUInt32BE(slot.xid, 4);
      this.#socket.cork();
      this.#socket.write(call);
      this.#socket.write(payload);
      process.nextTick(() => this.#socket.uncork());
      return;
    }
    const bytes = call.length + (payload?.length ?? 0);
    if (this.#outFilled + bytes > SEND_BYTES) this.#flush();
    const at = this.#outFilled;
    this.#out.set(call, at);
    if (payload !== undefined) this.#out.set(payload, at + call.length);
    this.#out.writeUInt32BE(slot.xid, at + 4);
    this.#outFilled = at + bytes;
  }

  #flush(): void {
    if (this.#outFilled === 0) return;
    this.#socket.write(this.#out.subarray(0, this.#outFilled));
    // The kernel has not taken all of the buffer, so it is still in use.
    if (this.#socket.writableLength > 0) this.#out = Buffer.allocUnsafeSlow(SEND_BYTES);
    this.#outFilled = 0;
  }
}

function fail(error: Error): never {
  process.stderr.write(`load: ${error.message}\n`);
  process.exit(1);
}

const TICK_US = 10_000;

/** The processor time that a process and its threads have used so far, in µs. 0 without a process. */
function cpuUs(pid: number | undefined): number {
  if (pid === undefined) return 0;
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US; // The fields utime and stime (proc(5)).
}

async function measure(target: Target, row: Row, seconds: number, warmUp: number, pid: number | undefined) {
  const session = await Session.mount(target);
  const dir = await session.mkdir(session.root, `load-${row.name.replace(/\W/g, '-')}-${process.pid}`);
  const { lists, payload } = await row.prepare(session, dir);
  const tally = { done: 0, stopping: false };
  const connections = lists.map(list => new Connection(target, row, list, payload, tally));
  await Promise.all(connections.map(one => one.start()));
  await sleep(warmUp * 1000);
  const before = { done: tally.done, cpu: cpuUs(pid), own: process.cpuUsage(), at: performance.now() };
  await sleep(seconds * 1000);
  const took = (performance.now() - before.at) / 1000;
  const ops = tally.done - before.done;
  const cpu = cpuUs(pid) - before.cpu;
  const own = process.cpuUsage(before.own);
  tally.stopping = true;
  while (connections.some(one => one.waiting > 0)) await sleep(5);
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
