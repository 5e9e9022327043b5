/**
 * Two servers (heads) on one volume: clients move from one to the other, and keep their handles, data and listings.
 * `acceptance/heads.ts` moves them as often as it is told.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { Serial } from '#src/serial.ts';
import { movesUnderLoad } from './acceptance/heads.ts';
import { BED, enterBed, HOST } from './support/bed.ts';
import { NfsClient, NfsError, type Status } from './support/nfs-client.ts';
import type { Address } from './support/rpc-line.ts';
import { GlusterVolume, type Kind } from './support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(700_000);

const MOVES = Number(process.env['HEAD_MOVES'] ?? 12);
/** The kinds of volumes, of {@link KINDS}. */
const WHICH = (process.env['HEAD_KINDS'] ?? 'replicate,distribute,disperse,sharded').split(',') as Kind[];
const LOADS = 4;
/** How many files a load keeps. */
const FILES = 20;

interface Head {
  readonly address: Address;
  readonly process: ChildProcess;
}

async function killed({ process }: Head): Promise<void> {
  const ended = once(process, 'exit');
  process.kill('SIGKILL');
  await ended;
}

/** Starts a head with a state directory of its own, and returns it when it serves. */
async function headOf(t: Test, volume: string, number: number, keyFile: string): Promise<Head> {
  const stateDir = join(BED, `head-${number}`);
  const key = ['--xlator-option', `nfs-server.nfs.handle-key-file=${keyFile}`];
  const argv = [
    'serve',
    '-s',
    HOST,
    '--volfile-id',
    volume,
    '--insecure',
    '--port',
    '0',
    '--state-dir',
    stateDir,
    ...key,
  ];
  const log = join(BED, `head-${number}.log`);
  const child = spawn('bin/bricknfs', [...argv, '--log-file', log], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill();
    await ended;
  });
  for await (const line of createInterface(child.stdout)) {
    const [, port] = /^bricknfs is serving on [\d.]+:(\d+)/.exec(line) ?? [];
    if (port === undefined) continue;
    child.stdout.resume(); // a full pipe would stop the server
    return { address: { host: '127.0.0.1', port: Number(port) }, process: child };
  }
  throw new Error(`head ${number} has ended`);
}

/** Writes until it is known to be durable: a head that has not seen all of the data has another verifier. */
async function writeDurably(client: NfsClient, file: Buffer, data: Buffer): Promise<void> {
  for (;;) {
    const written = await client.write(file, data);
    if ((await client.commit(file)).equals(written)) return;
  }
}

function assertSame(read: Buffer, data: Buffer, what: string): void {
  if (read.equals(data)) return;
  const at = read.findIndex((byte, i) => byte !== data[i]);
  assert.fail(`${what}: ${read.length} bytes are read and ${data.length} were written; they differ from ${at} on`);
}

/** Makes a change that may have been made before a move, and is then sent again to a head that does not know of it. */
async function unlessDone(client: NfsClient, repeated: Status, change: () => Promise<void>): Promise<void> {
  const { reconnects } = client.line;
  await change().catch((error: unknown) => {
    const isRepeated = error instanceof NfsError && error.status === repeated && client.line.reconnects > reconnects;
    assert.ok(isRepeated, String(error));
  });
}

/** What a client does in rounds while the address moves; it keeps what must be there. */
class Load {
  readonly #client: NfsClient;
  readonly #dir: Buffer;
  readonly #files = new Map<string, { handle: Buffer; data: Buffer }>();
  rounds = 0;

  constructor(client: NfsClient, dir: Buffer) {
    this.#client = client;
    this.#dir = dir;
  }

  async round(): Promise<void> {
    const name = `file-${this.rounds++}`;
    const handle = await this.#client.create(this.#dir, name);
    const data = randomBytes(100_000);
    await writeDurably(this.#client, handle, data);
    const renamed = `${name}-renamed`;
    await unlessDone(this.#client, 'NFS3ERR_NOENT', () => this.#client.rename(this.#dir, name, this.#dir, renamed));
    this.#files.set(renamed, { handle, data });
    if (this.#files.size > FILES) await this.#forgetOne();
    const [oldest] = this.#files.values();
    assertSame(await this.#client.read(oldest!.handle), oldest!.data, 'by a handle that the other head has made');
  }

  async #forgetOne(): Promise<void> {
    const [oldest] = this.#files.keys();
    this.#files.delete(oldest!);
    await unlessDone(this.#client, 'NFS3ERR_NOENT', () => this.#client.remove(this.#dir, oldest!));
  }

  /** Everything that was done is there, and nothing else. */
  async check(): Promise<void> {
    for (const [name, { handle, data }] of this.#files) {
      assertSame(await this.#client.read(handle), data, name);
      assert.ok(
        (await this.#client.lookup(this.#dir, name)).equals(handle),
        `${name} has the same handle at each head`,
      );
    }
    const listed = (await this.#client.list(this.#dir, 4096)).map(({ name }) => name);
    const expected = ['.', '..', ...this.#files.keys()];
    assert.deepEqual(new Set(listed), new Set(expected));
  }
}

for (const kind of WHICH) {
  t.test(`${kind}: an address moves ${MOVES} times under load`, async t => {
    const volume = await GlusterVolume.for(t, kind);
    const keyFile = join(BED, `${kind}.key`);
    writeFileSync(keyFile, randomBytes(16), { mode: 0o600 });
    const heads = await Promise.all([0, 1].map(number => headOf(t, volume.name, number, keyFile)));
    let at = 0;
    const client = await NfsClient.mount(t, () => heads[at]!.address, `/${volume.name}`);
    const loads: Load[] = [];
    for (let i = 0; i < LOADS; i++) loads.push(new Load(client, await client.mkdir(client.root, `dir-${i}`)));

    let moves = 0;
    let rounds = 0;
    let restarted: Promise<unknown> = Promise.resolve();
    const moving = new Serial();
    /** The head that is left is killed now and then, and is back before the address moves to it again. */
    const move = async () => {
      await restarted;
      const left = at;
      at = 1 - at;
      await client.line.reset();
      await client.getattr(client.root);
      if (++moves % 4 !== 0) return;
      await killed(heads[left]!);
      restarted = headOf(t, volume.name, left, keyFile).then(head => (heads[left] = head));
    };
    await Promise.all(
      loads.map(async load => {
        while (moves < MOVES) {
          await load.round();
          if (++rounds % (3 * LOADS) === 0) await moving.run(move);
        }
      }),
    );
    await restarted;
    t.ok(client.line.reconnects >= MOVES, `${rounds} rounds`);
    for (const load of loads) await load.check();
    at = 1 - at;
    await client.line.reset();
    for (const load of loads) await load.check();
  });
}

t.test('no client sees that its address has moved to another head', t => movesUnderLoad(t, 'replicate', 10));
