import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { CacheError } from '../../src/core/errors.ts';
import type { Copy, Entry } from '../../src/core/types.ts';
import { lru } from '../../src/policy/lru.ts';
import { makeRoom, trim } from '../../src/space/make-room.ts';
import { filesInUse } from '../../src/tiers/in-use.ts';
import { createRig, type Rig } from '../helpers/rig.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const KiB = 1024;

/** Copies of so many files of 100 KiB, used in their order; `0` longest ago. */
async function withCopies(count: number, options: Parameters<typeof createRig>[0] = {}) {
  const rig = createRig({ workers: 'inline', ...options });
  const paths: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const { path } = rig.source(`loras/${index}.safetensors`, 100 * KiB);
    paths.push(path);
    await rig.copy(path);
    rig.catalog.usage.used(rig.file(path));
  }
  rig.catalog.usage.flush();
  return { rig, paths, names: (of = rig) => kept(of) };
}

function kept(rig: Rig): string {
  return rig.catalog.copies
    .inState('ready', 'stale')
    .map(({ path }) => path.at(-'.safetensors'.length - 1))
    .join('');
}

function held(rig: Rig, index: number): { copy: Copy; entry: Entry } {
  const copy = rig.catalog.copies.byPath(rig.tier.placeOf(rig.root, `loras/${index}.safetensors`).path);
  const entry = copy && rig.catalog.entries.byId(copy.entryId);
  if (!copy || !entry) throw new Error(`there is no copy of ${index}`);
  return { copy, entry };
}

const roomDeps = (rig: Rig) => ({
  catalog: rig.catalog,
  evictor: rig.evictor,
  order: rig.order,
  policy: () => lru,
  bound: () => rig.bound,
  outstanding: () => 0,
});

describe('making room', () => {
  const room = (rig: Rig, size: number) => {
    const { path } = rig.source('loras/new.safetensors', size);
    const file = rig.file(path);
    return makeRoom(roomDeps(rig), rig.tier, { entry: rig.catalog.entries.put(file), source: file.fingerprint });
  };

  test('takes no more than is needed, the least valuable first', async () => {
    const { rig, names } = await withCopies(5);
    rig.bound.limit = 500 * KiB;
    expect(await room(rig, 150 * KiB)).toMatchObject({ state: 'copying', bytes: 150 * KiB });
    expect(names()).toBe('234');
  });

  test('takes nothing when there is room', async () => {
    const { rig, names } = await withCopies(3);
    await room(rig, 100 * KiB);
    expect(names()).toBe('012');
  });

  test('takes stale copies before any that can be served', async () => {
    const { rig, names } = await withCopies(3);
    rig.catalog.copies.retire(held(rig, 2).copy.id);
    rig.bound.limit = 300 * KiB;
    await room(rig, 100 * KiB);
    expect(names()).toBe('01');
  });

  test('takes nothing at all when even everything would not be enough', async () => {
    const { rig, names } = await withCopies(4);
    rig.bound.limit = 400 * KiB;
    for (const index of [0, 1]) rig.catalog.entries.setPinned(held(rig, index).entry.id, true);
    await expect(room(rig, 300 * KiB)).rejects.toMatchObject({
      code: 'NO_SPACE',
      message: expect.stringContaining(`${300 * KiB}`),
    });
    expect(names()).toBe('0123');
  });

  test('takes nothing when the policy finds it worth more', async () => {
    const { rig, names } = await withCopies(3);
    rig.bound.limit = 300 * KiB;
    const { path } = rig.source('loras/new.safetensors', 100 * KiB);
    const file = rig.file(path);
    const asked = vi.fn(() => false);
    const policy = () => ({ ...lru, admit: asked });
    const entry = rig.catalog.entries.put(file);
    expect(await makeRoom({ ...roomDeps(rig), policy }, rig.tier, { entry, source: file.fingerprint })).toBeNull();
    expect(asked).toHaveBeenCalledWith(
      expect.objectContaining({ bytes: 100 * KiB }),
      [expect.objectContaining({ bytes: 100 * KiB })],
      3,
      100 * KiB,
    );
    expect(names()).toBe('012');
  });

  test('does not empty the cache when the disk is slow to give space back: btrfs and ZFS free it seconds later', async () => {
    const { rig, names } = await withCopies(6);
    const free = 1000 * KiB;
    vi.spyOn(rig.tier, 'capacity').mockReturnValue({ size: 1e12, free });
    rig.bound.floor = free;
    await expect(room(rig, 150 * KiB)).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect(names()).toBe('2345');
  });

  test('has the old copy of the same file leave when there is no room for both', async () => {
    const { rig } = await withCopies(1);
    rig.bound.limit = 150 * KiB;
    rig.catalog.copies.retire(held(rig, 0).copy.id);
    const { path } = rig.source('loras/0.safetensors', 120 * KiB);
    expect((await rig.copy(path)).state).toBe('done');
    expect(rig.catalog.placements.usedBytes('ssd')).toBe(120 * KiB);
  });
});

