import { expect, test } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { patience } from '../helpers/patience.ts';

test('a quota that is set while the daemon runs counts at once: copies of its category leave, and status shows both', async () => {
  const daemon = await runDaemon({
    'checkpoints/a.safetensors': 3000,
    'loras/a.safetensors': 1000,
    'loras/b.safetensors': 1000,
    'loras/c.safetensors': 1000,
  });
  const run = (...args: string[]) => runCli(args, { stateDir: daemon.stateDir, cwd: daemon.root });
  expect((await run('warm', 'checkpoints', 'loras')).code).toBe(0);
  const { quotas: none } = await daemon.client.stats();
  expect(none).toBeUndefined();
  const held = (await daemon.client.entries({ category: 'loras', cached: true })).entries;
  const bytes = held.reduce((sum, { size }) => sum + size, 0);
  await daemon.client.changeConfig({ quotas: `loras=${bytes - 1}` });
  await expect
    .poll(async () => (await daemon.client.entries({ category: 'loras', cached: true })).total, { timeout: patience(20_000) })
    .toBe(2);
  expect((await daemon.client.entries({ category: 'checkpoints', cached: true })).total).toBe(1);
  expect((await daemon.client.stats()).quotas).toEqual([{ category: 'loras', bytes: (bytes / 3) * 2, limit: bytes - 1 }]);
  expect((await run('status')).out).toMatch(/loras: .* of their quota of/);
});
