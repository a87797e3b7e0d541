import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from 'puppeteer-core';
import type { Client } from '../src/cli/client.ts';
import { Installed } from './installed.ts';
import { sampleModels, writeSampleLoads, writeSampleModels, writeSampleMonth } from './sample-library.ts';

const results = [
  ['portrait', 41_000],
  ['landscape', 92_000],
  ['upscaled', 18_000],
] as const;

/** A daemon with the sample library, copies of it, their use, and a month of figures. The caller ends it. */
export async function startSample(): Promise<{ installed: Installed; client: Client }> {
  const installed = new Installed('sample', (root) => ({
    AUTOCACHE_ROOTS: `${root}=nas`,
    AUTOCACHE_LIMIT: '2GiB',
    AUTOCACHE_MIN_FREE: '1GiB',
  }));
  installed.quiet();
  writeSampleModels(installed.root);
  await fill(installed, await installed.start());
  await installed.end('SIGTERM');
  writeSampleMonth(join(installed.stateDir, 'catalog.db'));
  writeSampleLoads(join(installed.stateDir, 'catalog.db'), installed.root);
  return { installed, client: await installed.start() };
}

async function fill(installed: Installed, client: Client): Promise<void> {
  const cached = sampleModels.filter(({ loads }) => loads > 0);
  const pathOf = ({ rel }: { rel: string }) => join(installed.root, rel);
  await client.warm({ paths: cached.map(pathOf), wait: true });
  for (const model of cached) {
    for (let load = 0; load < model.loads; load += 1)
      await client.lookup({ path: pathOf(model), purpose: 'load', waitMs: 0, client: { app: 'comfyui' } });
  }
  await client.ask('POST', '/api/cache/pin', { body: { names: ['vae/ae.safetensors'] } });
  for (const [key, costMs] of results) {
    const what = { label: `${key} 1024 x 1024`, costMs, tags: ['model:flux1-dev'] };
    await client.ask('POST', '/api/memo/put', { body: { ns: 'comfyui', parts: key, value: key.repeat(2000), ...what } });
  }
}

/** Opens the dashboard, signed in. Errors of the page are printed. */
export async function openSample(page: Page, installed: Installed): Promise<void> {
  page.on('pageerror', (error) => console.error(error));
  page.on('console', (message) => message.type() === 'error' && console.error(message.text()));
  const { stdout } = await promisify(execFile)(installed.node, [...installed.command, 'dashboard'], { env: installed.env });
  const [link = ''] = /http\S+/.exec(stdout) ?? [];
  await page.goto(link);
  await page.waitForSelector('.answers');
}
