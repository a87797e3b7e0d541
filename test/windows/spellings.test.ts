import { randomBytes } from 'node:crypto';
import { expect, vi } from 'vitest';
import { WindowsDaemon, windowsTest, writeModel } from './daemon.ts';

windowsTest('a model is one entry with one copy under every spelling of its path', async () => {
  const daemon = new WindowsDaemon();
  const model = `${daemon.models}\\checkpoints\\Some Model.ckpt`;
  writeModel(model, randomBytes(100_000));
  await daemon.start();
  // The first question is in letters that are not those on the disk.
  const upper = model.toUpperCase();
  const { answer } = await daemon.hit(upper);
  for (const spelling of [
    model,
    upper,
    model.toLowerCase(),
    model.replaceAll('\\', '/'),
    `\\\\?\\${model}`,
    model.replace('checkpoints', 'CHECKPOINTS\\..\\Checkpoints'),
  ]) {
    // The folder may be listed again under the spelling that a walk has found meanwhile.
    expect((await daemon.hit(spelling)).answer.entry).toBe(answer.entry);
  }
  // The spelling on the disk counts once a walk has found it.
  const entries = await vi.waitUntil(
    async () => {
      const answered = await daemon.client.entries({});
      return answered.entries[0]?.path === model ? answered.entries : null;
    },
    { timeout: 10 * 60_000, interval: 200 },
  );
  expect(entries).toMatchObject([{ path: model, category: 'checkpoints', copies: [{ state: 'ready' }] }]);
});

windowsTest('a model that is asked for in other letters before its folder was walked is copied once', async () => {
  const daemon = new WindowsDaemon();
  const model = `${daemon.models}\\checkpoints\\Some Model.ckpt`;
  const upper = model.toUpperCase();
  writeModel(model, randomBytes(100_000));
  await daemon.start();
  await daemon.client.pauseJobs(true);
  // A source that answers late gets its job behind the answer.
  const first = await vi.waitUntil(async () => (await daemon.lookup(upper)).job, { timeout: 10 * 60_000, interval: 200 });
  // The walk finds its spelling while the copy waits.
  const walked = async () => (await daemon.client.stats()).roots.every(({ files }) => files !== null);
  await vi.waitUntil(walked, { timeout: 10 * 60_000, interval: 200 });
  for (const spelling of [model, upper])
    expect(await daemon.lookup(spelling)).toMatchObject({ reason: 'QUEUED', job: { id: first.id } });
  await daemon.client.pauseJobs(false);
  await daemon.hit(model);
  expect((await daemon.client.jobs()).jobs).toMatchObject([{ id: first.id, state: 'done' }]);
  const { entries } = await daemon.client.entries({});
  expect(entries).toMatchObject([{ path: model, category: 'checkpoints', copies: [{ state: 'ready' }] }]);
});

windowsTest('a path longer than 260 letters is copied and found', async () => {
  const daemon = new WindowsDaemon();
  const model = `${daemon.models}\\loras\\${'a folder with a long name\\'.repeat(9)}${'b'.repeat(60)}.safetensors`;
  expect(model.length).toBeGreaterThan(260);
  writeModel(model, randomBytes(100_000));
  await daemon.start();
  const { answer } = await daemon.hit(model);
  expect(answer.path).toMatch(/b{20,}.*\.safetensors$/);
});

windowsTest('a share that does not answer is away, never missing, and one folder under every spelling', async () => {
  const daemon = new WindowsDaemon({ settings: { AUTOCACHE_ROOTS: '\\\\nas.invalid\\models' } });
  await daemon.start();
  const spellings = ['\\\\nas.invalid\\models', '//NAS.invalid/Models', '\\\\?\\UNC\\nas.invalid\\models'];
  for (const spelling of spellings) {
    const { reason } = await daemon.lookup(`${spelling}\\loras\\a.safetensors`);
    expect(['SOURCE_AWAY', 'WAIT_TIMEOUT']).toContain(reason);
  }
  const { roots } = await daemon.client.stats();
  expect(roots).toMatchObject([{ kind: 'nas', path: expect.stringMatching(/^\\\\nas\.invalid\\models\\?$/) }]);
});
