import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { Library } from '../../src/presets/library.ts';
import { checkout, python } from '../helpers/real-comfyui.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { samples } from '../presets/samples.ts';

const script = join(import.meta.dirname, 'validate_prompts.py');

/** What ComfyUI's own `validate_prompt` finds wrong with each; `base` has the files that they name. */
function judged(prompts: Record<string, object>, base: string): Record<string, unknown> {
  const stdio: ['pipe', 'pipe', 'inherit'] = ['pipe', 'pipe', 'inherit'];
  const options = { input: JSON.stringify(prompts), cwd: checkout, stdio, encoding: 'utf8' } as const;
  const lines = execFileSync(python, [script, checkout ?? '', base], options)
    .trim()
    .split('\n');
  return JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
}

test.skipIf(!checkout)('ComfyUI accepts all fifteen presets for both families of LTX, image-to-3d, and t2v', () => {
  const base = tempDir();
  const all = samples(new Library(null));
  // ComfyUI lists what is there: an empty file has a name.
  const models = all.flatMap(({ compiled }) => compiled.models.map(({ category, name }) => join('models', category, name)));
  for (const file of [...models, 'input/cat.png', 'input/dog.png', 'input/guide.mp4']) {
    mkdirSync(dirname(join(base, file)), { recursive: true });
    writeFileSync(join(base, file), '');
  }
  const [first] = all;
  const prompts = Object.fromEntries(all.map(({ title, compiled }) => [title, compiled.prompt]));
  const withFault = { ...prompts, 'a file that is not there': { ...first?.compiled.prompt, 1: loading('absent.safetensors') } };
  const { 'a file that is not there': refused, ...found } = judged(withFault, base);
  expect(Object.keys(found)).toHaveLength(all.length);
  expect(Object.entries(found).filter(([, fault]) => fault !== null)).toEqual([]);
  expect(JSON.stringify(refused)).toContain('absent.safetensors');
});

function loading(ckpt_name: string): object {
  return { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name } };
}
