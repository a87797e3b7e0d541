/**
 * Time of a real ComfyUI from a prompt of three models to its image, with models on a slow disk: without autocached, with it on the
 * very first run, and with everything cached. Every run begins with an empty page cache and no model in ComfyUI.
 *
 * COMFYUI_DIR is a checkout of ComfyUI, COMFYUI_PYTHON a Python with its requirements. Root on Linux, for the slow disk.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Table from 'cli-table3';
import type { Client } from '../src/cli/client.ts';
import { ComfyuiServer, upscaling } from './comfyui-server.ts';
import { median } from './figures.ts';
import { Installed } from './installed.ts';
import { SlowMount } from './slow-mount.ts';
import { makeUpscaler } from './weights.ts';

const checkout = process.env['COMFYUI_DIR'];
const python = process.env['COMFYUI_PYTHON'] ?? 'python3';
const rounds = Number(process.argv[2] ?? 3);
const disk = { bytes: 2 ** 30, bytesPerSecond: 100e6, readsPerSecond: 300 };
const names = ['first.safetensors', 'second.safetensors', 'third.safetensors'];
const category = 'upscale_models';

/** A run of a prompt: seconds, a description of its image, and the model files that ComfyUI had open meanwhile. */
interface Run {
  seconds: number;
  image: string;
  opened: Set<string>;
}

if (!checkout) {
  console.log('SKIPPED: set COMFYUI_DIR to a checkout of ComfyUI, and COMFYUI_PYTHON to a Python that has its requirements.');
} else await measure(checkout);

async function measure(comfyui: string): Promise<void> {
  using slow = new SlowMount(disk);
  const models = join(slow.path, 'models');
  mkdirSync(join(models, category), { recursive: true });
  for (const [seed, name] of names.entries())
    writeFileSync(join(models, category, name), makeUpscaler({ seed: seed + 1, features: 512, layers: 16 }));
  await using installed = new Installed('bench-first-image', () => ({
    AUTOCACHE_ROOTS: `${models}=hdd`,
    AUTOCACHE_LIMIT: '8GiB',
  }));
  const cacheDir = join(installed.dir, 'ssd');
  const client = await installed.start();
  const base = (name: string) => join(installed.dir, name);
  for (const dir of ['custom_nodes', 'models']) mkdirSync(join(base('with'), dir), { recursive: true });
  execFileSync(process.execPath, [...installed.command, 'comfyui', 'install', base('with')], { env: installed.env });
  const common = { checkout: comfyui, python, models };
  await using without = await ComfyuiServer.start({ ...common, base: base('without') });
  await using cached = await ComfyuiServer.start({
    ...common,
    base: base('with'),
    env: { AUTOCACHE_STATE: installed.stateDir, HOME: installed.dir },
  });

  const steps = {
    'without autocached': () => runCold(without, slow.path),
    'first run with it': async () => {
      await client.clear({ all: true });
      return runCold(cached, slow.path, cacheDir);
    },
    'second run with it': () => runCold(cached, slow.path, cacheDir),
  };
  const runs = Object.fromEntries(Object.keys(steps).map((name) => [name, [] as Run[]]));
  // Not measured: the imports of ComfyUI's first prompt.
  for (const step of Object.values(steps)) await step();
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, step] of Object.entries(steps)) runs[name]?.push(await step());
  }
  await report(runs, client);
}

async function report(runs: Record<string, Run[]>, client: Client): Promise<void> {
  const table = new Table({
    head: ['', 's to the image', 'ratio', 'of all rounds', 'models opened from', 'image'],
    style: { head: [], border: [] },
  });
  const direct = runs['without autocached'] ?? [];
  for (const [name, list] of Object.entries(runs)) {
    const ratios = list.map(({ seconds }, round) => seconds / (direct[round]?.seconds ?? Number.NaN));
    const from = [...new Set(list.flatMap(({ opened }) => [...opened]))].sort();
    table.push([
      name,
      median(list.map(({ seconds }) => seconds)).toFixed(2),
      median(ratios).toFixed(2),
      `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
      from.join('\n'),
      [...new Set(list.map(({ image }) => image.slice(0, 12)))].join(' '),
    ]);
  }
  console.log(`three models of 144 MiB, disk of ${disk.bytesPerSecond / 1e6} MB/s, ${rounds} rounds\n`);
  console.log(table.toString());
  const { hits, misses } = await client.stats();
  console.log(`decisions of the daemon: ${hits} hits, ${misses} misses`);
}

/** One prompt, with nothing in memory before. */
async function runCold(server: ComfyuiServer, source: string, cacheDir?: string): Promise<Run> {
  await server.free();
  dropPageCache();
  const opened = new Set<string>();
  const look = () => {
    for (const path of server.openFilesBelow(source)) if (isModel(path)) opened.add('the slow disk');
    for (const path of cacheDir ? server.openFilesBelow(cacheDir) : []) if (isModel(path)) opened.add('the cache directory');
  };
  const timer = setInterval(look, 5);
  try {
    const { seconds, image } = await server.run(upscaling(names));
    return { seconds, image: createHash('sha256').update(image).digest('hex'), opened };
  } finally {
    clearInterval(timer);
  }
}

function isModel(path: string): boolean {
  return names.some((name) => path.endsWith(`/${name}`));
}

function dropPageCache(): void {
  execFileSync('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '1');
}
