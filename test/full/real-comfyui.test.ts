import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ComfyuiServer, upscaling } from '../../bench/comfyui-server.ts';
import { Installed } from '../../bench/installed.ts';
import { makeUpscaler } from '../../bench/weights.ts';
import { installShim, uninstallShim } from '../../src/cli/comfyui-link.ts';
import { examine } from '../../src/cli/doctor/examine.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const checkout = process.env['COMFYUI_DIR'];
const python = process.env['COMFYUI_PYTHON'] ?? 'python3';
const names = ['first.safetensors', 'second.safetensors', 'third.safetensors'];
const prompt = upscaling(names);

/** COMFYUI_DIR is a checkout of ComfyUI, COMFYUI_PYTHON the Python that has its requirements. */
describe.skipIf(!checkout)('a real ComfyUI on the CPU', () => {
  test('has the same image on its first run with autocached, all models from their copies, and stops at Ctrl-C', async () => {
    const { installed, client, sources } = await daemon({ AUTOCACHE_ON_MISS: 'wait' });
    const server = await start(installed.dir, installed);
    const before = await lists(server);
    expect((await server.run(prompt)).image).toEqual(await expected());
    expect(await lists(server)).toEqual(before);
    expect(before).toMatchObject({ models: names });
    for (const path of sources) {
      const { decisions } = await client.explain(path);
      expect(decisions.map(({ reason }) => reason)).toContainEqual(expect.stringMatching(/^HIT/));
    }
    expect(await server.end('SIGINT')).toBe(true);
  });

  test('finishes its prompt when the daemon is killed while a node waits for its copy', async () => {
    const { installed, client } = await daemon({ AUTOCACHE_ON_MISS: 'wait', AUTOCACHE_RATE: '1KiB' });
    await using server = await start(installed.dir, installed);
    const events = await client.events(AbortSignal.timeout(60_000));
    const result = server.run(prompt);
    for await (const { name } of events) if (name === 'job-started') break;
    await installed.end('SIGKILL');
    expect((await result).image).toEqual(await expected());
  });

  test('runs the node that gives a path, and is found in order by the doctor', async () => {
    const { installed, client, sources } = await daemon({ AUTOCACHE_ON_MISS: 'wait' });
    await using server = await start(installed.dir, installed);
    const where = { class_type: 'AutocachedPath', inputs: { category: 'upscale_models', name: names[0] } };
    const shown = ['path', 'tier', 'reason'].map((name, index) => [
      name,
      { class_type: 'PreviewAny', inputs: { source: ['where', index] } },
    ]);
    await server.run({ ...prompt, where, ...Object.fromEntries(shown) });
    const [{ outputs }] = Object.values((await server.get('/history')).body as Record<string, { outputs: Outputs }>) as [
      { outputs: Outputs },
    ];
    const { entry } = await client.explain(sources[0] ?? '');
    expect(outputs['path']?.text).toEqual([entry?.copies[0]?.path]);
    expect(outputs['tier']?.text).toEqual(['ssd']);
    expect(outputs['reason']?.text?.[0]).toMatch(/^HIT/);

    const asked = { cwd: installed.dir, stateDir: installed.stateDir, flags: {}, dirs: [], url: `${server.url}/` };
    const findings = await examine(asked);
    expect(findings.filter(({ verdict }) => verdict === 'fail')).toEqual([]);
    const said = findings.map(({ check, says }) => `${check}: ${says}`);
    expect(said).toContainEqual(expect.stringMatching(/^comfyui: version \S+ runs/));
    expect(said).toContainEqual(expect.stringMatching(/^shim: loaded by/));
    expect(said).toContainEqual(expect.stringMatching(/^shim: version \S+ in /));
  });

  test('is as it was before, once the shim is taken out', async () => {
    const { installed, client } = await daemon({});
    const base = baseOf(installed.dir);
    await installShim(base, { stateDir: installed.stateDir });
    await uninstallShim(base);
    await using server = await start(installed.dir);
    expect((await server.run(prompt)).image).toEqual(await expected());
    expect((await client.stats()).misses).toBe(0);
    expect((await client.entries({})).entries).toEqual([]);
  });
});

type Outputs = Record<string, { text?: string[] } | undefined>;

let without: Promise<Buffer> | undefined;

/** The image that the prompt has without autocached. */
function expected(): Promise<Buffer> {
  const make = async () => {
    await using server = await start(tempDir());
    return (await server.run(prompt)).image;
  };
  without ??= make();
  return without;
}

function baseOf(dir: string): string {
  const base = join(dir, 'comfyui');
  for (const folder of ['custom_nodes', 'models']) mkdirSync(join(base, folder), { recursive: true });
  return base;
}

/** What ComfyUI tells of its models, and what its scanner has on record of them. */
async function lists(server: ComfyuiServer): Promise<unknown> {
  const { body: models } = await server.get('/models/upscale_models');
  for (;;) {
    const { status, body } = await server.get('/api/assets?include_tags=models');
    expect(status).toBe(200);
    const { assets } = body as { assets: { name: string; size: number; tags: string[] }[] };
    // It scans in the background after the start.
    if (assets.length >= names.length) return { models, assets: assets.map(({ name, size, tags }) => ({ name, size, tags })) };
    await sleep(100);
  }
}

function writeModels(dir: string): string {
  const models = join(dir, 'models');
  mkdirSync(join(models, 'upscale_models'), { recursive: true });
  for (const [index, name] of names.entries()) {
    writeFileSync(join(models, 'upscale_models', name), makeUpscaler({ seed: index + 1, features: 16, layers: 2 }));
  }
  return models;
}

async function daemon(settings: Record<string, string>) {
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

/** ComfyUI with the models of `dir`; with the shim when there is a daemon for it. */
async function start(dir: string, installed?: Installed): Promise<ComfyuiServer> {
  const base = baseOf(dir);
  if (installed) await installShim(base, { stateDir: installed.stateDir });
  const models = installed?.root ?? writeModels(dir);
  return ComfyuiServer.start({ checkout: checkout ?? '', python, base, models, flags: ['--enable-assets'] });
}
