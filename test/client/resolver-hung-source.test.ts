import { type PathLike, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { createResolver } from '../../src/index.ts';
import { startFakeDaemon } from '../cli/fake-daemon.ts';
import { hit } from '../cli/samples.ts';
import { patience } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const onHungMount = '/mnt/hung/a.safetensors';

vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs/promises')>();
  const hanging = (path: PathLike, options: never) =>
    path === onHungMount ? new Promise<never>(() => {}) : real.stat(path, options);
  return { ...real, stat: vi.fn(hanging) };
});

test('a hung mount costs one thread and one time-out; its copies are served', async () => {
  const copy = join(tempDir(), 'a.safetensors');
  writeFileSync(copy, 'weights');
  await using daemon = await startFakeDaemon({ 'POST /api/lookup': () => ({ ...hit, reason: 'HIT_OFFLINE', path: copy }) });
  const resolver = createResolver({ stateDir: daemon.stateDir, timeoutMs: { connect: 10_000, answer: patience(300) } });
  for (let turn = 0; turn < 3; turn++) {
    expect(await resolver.resolve(onHungMount)).toMatchObject({ path: copy, reason: 'HIT_OFFLINE' });
  }
  expect(vi.mocked(stat).mock.calls.filter(([path]) => path === onHungMount)).toHaveLength(1);
  resolver.close();
});
