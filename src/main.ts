#!/usr/bin/env -S node --disable-sigusr1
/** Where each thread begins: the command line in the main thread, a stage of the server in a worker. */
import { isMainThread } from 'node:worker_threads';
import { useCompileCache } from './cli/compile-cache.ts';
import { excludeDebugger } from './cli/inspector.ts';
import { sizeThreadPool } from './sys/process/thread-pool.ts';

const fuseActors = async () => (await import('#actors/fuse/program.ts')).fuseActors;

if (isMainThread) {
  excludeDebugger();
  sizeThreadPool(); // before modules are loaded, which the pool's threads read
}
useCompileCache();

if (isMainThread) {
  const { exactArguments } = await import('./cli/exact-arguments.ts');
  const { runCli } = await import('./cli/run.ts');
  process.stdout.on('error', () => {}); // a reader that has gone is no reason to end a server
  process.exitCode = await runCli(exactArguments(process.argv.slice(2)), async () => ({
    ...(await import('#actors/programs.ts')),
    workerEntry: new URL(import.meta.url),
    fuseActors,
  }));
} else {
  const { runWorker } = await import('./server/worker.ts');
  const { programsOf } = await import('#actors/programs.ts');
  await runWorker(programsOf, fuseActors);
}
