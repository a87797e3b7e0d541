import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ApiPrompt } from '../../src/presets/graph.ts';
import { Library } from '../../src/presets/library.ts';
import { nodeClasses } from '../../src/presets/node-classes.ts';
import { samples } from './samples.ts';

interface Input {
  type: string;
  required: boolean;
  choices?: unknown[];
  min?: number;
  max?: number;
}
type Table = Record<string, { outputs: string[]; isOutput: boolean; inputs: Record<string, Input> }>;

const fixture = join(import.meta.dirname, '..', 'fixtures', 'preset-nodes.json');
const { classes } = JSON.parse(readFileSync(fixture, 'utf8')) as { classes: Table };

/** What ComfyUI would refuse in a prompt, one line each. */
function faults(prompt: ApiPrompt): string[] {
  return Object.entries(prompt).flatMap(([id, { class_type, inputs }]) => {
    const row = classes[class_type];
    if (!row) return [`${id}: there is no node ${class_type}`];
    const missing = Object.entries(row.inputs).filter(([name, { required }]) => required && !(name in inputs));
    const wrong = Object.entries(inputs).flatMap(([name, value]) => {
      const input = row.inputs[name.split('.')[0] ?? ''];
      const fault = input ? faultOf(prompt, input, value) : 'it has no such input';
      return fault === null ? [] : [`${class_type}.${name}: ${fault}`];
    });
    return [...missing.map(([name]) => `${class_type}.${name} is missing`), ...wrong];
  });
}

function faultOf(prompt: ApiPrompt, { type, choices, min, max }: Input, value: unknown): string | null {
  if (Array.isArray(value)) {
    const [id, slot] = value as [string, number];
    const given = classes[prompt[id]?.class_type ?? '']?.outputs[slot];
    return given !== undefined && type.split(',').includes(given) ? null : `it takes ${type}, and gets ${given}`;
  }
  if (choices) return choices.includes(value) ? null : `${value} is none of its choices`;
  if (type === 'FILE' || type === 'STRING') return typeof value === 'string' ? null : 'it takes a text';
  if (type === 'BOOLEAN') return typeof value === 'boolean' ? null : 'it takes a switch';
  if (typeof value !== 'number') return `it takes ${type}`;
  if (type === 'INT' && !Number.isInteger(value)) return 'it takes a whole number';
  return value >= (min ?? value) && value <= (max ?? value) ? null : `${value} is out of its bounds`;
}

/** Nodes that no output needs: ComfyUI would not run them. */
function idle(prompt: ApiPrompt): string[] {
  const needed = new Set<string>();
  const open = Object.keys(prompt).filter((id) => classes[prompt[id]?.class_type ?? '']?.isOutput);
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (needed.has(id)) continue;
    needed.add(id);
    open.push(...Object.values(prompt[id]?.inputs ?? {}).flatMap((value) => (Array.isArray(value) ? [String(value[0])] : [])));
  }
  return Object.keys(prompt).filter((id) => !needed.has(id));
}

const all = samples(new Library(null));

test('there are fifteen presets for each family of LTX, image-to-3d, and t2v', () => {
  const names = new Library(null).list().map(({ name, preset }) => [name, ...(preset?.families ?? [])]);
  const kinds = ['t2v-one-stage', 't2v-two-stages', 'distilled-fast', 'ic-lora', 'keyframe-interpolation'];
  const fifteen = kinds.flatMap((kind) => ['', '-adaptive', '-quantized'].map((suffix) => `${kind}${suffix}`));
  expect(names).toEqual([...fifteen.map((name) => [name, 'ltx-2.3', 'ltx-2.5']), ['image-to-3d'], ['t2v']]);
});

test('the builder knows the outputs of nodes as ComfyUI has them', () => {
  const ours = Object.entries(nodeClasses).map(([name, { outputs }]) => [name, [...outputs]]);
  expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(ours.map(([name]) => [name, classes[name as string]?.outputs])));
});

describe.each(all.map(({ title, compiled }) => [title, compiled] as const))('%s', (_title, { prompt, models }) => {
  test('has only nodes that ComfyUI has, with inputs that they take, and none that no output needs', () => {
    expect(faults(prompt)).toEqual([]);
    expect(idle(prompt)).toEqual([]);
  });

  test('tells of each file where it is published', () => {
    expect(models.length).toBeGreaterThan(0);
    for (const { url, name } of models) expect(url).toMatch(new RegExp(`^https://.*/${name}$`));
  });
});

test('a wrong graph has its faults told', () => {
  const wrong: ApiPrompt = {
    a: { class_type: 'UNETLoader', inputs: { unet_name: 'a.safetensors', weight_dtype: 'fp3' } },
    b: { class_type: 'VAEDecodeTiled', inputs: { samples: ['a', 0], vae: ['a', 1], tile_size: 8, sharpness: 1 } },
    c: { class_type: 'NoSuchNode', inputs: {} },
  };
  expect(faults(wrong)).toEqual([
    'UNETLoader.weight_dtype: fp3 is none of its choices',
    'VAEDecodeTiled.overlap is missing',
    'VAEDecodeTiled.temporal_size is missing',
    'VAEDecodeTiled.temporal_overlap is missing',
    'VAEDecodeTiled.samples: it takes LATENT, and gets MODEL',
    'VAEDecodeTiled.vae: it takes VAE, and gets undefined',
    'VAEDecodeTiled.tile_size: 8 is out of its bounds',
    'VAEDecodeTiled.sharpness: it has no such input',
    'c: there is no node NoSuchNode',
  ]);
  expect(idle(wrong)).toEqual(['a', 'b', 'c']);
});
