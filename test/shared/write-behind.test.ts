import { describe, expect, test } from 'vitest';
import { claimKey, contentKey } from '../../src/shared/store-names.ts';
import { StoreProcess } from '../../src/shared/store-process.ts';
import { patience } from '../helpers/patience.ts';
import { noVersitygw } from '../helpers/versitygw.ts';
import { bytesOf, eventually, hostOf, MiB, model, newStore, sha256Of } from './hosts.ts';

const some = (digit: string) => digit.repeat(64);

describe.skipIf(noVersitygw !== null)('hosts without a farm that write at one moment', { timeout: patience(120_000) }, () => {
  test('see what the others are about to write', async () => {
    const { at } = await newStore();
    const [a, b] = [
      new StoreProcess(at, { ...process.env }, { written: () => {} }),
      new StoreProcess(at, { ...process.env }, { written: () => {} }),
    ];
    try {
      const [first, second] = [
        { sha256: some('a'), bytes: 5, host: '0000000a' },
        { sha256: some('b'), bytes: 7, host: '0000000b' },
      ];
      expect(await a.call.claim(first)).toEqual([]);
      expect(await b.call.claim(second)).toEqual([first]);
      expect(await a.call.claim(first)).toEqual([second]);
      await b.call.unclaim(second);
      expect(await a.call.claim(first)).toEqual([]);
      const together = await Promise.all([a.call.claim(first), b.call.claim(second)]);
      expect(together.some((others) => others.length > 0)).toBe(true);
    } finally {
      a[Symbol.dispose]();
      b[Symbol.dispose]();
    }
  });

  test('never pass its limit: one for whom there is no room beside another waits, and writes when there is', async () => {
    const { address, writer } = await newStore();
    const key = contentKey(sha256Of(bytesOf('a')));
    const other = claimKey({ sha256: some('b'), bytes: 6 * MiB, host: '0000000b' });
    await writer.putText(other, '');
    const host = await hostOf(address('10MiB'), { 'loras/a.safetensors': bytesOf('a') });
    await host.lookup('loras/a.safetensors');
    const own = async () => (await writer.list('reserved/')).filter((one) => one.key.includes(sha256Of(bytesOf('a')))).length;
    // It has said what it wants, has seen the other, and has given way, more than once.
    for (const there of [1, 0, 1, 0]) await expect.poll(own, { ...eventually, interval: 20 }).toBe(there);
    expect(await writer.sizeOf(key)).toBeNull();
    await writer.remove(other);
    await expect.poll(() => writer.sizeOf(key), eventually).toBe(6 * MiB);
    await expect.poll(async () => (await writer.list('reserved/')).length, eventually).toBe(0);
  });
});

describe.skipIf(noVersitygw !== null)('a copy that could not be written', { timeout: patience(120_000) }, () => {
  test('is written after the next start', async () => {
    const { address, server } = await newStore();
    const shared = address('1GiB');
    await server[Symbol.asyncDispose]();
    const host = await hostOf(shared, { [model]: bytesOf('model') });
    await host.lookup(model);
    await expect.poll(host.view, eventually).toMatchObject({ state: 'away', writtenBytes: 0 });
    const next = await newStore();
    await host.restart({ AUTOCACHE_SHARED: next.address('1GiB') });
    await expect.poll(host.view, eventually).toMatchObject({ state: 'up', files: 1, writtenBytes: 6 * MiB });
    expect(await next.writer.sizeOf(contentKey(sha256Of(bytesOf('model'))))).toBe(6 * MiB);
    // And once only.
    await host.restart();
    await expect.poll(host.view, eventually).toMatchObject({ state: 'up', files: 1, writtenBytes: 0 });
  });
});
