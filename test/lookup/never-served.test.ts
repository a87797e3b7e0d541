import { existsSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { composeAnswering } from '../../src/compose/answering.ts';
import { Tiers } from '../../src/tiers/tiers.ts';
import { nextTurn, withCopy } from '../helpers/lookup-rig.ts';
import { soon } from '../helpers/patience.ts';

const MiB = 1024 * 1024;

describe('a copy is never served', () => {
  test('when its source was replaced (Arena A3: old weights for good)', async () => {
    const { rig, path, copy } = await withCopy();
    const { bytes } = rig.source('checkpoints/a.safetensors', 3 * MiB);
    const stale = await rig.ask(path);
    expect(stale).toMatchObject({ path, reason: 'STALE', tier: 'hdd', job: { state: 'queued' } });
    await rig.copier.activeJob(path)?.ended;
    const hit = await rig.ask(path);
    expect(hit).toMatchObject({ path: copy, reason: 'HIT' });
    expect(readFileSync(hit.path).equals(bytes)).toBe(true);
  });

  test('once it was found old, even when the source goes away before there is a new one', async () => {
    const { rig, path } = await withCopy();
    rig.source('checkpoints/a.safetensors', 3 * MiB);
    vi.mocked(rig.planner.request).mockImplementation(() => ({
      state: 'queued',
      ended: new Promise(() => {}),
      awaited: async () => {},
      view: vi.fn(),
    }));
    await rig.ask(path);
    await nextTurn();
    rig.sources.away = 'unplugged';
    expect(await rig.ask(path)).toMatchObject({ path, reason: 'SOURCE_AWAY' });
  });

  test('when it is short (Arena A4: 3 MB for a model of 9 MB)', async () => {
    const { rig, path, copy } = await withCopy();
    rmSync(copy);
    writeFileSync(copy, Buffer.alloc(2 * MiB));
    truncateSync(copy, MiB);
    expect(await rig.ask(path)).toMatchObject({ path, reason: 'QUEUED' });
    await rig.copier.activeJob(path)?.ended;
    expect(statSync(copy).size).toBe(2 * MiB);
    expect(await rig.ask(path)).toMatchObject({ path: copy, reason: 'HIT' });
  });

  test('when it was damaged and nothing may be copied: it leaves, and its space with it', async () => {
    const { rig, path, copy } = await withCopy();
    rig.sources.mode = 'read-only';
    const evict = vi.spyOn(rig.evictor, 'evict');
    rmSync(copy);
    writeFileSync(copy, Buffer.alloc(2 * MiB));
    expect(await rig.ask(path)).toMatchObject({ path, reason: 'READ_ONLY' });
    await vi.waitFor(() => expect(existsSync(copy)).toBe(false), soon());
    expect(rig.catalog.placements.usedBytes('ssd')).toBe(0);
    expect(evict).toHaveBeenCalledExactlyOnceWith(expect.anything(), expect.anything(), 'damaged');
  });

  test('when its file is gone', async () => {
    const { rig, path, copy } = await withCopy();
    rmSync(copy);
    expect(await rig.ask(path)).toMatchObject({ path, reason: 'QUEUED' });
  });

  test('while it leaves', async () => {
    const { rig, path } = await withCopy();
    const [copy] = rig.catalog.copies.inState('ready');
    rig.catalog.copies.setState(copy?.id ?? 0, 'evicting');
    expect((await rig.ask(path)).path).toBe(path);
  });

  test('of a tier that is switched off', async () => {
    const { rig, path } = await withCopy();
    const { lookup } = composeAnswering({ ...rig, tiers: new Tiers([]) });
    expect((await lookup.answer({ path, purpose: 'load', waitMs: 0, client: null })).path).toBe(path);
  });

  test.skipIf(process.platform === 'win32')('when it is a link, be it to the very bytes: answers are real files', async () => {
    const { rig, path, copy } = await withCopy();
    const moved = join(rig.dir, 'moved.safetensors');
    renameSync(copy, moved);
    symlinkSync(moved, copy);
    expect((await rig.ask(path)).path).toBe(path);
    await rig.copier.activeJob(path)?.ended;
    expect(existsSync(moved)).toBe(true);
  });
});
