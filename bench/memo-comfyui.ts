/**
 * A real ComfyUI after its restart, with and without its outputs kept: time from a prompt to its image, and the models that nodes asked for.
 * Besides what it costs a prompt of 41 nodes of which nothing is known, and how long an output holds ComfyUI.
 *
 * COMFYUI_DIR is a checkout of ComfyUI, COMFYUI_PYTHON a Python with its requirements. It computes on the CPU.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import type { Client } from '../src/cli/client.ts';
import { ComfyuiServer } from './comfyui-server.ts';
import { Installed } from './installed.ts';

const checkout = process.env['COMFYUI_DIR'];
const python = process.env['COMFYUI_PYTHON'] ?? 'python3';
const rounds = Number(process.argv[2] ?? 5);
const modes = ['off', 'text', 'results'];
const packageDir = join(import.meta.dirname, '..');

if (!checkout) {
  console.log('SKIPPED: set COMFYUI_DIR to a checkout of ComfyUI, and COMFYUI_PYTHON to a Python that has its requirements.');
} else await measure(checkout);

async function measure(comfyui: string): Promise<void> {
  await using installed = new Installed('bench-memo-comfyui', (root) => ({
    AUTOCACHE_ROOTS: `${root}=ssd`,
    AUTOCACHE_LIMIT: '1GiB',
  }));
  execFileSync(python, [join(import.meta.dirname, 'memo_models.py'), comfyui, installed.root]);
  const client = await installed.start();
  const base = join(installed.dir, 'comfyui');
  for (const dir of ['custom_nodes', 'models']) mkdirSync(join(base, dir), { recursive: true });
  execFileSync(process.execPath, [...installed.command, 'comfyui', 'install', base], { env: installed.env });
  const start = () => ComfyuiServer.start({ checkout: comfyui, python, base, models: installed.root });

  const table = new Table({
    head: ['kept', 'same prompt, s', 'models', 'other seed, s', 'models', 'image', '41 nodes, none known, ms'],
    style: { head: [], border: [] },
  });
  for (const mode of modes) {
    await client.changeConfig({ memo_comfyui: mode });
    {
      await using server = await start();
      await server.run(painting(1));
      await settled(client);
    }
    await using server = await start();
    const same = await counted(client, () => server.run(painting(1)));
    const other = await counted(client, () => server.run(painting(2)));
    const costs: number[] = [];
    for (let round = 0; round <= rounds; round += 1) costs.push((await server.run(chain(round))).seconds * 1000);
    const image = createHash('sha256').update(same.image).digest('hex').slice(0, 12);
    table.push([
      mode,
      same.seconds.toFixed(2),
      same.models,
      other.seconds.toFixed(2),
      other.models,
      image,
      median(costs.slice(1)).toFixed(0),
    ]);
  }
  console.log(
    `a text encoder of 246 MB, a model of 52 MB; each row after a restart of ComfyUI; ${rounds} rounds of 41 nodes\n`,
  );
  console.log(table.toString());
  const held = JSON.parse(execFileSync(python, [join(import.meta.dirname, 'memo_held.py'), packageDir], { encoding: 'utf8' }));
  for (const [size, ms] of Object.entries<number>(held))
    console.log(`an output of ${size} MiB holds ComfyUI for ${ms.toFixed(2)} ms`);
}

/** Runs a prompt, and counts the models that its nodes asked for. */
async function counted<T>(client: Client, run: () => Promise<T>): Promise<T & { models: number }> {
  const before = await asked(client);
  const result = await run();
  return { ...result, models: (await asked(client)) - before };
}

async function asked(client: Client): Promise<number> {
  return (await client.stats()).lookups;
}

/** Until no more outputs are stored. */
async function settled(client: Client): Promise<void> {
  for (let before = -1; ; await sleep(2000)) {
    const { current_items } = (await client.stats()).memo;
    if (current_items === before) return;
    before = current_items;
  }
}

function node(class_type: string, inputs: object): object {
  return { class_type, inputs };
}

/** Text, sampling, decoding, saving. */
function painting(seed: number): object {
  return {
    clip: node('CLIPLoader', { clip_name: 'clip_l.safetensors', type: 'stable_diffusion' }),
    positive: node('CLIPTextEncode', { clip: ['clip', 0], text: 'a knight on a horse' }),
    negative: node('CLIPTextEncode', { clip: ['clip', 0], text: 'blurred' }),
    unet: node('UNETLoader', { unet_name: 'small.safetensors', weight_dtype: 'default' }),
    vae: node('VAELoader', { vae_name: 'taesd.safetensors' }),
    empty: node('EmptyLatentImage', { width: 64, height: 64, batch_size: 1 }),
    sample: node('KSampler', {
      ...{ model: ['unet', 0], positive: ['positive', 0], negative: ['negative', 0], latent_image: ['empty', 0] },
      ...{ seed, steps: 2, cfg: 3, sampler_name: 'euler', scheduler: 'normal', denoise: 1 },
    }),
    decode: node('VAEDecode', { samples: ['sample', 0], vae: ['vae', 0] }),
    save: node('SaveImage', { images: ['decode', 0], filename_prefix: 'image' }),
  };
}

/** A row of 40 cheap nodes that ends in one that is kept. */
function chain(round: number): object {
  const inverted = (at: number) => node('ImageInvert', { image: [String(at - 1), 0] });
  return {
    0: node('EmptyImage', { width: 16, height: 16, batch_size: 1, color: round + 1 }),
    ...Object.fromEntries(Array.from({ length: 37 }, (_, at) => [String(at + 1), inverted(at + 1)])),
    upscaler: node('UpscaleModelLoader', { model_name: 'tiny_x2.safetensors' }),
    upscale: node('ImageUpscaleWithModel', { upscale_model: ['upscaler', 0], image: ['37', 0] }),
    save: node('SaveImage', { images: ['upscale', 0], filename_prefix: 'chain' }),
  };
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
