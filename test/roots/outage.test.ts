import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { soon } from '../helpers/patience.ts';
import { busyReader } from '../sources/busy-reader.ts';
import { fill, tempTree } from '../sources/temp-tree.ts';
import { keeping } from './keeping.ts';

describe('an outage', () => {
  it('is no deletion: an emptied mount point takes nothing from the catalog', async () => {
    const top = tempTree({ 'nas/a.ckpt': 'x', 'nas/b.ckpt': 'x' });
    const nas = join(top, 'nas');
    const { keeper, known, changes, health, add } = keeping();
    const root = add(nas, 'nas');
    await keeper.look();
    renameSync(nas, join(top, 'unmounted'));
    mkdirSync(nas);
    await keeper.look();
    await expect(keeper.scan(root)).rejects.toMatchObject({ code: 'SOURCE_AWAY' });
    expect({ changes, files: known.size }).toEqual({ changes: [], files: 2 });
    expect(keeper.health(root)).toMatchObject({ health: 'away', why: expect.stringContaining('empty') });
    rmSync(nas, { recursive: true });
    renameSync(join(top, 'unmounted'), nas);
    rmSync(join(nas, 'b.ckpt'));
    await keeper.look();
    expect(health).toEqual([`ok ${nas}`, `away ${nas}`, `ok ${nas}`]);
    expect(changes).toEqual([[join(nas, 'b.ckpt'), 'missing']]);
  });

  it('of a NAS that hangs is told in bounded time, and the other roots are walked', async () => {
    const top = tempTree({ 'local/a.ckpt': 'x', 'nas/b.ckpt': 'x' });
    const { keeper, host, health, known, add } = keeping({ silentNas: true });
    const nas = add(join(top, 'nas'), 'nas');
    add(join(top, 'local'));
    // Somebody asked with less patience, and got no answer: from then on nobody waits.
    await host.identify(nas, { deadlineMs: 30 });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const looked = keeper.look();
    await vi.waitUntil(() => known.size === 1, soon());
    await vi.advanceTimersByTimeAsync(10_000);
    await looked;
    expect(health.sort()).toEqual([`away ${join(top, 'nas')}`, `ok ${join(top, 'local')}`]);
    expect(known.size).toBe(1);
  });

  it('ends when known files stand unchanged on what was mounted instead', async () => {
    const top = tempTree({ 'a.ckpt': 'x', 'b.ckpt': 'x' });
    const { keeper, host, changes, add } = keeping();
    const root = add(top, 'nas');
    await keeper.look();
    host.trust(root, { device: 'another', type: 1, bytes: 1 });
    rmSync(join(top, 'b.ckpt'));
    await keeper.scan(root);
    expect(changes).toEqual([[join(top, 'b.ckpt'), 'missing']]);
  });

  it('stays one when nothing that is known stands there', async () => {
    const top = tempTree({ 'a.ckpt': 'x' });
    const { keeper, host, changes, add } = keeping();
    const root = add(top, 'nas');
    await keeper.look();
    host.trust(root, { device: 'another', type: 1, bytes: 1 });
    renameSync(join(top, 'a.ckpt'), join(top, 'README.txt'));
    await expect(keeper.scan(root)).rejects.toMatchObject({ code: 'SOURCE_AWAY' });
    expect(changes).toEqual([]);
  });

  it('is not concluded from a question that waits behind others', async () => {
    const top = tempTree({ 'a.ckpt': 'x' });
    const { keeper, host, health, add } = keeping({ openProcess: busyReader(join(top, 'a.ckpt')) });
    const root = add(top, 'nas');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const looked = keeper.look();
    await host.stat(join(top, 'a.ckpt'), { deadlineMs: 20_000 });
    await vi.advanceTimersByTimeAsync(10_000);
    await looked;
    expect(keeper.health(root).health).toBe('unknown');
    expect(health).toEqual([]);
  });

  it('is not what a ComfyUI folder is in that was never made', async () => {
    const { keeper, health, add } = keeping();
    const root = add(join(tempTree(), 'output/loras'), 'hdd', true);
    await keeper.look();
    expect(keeper.health(root).health).toBe('unknown');
    expect(health).toEqual([]);
    fill(dirname(root.path), { 'loras/a.ckpt': 'x' });
    await keeper.look();
    expect(keeper.health(root)).toMatchObject({ health: 'ok', files: 1 });
  });
});

it('a keeper that ends does not wait for a NAS that hangs', async () => {
  const { keeper, health, add } = keeping({ silentNas: true });
  add(tempTree({ 'a.ckpt': 'x' }), 'nas');
  // No deadline ends the wait for its answer.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const looked = keeper.look();
  expect(vi.getTimerCount()).toBeGreaterThan(0);
  await keeper[Symbol.asyncDispose]();
  await looked;
  expect(health).toEqual([]);
});
