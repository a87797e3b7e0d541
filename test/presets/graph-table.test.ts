import { describe, expect, test } from 'vitest';
import type { WarmItem } from '../../src/api/api.ts';
import type { Fingerprint } from '../../src/core/types.ts';
import { Presets } from '../../src/presets/presets.ts';
import { createLog } from '../../src/runtime/log.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { createMemo } from '../memo/memo-rig.ts';

const prompt = 'a lighthouse';
const day = 86_400_000;

/** Presets over a world of model files; all are there, unless `files` says otherwise. */
function createPresets(rig = createMemo()) {
  const world = { size: 32, short: false, objectInfo: null as unknown, files: new Map<string, Fingerprint | 'missing'>() };
  const stamp = (path: string) => world.files.get(path) ?? { size: 1000, mtimeNs: '1', ino: null };
  const presets = new Presets({
    stateDir: tempDir(),
    memo: rig.memo,
    clock: rig.clock,
    log: createLog({ level: 'silent', form: 'json' }),
    size: () => world.size,
    isMemoryShort: async () => world.short,
    check: async (names) => names.map((file) => itemOf(file, stamp(`/models/${file.category}/${file.name}`))),
    withStem: async () => [],
    fingerprintOf: async (path) => stamp(path),
    objectInfo: () => world.objectInfo,
  });
  const fast = async (given: object = {}) => (await presets.compile('distilled-fast', { prompt, ...given })).graph;
  return { world, presets, fast, rig };
}

function itemOf({ category, name }: { category: string; name: string }, found: Fingerprint | 'missing'): WarmItem {
  const here = found !== 'missing';
  const item = {
    item: name,
    path: here ? `/models/${category}/${name}` : null,
    tier: here ? 'hdd' : null,
    pinned: false,
  } as const;
  const rest = { size: here ? found.size : null, job: null, message: null, word: '', why: '', ready: false };
  return { ...item, ...rest, reason: here ? 'QUEUED' : 'SOURCE_MISSING' };
}

describe('compiled graphs', () => {
  test('are found again: one serves every text, seed and image, not another size', async () => {
    const { fast, presets } = createPresets();
    expect(await fast()).toBe('miss');
    expect(await fast({ prompt: 'a ship', seed: 2n ** 63n })).toBe('hit');
    expect(await fast({ width: 1024 })).toBe('miss');
    expect(await fast({ family: 'ltx-2.5' })).toBe('miss');
    expect(await fast({ images: 'a.png' })).toBe('miss');
    expect(await fast({ images: 'b.png' })).toBe('hit');
    const { items, hits, misses, hitRate, graphs } = presets.graphs();
    expect({ items, hits, misses, hitRate }).toEqual({ items: 4, hits: 2, misses: 4, hitRate: 2 / 6 });
    expect(graphs[0]).toMatchObject({ preset: 'distilled-fast', hits: 1, config: { images: [0], width: 768 } });
  });

  test('give the same prompt whether they were found or not', async () => {
    const { presets } = createPresets();
    const given = { prompt: 'say "{{seed}}" $& twice', images: ['a.png@0', 'b.png@-1'], seed: 2n ** 64n - 1n };
    const first = await presets.compile('keyframe-interpolation', given);
    const second = await presets.compile('keyframe-interpolation', given);
    expect([first.graph, second.graph]).toEqual(['miss', 'hit']);
    expect(JSON.stringify(second.prompt)).toBe(JSON.stringify(first.prompt));
    expect(JSON.stringify(second.prompt)).toContain('say \\"{{seed}}\\" $& twice');
    expect(JSON.stringify(second.prompt)).toContain('18446744073709551615');
  });

  test('are not those of a model that was replaced under its name', async () => {
    const { fast, world } = createPresets();
    await fast();
    world.files.set('/models/checkpoints/ltx-2.3-22b-distilled-1.1.safetensors', { size: 1000, mtimeNs: '2', ino: null });
    expect(await fast()).toBe('miss');
  });

  test('outlive the daemon, and are over after thirty days without a use', async () => {
    const { rig, fast } = createPresets();
    await fast();
    await rig.memo[Symbol.asyncDispose]();
    const later = createPresets(createMemo({ dir: rig.dir }));
    expect(await later.fast()).toBe('hit');
    later.rig.clock.advance(29 * day);
    expect(await later.fast()).toBe('hit');
    later.rig.clock.advance(29 * day);
    expect(await later.fast()).toBe('hit');
    later.rig.clock.advance(30 * day);
    expect(await later.fast()).toBe('miss');
  });

  test('are thirty-two at most; the one used longest ago leaves', async () => {
    const { fast, presets } = createPresets();
    for (let n = 0; n < 32; n += 1) await fast({ fps: n + 1 });
    expect(await fast({ fps: 1 })).toBe('hit');
    await fast({ fps: 33 });
    expect(presets.graphs().items).toBe(32);
    expect(await fast({ fps: 1 })).toBe('hit');
    expect(await fast({ fps: 2 })).toBe('miss');
  });

  test('are half as many while memory is short, and as many as the setting says, at once', async () => {
    const { fast, presets, world } = createPresets();
    for (let n = 0; n < 10; n += 1) await fast({ fps: n + 1 });
    world.size = 6;
    await presets.trimGraphs();
    expect(presets.graphs()).toMatchObject({ items: 6, max: 6 });
    world.short = true;
    await fast({ fps: 20 });
    expect(presets.graphs().items).toBe(3);
    expect(await fast({ fps: 20 })).toBe('hit');
    world.size = 0;
    await presets.trimGraphs();
    expect(presets.graphs().items).toBe(0);
    expect(await fast()).toBe('miss');
    expect(presets.graphs().items).toBe(0);
  });

  test('are compiled ahead for the models that are all here', async () => {
    const { fast, presets, world } = createPresets();
    const lacking = ['loras/ltx-2.3-22b-distilled-lora-384-1.1', 'diffusion_models/ltx-2.5-22b-distilled-transformer-bf16'];
    for (const name of lacking) world.files.set(`/models/${name}.safetensors`, 'missing');
    await presets.warmUp();
    const warmed = presets.graphs().graphs.map(({ preset, config }) => `${preset} ${(config as { family: string }).family}`);
    expect(warmed).toHaveLength(20);
    expect(
      warmed.filter((name) => /(two-stages|keyframe).* ltx-2.3|(distilled-fast|ic-lora)(-adaptive)? ltx-2.5/.test(name)),
    ).toEqual([]);
    expect(await fast()).toBe('hit');
    expect(presets.graphs()).toMatchObject({ hits: 1, misses: 0 });
  });

  test('come with the nodes that ComfyUI does not have, once it has told its own', async () => {
    const { presets, world } = createPresets();
    const ask = async () => (await presets.compile('t2v', { prompt })).lacks;
    expect(await ask()).toEqual([]);
    const known = (await presets.compile('t2v', { prompt })).prompt;
    const { SaveVideo: _, ...older } = Object.fromEntries(Object.values(known).map(({ class_type }) => [class_type, {}]));
    world.objectInfo = older;
    expect(await ask()).toEqual(['SaveVideo']);
  });

  test('are done without where results are not kept', async () => {
    const { fast, rig, presets } = createPresets();
    rig.world.mode = 'off';
    expect([await fast(), await fast()]).toEqual(['miss', 'miss']);
    rig.world.mode = 'on';
    rig.world.state = 'away';
    expect(await fast()).toBe('miss');
    expect(presets.graphs().items).toBe(0);
  });
});
