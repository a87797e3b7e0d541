import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { VariantClient } from '../../src/cli/variant-client.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { checkout, python } from '../helpers/real-comfyui.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { settled } from '../helpers/variants.ts';

interface Compared {
  /** Norm of the difference of the outputs over that of the output. */
  error: number;
  cosine: number;
  /** What ComfyUI has logged about the format. */
  logged: string[];
}

const names = ['wan', 'flux', 't5'] as const;
const forms = ['fp8', 'int8', 'auto8'] as const;
/** As measured before this was built, with variants of another program (facts C2). */
const mostError = { fp8: 0.0017, int8: 0.0007, auto8: 0.0007 };

function script(...words: string[]): string {
  const file = join(import.meta.dirname, 'variant_models.py');
  const { stdout, stderr, status } = spawnSync(python, [file, ...words], { encoding: 'utf8', env: { ...process.env } });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

/** The variants of tiny models that ComfyUI's own classes made, by the daemon. */
async function made() {
  const dir = tempDir();
  script('make', dir);
  const { client, root } = await runDaemon({ 'vae/other.safetensors': 1000 });
  const paths = new Map<string, string>();
  for (const name of names) {
    const folder = name === 't5' ? 'text_encoders' : 'diffusion_models';
    const model = join(root, folder, `${name}.safetensors`);
    mkdirSync(dirname(model), { recursive: true });
    writeFileSync(model, readFileSync(join(dir, `${name}.safetensors`)));
    for (const to of forms) {
      const { path } = await new VariantClient(client).make({ model, to });
      expect(await settled(client, path)).toMatchObject({ state: 'ready', why: null });
      paths.set(`${name} ${to}`, path);
    }
  }
  return { dir, paths };
}

describe.skipIf(!checkout)('ComfyUI', () => {
  test('loads variants with its own loaders, knows their formats, and computes almost the same', async () => {
    const { dir, paths } = await made();
    for (const name of names) {
      const variants = forms.map((to) => paths.get(`${name} ${to}`) ?? '');
      const lines = script('compare', dir, name, ...variants)
        .trim()
        .split('\n');
      const compared = lines.map((line) => JSON.parse(line) as Compared);
      expect(compared).toHaveLength(forms.length);
      for (const [index, { error, cosine, logged }] of compared.entries()) {
        const to = forms[index] ?? 'fp8';
        expect.soft(logged, `${name} ${to}`).toContain('Found quantization metadata version 1');
        const mixed = name === 't5' ? 'Using MixedPrecisionOps for text encoder' : 'Detected mixed precision quantization';
        expect.soft(logged, `${name} ${to}`).toContain(mixed);
        expect.soft(error, `${name} ${to}`).toBeGreaterThan(0);
        expect.soft(error, `${name} ${to}`).toBeLessThan(mostError[to]);
        expect.soft(cosine, `${name} ${to}`).toBeGreaterThan(0.999998);
      }
    }
  });
});
