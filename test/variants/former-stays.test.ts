import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { deriveVariant } from '../../src/transfer/derive-variant.ts';
import type { DeriveOrder } from '../../src/transfer/messages.ts';
import { injectFault, systemError } from '../helpers/faulty-fs.ts';
import { quiet } from '../helpers/hooks.ts';
import { deriveOrder } from '../helpers/orders.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { tinyWan, writeSafetensors } from '../helpers/tiny-model.ts';

vi.mock('node:fs', async (original) => (await import('../helpers/faulty-fs.ts')).faultyFs(await original()));

/** A model, its variant, and the order for a new one since it has changed. */
async function stale(): Promise<{ order: DeriveOrder; former: Buffer }> {
  const path = join(tempDir(), 'a.safetensors');
  writeSafetensors(path, tinyWan());
  const first = deriveOrder(path, { to: 'fp8' });
  await deriveVariant(first, quiet());
  const former = readFileSync(first.path);
  writeSafetensors(path, tinyWan({ outliers: true }));
  return { order: deriveOrder(path, { to: 'fp8' }), former };
}

/** Nothing but the former variant is there. */
function expectOnly(former: Buffer, { path, temp }: DeriveOrder): void {
  expect(readFileSync(path).equals(former)).toBe(true);
  expect(existsSync(temp)).toBe(false);
}

test('the former variant stays when the disk is full in the middle', async () => {
  const { order, former } = await stale();
  let writes = 0;
  const full = () => {
    writes += 1;
    return writes > 10;
  };
  injectFault('writeSync', {
    when: full,
    act: () => {
      throw systemError('ENOSPC');
    },
  });
  await expect(deriveVariant(order, quiet())).rejects.toMatchObject({ code: 'NO_SPACE' });
  expect(writes).toBe(11);
  expectOnly(former, order);
});

test.each([
  ['fsync', 'ENOSPC', 'NO_SPACE'],
  ['renameSync', 'EBUSY', 'IN_USE'],
  ['renameSync', 'EIO', 'CACHE_IO'],
] as const)('the former variant stays when %s reports %s', async (call, errno, code) => {
  const { order, former } = await stale();
  injectFault(call, {
    act: () => {
      throw systemError(errno);
    },
  });
  await expect(deriveVariant(order, quiet())).rejects.toMatchObject({ code });
  expectOnly(former, order);
});

test.each([
  ['is replaced', (path: string) => renameSync(`${path}.next`, path)],
  ['is written anew', (path: string) => writeFileSync(path, readFileSync(`${path}.next`))],
  ['is made shorter', (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 60_000))],
] as const)('the former variant stays when the model %s in the middle', async (_, change) => {
  const { order, former } = await stale();
  const model = order.origin.path;
  writeSafetensors(`${model}.next`, tinyWan({ dtype: 'F32' }));
  let steps = 0;
  const ask = async () => {
    steps += 1;
    if (steps === 5) change(model);
  };
  await expect(deriveVariant(order, { ...quiet(), paced: () => true, ask })).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
  expect(steps).toBeGreaterThanOrEqual(5);
  expectOnly(former, order);
});

test('a file that has come to its place meanwhile stays', async () => {
  const { order } = await stale();
  const theirs = Buffer.from('of the user');
  const ask = async () => writeFileSync(order.path, theirs, { mode: 0o600 });
  renameSync(order.path, `${order.path}.away`);
  await expect(deriveVariant(order, { ...quiet(), paced: () => true, ask })).rejects.toMatchObject({ code: 'CONFLICT' });
  expectOnly(theirs, order);
});
