import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { startFlushing } from '../../src/upkeep/flush.ts';
import { HandedOut } from '../../src/usage/handed-out.ts';
import { Leases } from '../../src/usage/leases.ts';
import { openCatalog, sourceFile } from '../helpers/catalog.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

beforeEach(
  () => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance'] }),
);
afterEach(() => void vi.useRealTimers());

function arrange() {
  const { catalog, file, close } = openCatalog();
  const leases = new Leases(new ManualClock(), []);
  const handedOut = new HandedOut(new ManualClock(), []);
  const error = vi.fn();
  return {
    catalog,
    file,
    close,
    leases,
    handedOut,
    error,
    stop: startFlushing({ catalog, leases, handedOut, onTrouble: error }),
  };
}

const a = sourceFile('loras/a.safetensors');

describe('what was gathered is written', () => {
  test('within a second, without anybody asking', async () => {
    const { catalog, leases, stop } = arrange();
    catalog.usage.used(a);
    leases.grant('/cache/a', { app: 'comfyui', pid: 1 });
    expect(catalog.entries.byPath(a.path)).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1000);
    expect(catalog.entries.byPath(a.path)?.uses).toBe(1);
    expect(catalog.usage.savedLeases()).toEqual([{ copyPath: '/cache/a', client: 'comfyui:1' }]);
    stop();
  });

  test('right behind the answer for paths that programs were given, under load together', async () => {
    const { catalog, handedOut, stop } = arrange();
    const { version } = catalog;
    const client = { app: 'comfyui', pid: 1, process: 'boot/space/start' };
    const give = (path: string) => handedOut.note(path, a.path, client);
    const written = () => catalog.handedOut.all().map(({ path }) => path);
    give('/cache/a');
    await vi.advanceTimersByTimeAsync(0);
    expect(written()).toEqual(['/cache/a']);
    for (const path of ['/cache/b', '/cache/c']) {
      await vi.advanceTimersByTimeAsync(1);
      give(path);
    }
    expect(written()).toEqual(['/cache/a']);
    await vi.advanceTimersByTimeAsync(3);
    expect(written()).toEqual(['/cache/a', '/cache/b', '/cache/c']);
    // No cached read of the catalog has to be made again for them.
    expect(catalog.version).toBe(version);
    stop();
  });

  test('once more when the daemon stops, and then never again', async () => {
    const { catalog, stop } = arrange();
    catalog.usage.used(a);
    stop();
    expect(catalog.entries.byPath(a.path)?.uses).toBe(1);
    catalog.usage.used(a);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(catalog.entries.byPath(a.path)?.uses).toBe(1);
  });

  test('later when the disk refuses it now: leases and uses are told once, the daemon lives on', async () => {
    const { catalog, leases, error, stop } = arrange();
    const flush = vi.spyOn(catalog.usage, 'flush').mockImplementationOnce(() => {
      throw new Error('database or disk is full');
    });
    catalog.usage.used(a);
    leases.grant('/cache/a', { app: 'comfyui', pid: 1 });
    await vi.advanceTimersByTimeAsync(500);
    expect(flush).toHaveBeenCalledTimes(1);
    expect(error).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(500);
    expect(error).toHaveBeenCalledTimes(1);
    expect(catalog.entries.byPath(a.path)?.uses).toBe(1);
    expect(catalog.usage.savedLeases()).toHaveLength(1);
    stop();
  });
});
