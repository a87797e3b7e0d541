import { rmSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { CacheError } from '../../src/core/errors.ts';
import type { Purpose } from '../../src/core/types.ts';
import type { Answered } from '../../src/lookup/no-path.ts';
import { createLookupRig, type LookupRigOptions, withCopy } from '../helpers/lookup-rig.ts';

const waiting = { waitMs: 60_000 };

/** A rig whose sources lie on a remote only. */
function remoteRig(options: LookupRigOptions = {}) {
  const rig = createLookupRig({ onMiss: 'background', ...options });
  rig.sources.isRemote = true;
  return rig;
}

describe('a model that lies on a remote only', () => {
  test('is waited for whatever AUTOCACHE_ON_MISS says, and however small it is', async () => {
    const rig = remoteRig({ filters: { minSize: { overall: 2 ** 40, by: {} } } });
    const { path } = rig.source('checkpoints/a.safetensors', 1000);
    const answer: Answered = await rig.ask(path, waiting);
    expect(answer).toMatchObject({ path: rig.placeOf(path), reason: 'HIT_AFTER_WAIT' });
    expect(answer.noPath).toBeUndefined();
    expect(rig.planner.request).toHaveBeenCalledWith(expect.anything(), 'wait');
  });

  test('has no path for who does not wait, and a copy for the next one', async () => {
    const rig = remoteRig();
    const { path } = rig.source('checkpoints/a.safetensors', 1000);
    const answer: Answered = await rig.ask(path);
    expect(answer.noPath).toMatch(/^a\.safetensors lies on a remote only, and there is no copy of it: .*\(QUEUED\)$/);
    await rig.copier.activeJob(path)?.ended;
    expect((await rig.ask(path)).path).toBe(rig.placeOf(path));
  });

  test('has a copy for nodes that go by the own path of a model', async () => {
    const rig = remoteRig();
    const { path } = rig.source('checkpoints/a.safetensors', 1000);
    const client = { app: 'comfyui', nodeClass: 'GoesByPath' };
    expect((await rig.ask(path, { ...waiting, client })).path).toBe(rig.placeOf(path));
  });

  test.each<[Purpose, boolean]>([
    ['metadata', true],
    ['scan', false],
  ])('starts no copy for purpose %s; who would read it has no path: %s', async (purpose, isRefused) => {
    const rig = remoteRig();
    const { path } = rig.source('checkpoints/a.safetensors', 1000);
    const answer: Answered = await rig.ask(path, { purpose, ...waiting });
    expect(answer.noPath !== undefined).toBe(isRefused);
    expect(rig.planner.request).not.toHaveBeenCalled();
  });

  test.each([['off'], ['read-only']] as const)('has no path in mode %s, and says why', async (mode) => {
    const rig = remoteRig();
    rig.sources.mode = mode;
    const { path } = rig.source('checkpoints/a.safetensors', 1000);
    const answer: Answered = await rig.ask(path, waiting);
    expect(answer.noPath).toMatch(mode === 'off' ? /autocached is off/ : /read-only/);
  });

  test('says what went wrong with its copy, and is tried again with the next wait', async () => {
    const rig = remoteRig();
    const { path } = rig.source('checkpoints/a.safetensors', 1000);
    rig.copier.failures.remember(
      { file: rig.place(path), tier: 'ssd' } as never,
      new CacheError('SOURCE_AWAY', 'no route to the bucket'),
    );
    // A later slice of the same wait does not begin anew.
    const later: Answered = await rig.ask(path, { ...waiting, waitedMs: 500, sliceMs: 500 });
    expect(later.noPath).toMatch(/no route to the bucket/);
    expect(rig.planner.request).not.toHaveBeenCalled();
    expect((await rig.ask(path, waiting)).path).toBe(rig.placeOf(path));
  });

  test('has no path either when looking for it fails', async () => {
    const rig = remoteRig();
    const { path } = rig.source('checkpoints/a.safetensors', 1000);
    vi.mocked(rig.sources.stat).mockRejectedValueOnce(new Error('broken'));
    const answer: Answered = await rig.ask(path, waiting);
    expect(answer).toMatchObject({ reason: 'ERROR', noPath: expect.stringMatching(/lies on a remote only/) });
  });

  test('is served from its copy when the remote has lost it from its list', async () => {
    const { rig, path, copy } = await withCopy();
    rig.sources.isRemote = true;
    rig.sources.away = 'the bucket does not answer';
    rmSync(path);
    expect(await rig.ask(path)).toMatchObject({ path: copy, reason: 'HIT_OFFLINE' });
  });
});

test('a model on a disk has its own path, without a word about remotes', async () => {
  const rig = createLookupRig({ onMiss: 'background' });
  const { path } = rig.source('checkpoints/a.safetensors', 1000);
  const answer: Answered = await rig.ask(path);
  expect(answer.path).toBe(path);
  expect(answer.noPath).toBeUndefined();
});