describe('trimming after the limit was lowered', () => {
  test('lets the least valuable leave until it fits', async () => {
    const { rig, names } = await withCopies(5);
    rig.bound.limit = 250 * KiB;
    await trim(roomDeps(rig), rig.tier);
    expect(names()).toBe('34');
    await trim(roomDeps(rig), rig.tier);
    expect(names()).toBe('34');
  });

  test('goes on with the next when one cannot be removed (sglang: one file switched eviction off)', async () => {
    const { rig, names } = await withCopies(5);
    const takeOut = rig.tier.takeOut;
    vi.spyOn(rig.tier, 'takeOut').mockImplementation((path) => {
      if (path === held(rig, 0).copy.path) throw new CacheError('IN_USE', 'EBUSY');
      return takeOut(path);
    });
    rig.bound.limit = 250 * KiB;
    await trim(roomDeps(rig), rig.tier);
    expect(names()).toBe('04');
  });

  test('frees what another program took of the floor, and no more', async () => {
    const { rig, names } = await withCopies(5);
    vi.spyOn(rig.tier, 'capacity').mockReturnValue({ size: 1e12, free: 50 * KiB });
    rig.bound.floor = 200 * KiB;
    await trim(roomDeps(rig), rig.tier);
    expect(names()).toBe('234');
  });

  test('leaves alone what is pinned or leased, even if it stays too much', async () => {
    const { rig, names } = await withCopies(3);
    rig.catalog.entries.setPinned(held(rig, 0).entry.id, true);
    rig.leases.grant(held(rig, 1).copy.path, { app: 'comfyui' });
    rig.bound.limit = 1;
    await trim(roomDeps(rig), rig.tier);
    expect(names()).toBe('01');
  });
});

