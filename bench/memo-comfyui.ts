/**
 * A real ComfyUI with and without its outputs kept. After its restart: time from a prompt to its image, the models that nodes asked for, and
 * whether the text encoder was opened. Also: the cost of a prompt of 41 unknown nodes, in alternating rounds; how long an
 * output holds ComfyUI's prompt thread; and a whole prompt that is known, with ComfyUI stopped.
 *
 * COMFYUI_DIR is a checkout of ComfyUI, COMFYUI_PYTHON a Python with its requirements. It computes on the CPU.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import type { Client } from '../src/cli/client.ts';
import { ComfyuiServer } from './comfyui-server.ts';
import { Installed } from './installed.ts';

const checkout = process.env['COMFYUI_DIR'];
const python = process.env['COMFYUI_PYTHON'] ?? 'python3';
const rounds = Number(process.argv[2] ?? 10);
const modes = ['off', 'text', 'results'];

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
  copyFileSync(join(import.meta.dirname, 'memo_probe.py'), join(base, 'custom_nodes', 'memo_probe.py'));
  const holds = join(installed.dir, 'holds.jsonl');
  const env = { AUTOCACHE_BENCH_HOLDS: holds };
  const start = () => ComfyuiServer.start({ checkout: comfyui, python, base, models: installed.root, env });

  await restarts(client, installed.root, start);
  {
    await using server = await start();
    await unknownPrompts(client, server);
    await held(client, server, holds);
    await knownPrompt(client, server);
  }
}

/** The same prompt and one with another seed, each row after a restart. */
async function restarts(client: Client, models: string, start: () => Promise<ComfyuiServer>): Promise<void> {
  const table = new Table({
    head: ['kept', 'same prompt, s', 'models', 'encoder', 'other seed, s', 'models', 'encoder', 'image'],
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
    const same = await observed(client, server, models, painting(1));
    const other = await observed(client, server, models, painting(2));
    const image = createHash('sha256').update(same.image).digest('hex').slice(0, 12);
    table.push([mode, ...same.cells, ...other.cells, image]);
  }
  await client.changeConfig({ memo_comfyui: 'off' });
  await using server = await start();
  const { seconds } = await server.run(gray());
  console.log('a text encoder of 246 MB, a model of 52 MB; each row after a restart of ComfyUI');
  console.log(`an image of one color, after a restart and with nothing kept, takes ${seconds.toFixed(2)} s\n`);
  console.log(`${table}\n`);
}

/** A prompt of 41 unknown nodes. The modes take turns, so that a busy machine is busy for all of them. */
async function unknownPrompts(client: Client, server: ComfyuiServer): Promise<void> {
  const costs = new Map<string, number[]>(modes.map((mode) => [mode, []]));
  let color = 0;
  const once = async () => (await server.run(rows(++color, 16))).seconds * 1000;
  for (let round = 0; round < rounds; round += 1) {
    for (const mode of modes) {
      await client.changeConfig({ memo_comfyui: mode });
      // The shim learns of the mode with a prompt.
      await once();
      costs.get(mode)?.push(await once(), await once());
    }
  }
  for (const [mode, ms] of costs) console.log(`41 nodes of which nothing is known, kept ${mode}: ${spread(ms)}`);
}

/** Time for which the prompt thread is held while a copy of an output is made. */
async function held(client: Client, server: ComfyuiServer, holds: string): Promise<void> {
  await client.changeConfig({ memo_comfyui: 'results' });
  await server.run(rows(10_000, 16));
  for (const [width, mib] of [
    [102, 1],
    [204, 4],
    [408, 15],
  ] as const) {
    writeFileSync(holds, '');
    for (let round = 0; round < rounds; round += 1) await server.run(rows(20_000 + 1000 * mib + round, width));
    const lines = readFileSync(holds, 'utf8').trim().split('\n');
    const found = lines.map((line) => JSON.parse(line) as { mib: number; ms: number; cpuMs: number });
    const large = found.filter((one) => one.mib > 0.8 * mib);
    if (large.length < rounds) throw new Error(`${large.length} outputs of ${mib} MiB were shown to the provider`);
    const ms = (key: 'ms' | 'cpuMs') => spread(large.map((one) => one[key]));
    console.log(`an output of ${large[0]?.mib.toFixed(1)} MiB holds ComfyUI for ${ms('ms')}; CPU time ${ms('cpuMs')}`);
    await settled(client);
  }
}

/** `POST /api/prompts/run` of a prompt that is known, while ComfyUI is not running. */
async function knownPrompt(client: Client, server: ComfyuiServer): Promise<void> {
  const ask = () =>
    client.ask<{ reason: string }>('POST', '/api/prompts/run', {
      body: { prompt: painting(3), comfyui: server.url },
      answerMs: null,
    });
  await ask();
  await server.end('SIGTERM');
  const times: number[] = [];
  for (let round = 0; round < 10 * rounds; round += 1) {
    const asked = performance.now();
    const { reason } = await ask();
    if (reason !== 'HIT') throw new Error(`the prompt was answered with ${reason}`);
    times.push(performance.now() - asked);
  }
  console.log(`a whole prompt that is known, ComfyUI stopped: ${spread(times)}`);
}

/** Runs a prompt. @returns its image; its seconds, the number of models its nodes asked for, and whether the encoder's file was open */
async function observed(client: Client, server: ComfyuiServer, models: string, prompt: object) {
  const before = await asked(client);
  let isOpened = false;
  const look = () => {
    isOpened ||= server.openFilesBelow(models).some((path) => path.includes('clip_l'));
  };
  const looking = setInterval(look, 10);
  const { seconds, image } = await server.run(prompt);
  clearInterval(looking);
  return { image, cells: [seconds.toFixed(2), (await asked(client)) - before, isOpened ? 'opened' : '-'] };
}

async function asked(client: Client): Promise<number> {
  return (await client.stats()).lookups;
}

/** Resolves when no more outputs are stored. */
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

/** A prompt that computes next to nothing. */
function gray(): object {
  const empty = node('EmptyImage', { width: 64, height: 64, batch_size: 1, color: 8421504 });
  return { empty, save: node('SaveImage', { images: ['empty', 0], filename_prefix: 'gray' }) };
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

/**
 * 41 nodes with as many ancestors as those of a preset for video: two rows of cheap nodes, and one that is kept, two images of twice the
 * width.
 */
function rows(color: number, width: number): object {
  const row = (name: string, length: number) => ({
    [`${name}0`]: node('EmptyImage', { width, height: width, batch_size: 1, color }),
    ...Object.fromEntries(
      Array.from({ length }, (_, at) => [`${name}${at + 1}`, node('ImageInvert', { image: [`${name}${at}`, 0] })]),
    ),
  });
  return {
    ...row('a', 18),
    ...row('b', 17),
    both: node('ImageBatch', { image1: ['a18', 0], image2: ['b17', 0] }),
    upscaler: node('UpscaleModelLoader', { model_name: 'tiny_x2.safetensors' }),
    upscale: node('ImageUpscaleWithModel', { upscale_model: ['upscaler', 0], image: ['both', 0] }),
    save: node('SaveImage', { images: ['upscale', 0], filename_prefix: 'rows' }),
  };
}

function spread(ms: number[]): string {
  const sorted = [...ms].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]?.toFixed(1);
  return `median ${at(0.5)} ms, p95 ${at(0.95)} ms`;
}
