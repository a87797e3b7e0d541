import { statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { OpenSources } from '../../src/usage/open-sources.ts';
import { createLookupRig } from '../helpers/lookup-rig.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

const client = { app: 'comfyui', pid: 7 };

function arrange() {
  const clock = new ManualClock();
  const rig = createLookupRig({ clock });
  const stuck = new OpenSources(rig);
  const { path } = rig.source('checkpoints/a.safetensors', 4096);
  const open = (at = path) => {
    const { size, mtimeNs } = statSync(at, { bigint: true });
    return { path: at, size: Number(size), mtimeNs: String(mtimeNs) };
  };
  const told = () => rig.seen.filter(({ name }) => name === 'source-stuck').map(({ event }) => event);
  return { rig, clock, stuck, path, open, told };
}

describe('a source that a program has open', () => {
  test('is stuck as soon as its copy is ready, and that is told once', async () => {
    const { rig, stuck, path, open, told } = arrange();
    expect(await stuck.report({ client, sources: [open()] })).toEqual([]);
    expect(stuck.list()).toEqual([]);
    await rig.copy(path);
    const view = { path, size: 4096, ...client };
    expect(await stuck.report({ client, sources: [open()] })).toEqual([view]);
    expect(await stuck.report({ client, sources: [open()] })).toEqual([view]);
    expect(stuck.list()).toEqual([view]);
    expect(told()).toEqual([view]);
  });

  test('is not stuck when the copy is of another version, or copies are not used', async () => {
    const { rig, stuck, path, open } = arrange();
    await rig.copy(path);
    expect(await stuck.report({ client, sources: [{ ...open(), mtimeNs: '1' }] })).toEqual([]);
    rig.sources.mode = 'off';
    expect(await stuck.report({ client, sources: [open()] })).toEqual([]);
  });

  test('never has its own disk asked', async () => {
    const { rig, stuck, path, open } = arrange();
    await rig.copy(path);
    rig.sources.away = 'it hangs';
    expect(await stuck.report({ client, sources: [open()] })).toHaveLength(1);
    expect(rig.sources.stat).not.toHaveBeenCalled();
  });

  test('is forgotten when it is closed, or its program is not heard of for a minute', async () => {
    const { rig, clock, stuck, path, open } = arrange();
    await rig.copy(path);
    await stuck.report({ client, sources: [open()] });
    await stuck.report({ client: { app: 'comfyui', pid: 8 }, sources: [open()] });
    await stuck.report({ client, sources: [] });
    expect(stuck.list().map(({ pid }) => pid)).toEqual([8]);
    clock.advance(60_001);
    expect(stuck.list()).toEqual([]);
  });

  test('below no known root is nothing of ours', async () => {
    const { stuck } = arrange();
    expect(await stuck.report({ client, sources: [{ path: '/elsewhere/a', size: 1, mtimeNs: '1' }] })).toEqual([]);
  });
});