describe('one eviction', () => {
  test('frees the space, keeps the source and what is known of it, and is told and counted', async () => {
    const { rig, paths } = await withCopies(1);
    const { copy, entry } = held(rig, 0);
    expect(await rig.evictor.evict(copy, entry, 'evict')).toMatchObject({ removed: true });
    expect([existsSync(copy.path), existsSync(paths[0] ?? '')]).toEqual([false, true]);
    expect(rig.catalog.entries.byPath(paths[0] ?? '')?.uses).toBe(1);
    expect(rig.catalog.usage.daily().at(-1)).toMatchObject({ evictions: 1, evictedBytes: 100 * KiB });
    expect(rig.seen.at(-1)).toEqual({
      name: 'entry-evicted',
      event: { entry: entry.id, path: paths[0], bytes: 100 * KiB, why: 'evict' },
    });
  });

  test('of a copy that was leased or left in the meantime does nothing', async () => {
    const { rig } = await withCopies(1);
    const { copy, entry } = held(rig, 0);
    rig.leases.grant(copy.path, { app: 'comfyui' });
    expect(await rig.evictor.evict(copy, entry, 'space')).toEqual({ removed: false, why: 'leased' });
    rig.leases.end({ app: 'comfyui' }, true);
    const both = await Promise.all([rig.evictor.evict(copy, entry, 'space'), rig.evictor.evict(copy, entry, 'space')]);
    expect(both).toMatchObject([{ removed: true }, { removed: false, why: 'already gone' }]);
    expect(rig.catalog.usage.daily().at(-1)).toMatchObject({ evictions: 1 });
  });

  test.each([new CacheError('IN_USE', 'EBUSY'), new Error('something unforeseen')])(
    'that fails (%s) leaves the copy in service',
    async (error) => {
      const { rig } = await withCopies(1);
      const { copy, entry } = held(rig, 0);
      vi.spyOn(rig.tier, 'takeOut').mockImplementation(() => {
        throw error;
      });
      expect(await rig.evictor.evict(copy, entry, 'space')).toEqual({ removed: false, why: error.message });
      expect(rig.catalog.copies.byPath(copy.path)?.state).toBe('ready');
    },
  );

  test('whose last step fails is done for the catalog, and the rest is left to the next start', async () => {
    const { rig } = await withCopies(1);
    const { copy, entry } = held(rig, 0);
    vi.spyOn(rig.tier, 'free').mockRejectedValue(new Error('EPERM'));
    expect(await rig.evictor.evict(copy, entry, 'space')).toMatchObject({ removed: true });
    expect(rig.catalog.copies.byPath(copy.path)).toBeUndefined();
  });

  test('of a tier that is switched off is not tried', async () => {
    const { rig } = await withCopies(1);
    const { copy, entry } = held(rig, 0);
    expect(await rig.evictor.evict({ ...copy, tier: 'ram' }, entry, 'space')).toEqual({
      removed: false,
      why: 'the ram tier is switched off',
    });
  });

  test('is kept from a file that is being copied anew, and a pin does not keep a stale copy', async () => {
    const { rig, paths } = await withCopies(1);
    const { copy, entry } = held(rig, 0);
    const open = new Set<string>();
    expect(rig.evictor.obstacle(copy, entry, open)).toBeNull();
    expect(rig.evictor.obstacle(copy, { ...entry, pinned: true }, open)).toBe('pinned');
    expect(rig.evictor.obstacle({ ...copy, state: 'stale' }, { ...entry, pinned: true }, open)).toBeNull();
    expect(rig.evictor.obstacle(copy, entry, new Set([copy.path]))).toBe('open in a program');
    const job = rig.request(paths[0] ?? '');
    expect(rig.evictor.obstacle(copy, entry, open)).toBe('being copied');
    expect(rig.evictor.obstacleForSuccessor(copy, open)).toBe('in service');
    expect(rig.evictor.obstacleForSuccessor({ ...copy, state: 'stale' }, open)).toBeNull();
    await job.ended;
  });
});

describe.runIf(process.platform === 'linux')('which files are in use', () => {
  function processes(): { proc: string; dir: string } {
    const dir = tempDir();
    const proc = join(dir, 'proc');
    const start = (pid: string, maps: string, fds: string[]) => {
      mkdirSync(join(proc, pid, 'fd'), { recursive: true });
      writeFileSync(join(proc, pid, 'maps'), maps);
      for (const [index, target] of fds.entries()) symlinkSync(target, join(proc, pid, 'fd', String(index)));
    };
    const map = (path: string) => `7f00-7f01 r--s 00000000 08:01 123    ${path}\n`;
    start('100', map(`${dir}/cache/files/a b.safetensors`) + map('[heap]') + map('/usr/lib/libc.so'), []);
    start('200', '', [`${dir}/cache/files/open.gguf`, 'socket:[1]', '/dev/null']);
    start('300', map(`${dir}/cache/files/line\\012break`), []);
    start('400', map(`${dir}/cache-2/files/other`), []);
    mkdirSync(join(proc, '500'));
    writeFileSync(join(proc, 'version'), '');
    return { proc, dir };
  }

  test('is read off the mapped and the open files of all processes that can be seen', async () => {
    const { proc, dir } = processes();
    expect([...(await filesInUse(join(dir, 'cache'), proc))].sort()).toEqual(
      ['a b.safetensors', 'line\nbreak', 'open.gguf'].map((name) => `${dir}/cache/files/${name}`),
    );
  });

  test('is not known where the system does not tell, and that is no error', async () => {
    expect(await filesInUse('/cache', join(tempDir(), 'no-proc'))).toEqual(new Set());
  });
});
