/** The server over volumes of real GlusterFS. */
import type { Test } from 'tap';
import { type Running, serving } from '../../cli/harness.ts';
import { HOST } from './bed.ts';
import { NfsClient } from './nfs-client.ts';
import type { GlusterVolume } from './volume.ts';

/** How much of a server's log is shown. */
const LOG_MAX = 20_000;

/** Serves volumes as an operator does, with one command line. */
export function serveVolumes(t: Test, volumes: readonly GlusterVolume[], ...more: readonly string[]): Promise<Running> {
  const ids = volumes.map(({ name }) => name).join(',');
  return serving(t, ['-s', HOST, '--volfile-id', ids, '--port', '0', '--insecure', ...more]);
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
