import { writeFileSync } from 'node:fs';
import t from 'tap';
import { newHangingMemory, newStageMemory } from '#src/graph/live/brick-watch.ts';
import { RemoteStage } from '#src/server/remote-stage.ts';
import { LIMITS } from '#src/server/limits.ts';
import { WriteVerifiers } from '#src/master/write-verifiers.ts';
import { MountList } from '#src/xlators/nfs/server/mount/mount-table.ts';
import { silent } from '#src/log.ts';
import { HANDLE_KEY, temporaryDir } from '../support/nfs.ts';

t.test('the thread of a stage that is given up before it is up ends, although it cannot start', async t => {
  const stateDir = await temporaryDir(t, 'state');
  writeFileSync(`${stateDir}/file`, '');
  const config = {
    text: `
volume brick
  type storage/posix
  option directory ${stateDir}/file
end-volume
volume nfs
  type nfs/server
  subvolumes brick
end-volume
`,
    file: 'test.vol',
    overrides: [],
    stateDir,
    log: { level: 'silent', pretty: false },
    stages: 1,
    graceMs: 100,
    limits: LIMITS,
    portmapperPort: undefined,
  };
  const watch = { stage: newStageMemory(), hanging: newHangingMemory(), bricks: new Map<string, number>() };
  const input = { stage: 0, config, handleKey: HANDLE_KEY, verifiers: new WriteVerifiers().shared, watch };
  const mounts = await MountList.open({ log: silent, rmtab: '/-' });
  const entry = new URL('../../src/main.ts', import.meta.url);
  let stage: RemoteStage | undefined;
  const options = { entry, input, mounts, left: () => {}, died: (error: Error) => t.fail(error.message) };
  const started = RemoteStage.start(options, born => (stage = born));
  stage!.retire();
  await t.rejects(started);
  await stage!.exited;
});
