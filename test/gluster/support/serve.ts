/** The server over volumes of real GlusterFS. */
import { join } from 'node:path';
import type { Test } from 'tap';
import { type Running, serving } from '../../cli/harness.ts';
import { BED, HOST } from './bed.ts';
import { NfsClient } from './nfs-client.ts';
import type { GlusterVolume } from './volume.ts';

/** How much of a server's log is shown. */
const LOG_MAX = 20_000;

let servers = 0;

/** Serves volumes as an operator does, with one command line. */
export function serveVolumes(t: Test, volumes: readonly GlusterVolume[], ...more: readonly string[]): Promise<Running> {
  const ids = volumes.map(({ name }) => name).join(',');
  const stateDir = join(BED, `state-${++servers}`);
  return serving(t, ['-s', HOST, '--volfile-id', ids, '--port', '0', '--insecure', '--state-dir', stateDir, ...more]);
}

/** Serves one volume, and mounts it. What the server says is shown if the test fails. */
export async function servedVolume(t: Test, volume: GlusterVolume, ...more: readonly string[]) {
  const server = await serveVolumes(t, [volume], ...more);
  t.teardown(() => {
    if (!t.passing()) t.comment(server.stderr.text.slice(-LOG_MAX));
  });
  const { host, port } = server;
  return { server, client: await NfsClient.mount(t, { host, port }, `/${volume.name}`) };
}
