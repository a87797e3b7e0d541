import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ComfyuiServer, upscaling } from '../../bench/comfyui-server.ts';
import { Installed } from '../../bench/installed.ts';
import { makeUpscaler } from '../../bench/weights.ts';
import { installShim } from '../../src/cli/comfyui-link.ts';
import { tempDir } from './temp-dir.ts';

/** COMFYUI_DIR is a checkout of ComfyUI, COMFYUI_PYTHON the Python that has its requirements. */
export const checkout = process.env['COMFYUI_DIR'];
export const python = process.env['COMFYUI_PYTHON'] ?? 'python3';

/** Upscalers, of which each is a file of its own. */
export const names = ['first.safetensors', 'second.safetensors', 'third.safetensors'] as const;
/** Uses all of them. */
export const prompt = upscaling(names);

/** The installed daemon with these models on a hard disk; it ends with the test. */
export async function realDaemon(settings: Record<string, string>) {
  const installed = new Installed('real-comfyui', (root) => ({
    AUTOCACHE_ROOTS: `${root}=hdd`,
    AUTOCACHE_MIN_SIZE: '1KiB',
    AUTOCACHE_LIMIT: '1GiB',
    ...settings,
  }));
  installed.quiet();
  onTestFinished(() => installed[Symbol.asyncDispose]());
  writeModels(installed.dir);
  const client = await installed.start();
  return { installed, client, sources: names.map((name) => join(installed.root, 'upscale_models', name)) };
}

/**
 * ComfyUI with the models of `dir`; with the shim when there is a daemon for it.
 * @param pack Python source of nodes that it has besides
 */
export async function startReal(dir: string, installed?: Installed, pack?: string): Promise<ComfyuiServer> {
  const base = baseOf(dir);
  if (installed) await installShim(base, { stateDir: installed.stateDir });
  if (pack !== undefined) writeFileSync(join(base, 'custom_nodes', 'pack.py'), pack);
  const models = installed?.root ?? writeModels(dir);
  return ComfyuiServer.start({ checkout: checkout ?? '', python, base, models, flags: ['--enable-assets'] });
}

/** ComfyUI's own directory below `dir`. */
export function baseOf(dir: string): string {
  const base = join(dir, 'comfyui');
  for (const folder of ['custom_nodes', 'models']) mkdirSync(join(base, folder), { recursive: true });
  return base;
}

let without: Promise<Buffer> | undefined;

/** The image that the prompt has without autocached. */
export function expectedImage(): Promise<Buffer> {
  const make = async () => {
    await using server = await startReal(tempDir());
    return (await server.run(prompt)).image;
  };
  without ??= make();
  return without;
}

function writeModels(dir: string): string {
  const models = join(dir, 'models');
  mkdirSync(join(models, 'upscale_models'), { recursive: true });
  for (const [index, name] of names.entries()) {
    writeFileSync(join(models, 'upscale_models', name), makeUpscaler({ seed: index + 1, features: 16, layers: 2 }));
  }
  return models;
}
