/** `node bench/screenshots.ts DIRECTORY`: every page of the dashboard, in both themes and three widths. */
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from 'puppeteer-core';
import { launchBrowser } from './browser.ts';
import { Installed } from './installed.ts';
import { sampleModels, writeSampleModels, writeSampleMonth } from './sample-library.ts';

const pages = ['overview', 'library', 'copies', 'results', 'prompts', 'folders', 'events', 'settings'];
const widths = [1280, 800, 390];
const themes = ['light', 'dark'];
const directory = process.argv[2] ?? 'screenshots';

const installed = new Installed('screenshots', (root) => ({
  AUTOCACHE_ROOTS: `${root}=nas`,
  AUTOCACHE_LIMIT: '2GiB',
  AUTOCACHE_MIN_FREE: '1GiB',
}));
installed.quiet();
const browser = await launchBrowser();
try {
  mkdirSync(directory, { recursive: true });
  writeSampleModels(installed.root);
  await fill();
  const client = await installed.start();
  // A copy that is under way while the pictures are made.
  await client.ask('POST', '/api/cache/config', { body: { rate: '40MiB' } });
  const waiting = sampleModels.filter(({ rel }) => rel.startsWith('loras/archive')).slice(0, 6);
  await client.warm({ paths: waiting.map(({ rel }) => join(installed.root, rel)) });
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error(error));
  page.on('console', (message) => message.type() === 'error' && console.error(message.text()));
  const { stdout } = await promisify(execFile)(installed.node, [...installed.command, 'dashboard'], { env: installed.env });
  const [link = ''] = /http\S+/.exec(stdout) ?? [];
  await page.goto(link);
  await page.waitForSelector('.answers');
  for (const theme of themes) for (const width of widths) await shoot(page, theme, width);
} finally {
  await browser.close();
  await installed[Symbol.asyncDispose]();
}

/** Copies, their use, and a month of figures. */
async function fill(): Promise<void> {
  const client = await installed.start();
  const cached = sampleModels.filter(({ loads }) => loads > 0);
  const pathOf = ({ rel }: { rel: string }) => join(installed.root, rel);
  await client.warm({ paths: cached.map(pathOf), wait: true });
  for (const model of cached) {
    for (let load = 0; load < model.loads; load += 1)
      await client.lookup({ path: pathOf(model), purpose: 'load', waitMs: 0, client: { app: 'comfyui' } });
  }
  await client.ask('POST', '/api/cache/pin', { body: { names: ['vae/ae.safetensors'] } });
  for (const [key, costMs] of [
    ['portrait', 41_000],
    ['landscape', 92_000],
    ['upscaled', 18_000],
  ] as const)
    await client.ask('POST', '/api/memo/put', {
      body: {
        ns: 'comfyui',
        parts: key,
        value: key.repeat(2000),
        label: `${key} 1024 x 1024`,
        costMs,
        tags: ['model:flux1-dev'],
      },
    });
  await installed.end('SIGTERM');
  writeSampleMonth(join(installed.stateDir, 'catalog.db'));
}

async function shoot(page: Page, theme: string, width: number): Promise<void> {
  const view = { width, height: width < 500 ? 844 : 800, deviceScaleFactor: width < 500 ? 2 : 1 };
  for (const name of pages) {
    await page.setViewport(view);
    await page.select('#theme', theme);
    await page.evaluate(`location.hash = '#/${name}'`);
    await page.waitForSelector(`#nav a[data-page="${name}"][aria-current]`);
    await page.waitForNetworkIdle({ idleTime: 300, concurrency: 1 });
    // A browser paints only what can be seen.
    if (name !== 'library') {
      const height = (await page.evaluate('document.documentElement.scrollHeight')) as number;
      await page.setViewport({ ...view, height: Math.min(height, 2600) });
      await page.waitForNetworkIdle({ idleTime: 300, concurrency: 1 });
    }
    await page.screenshot({ path: join(directory, `${name}-${theme}-${width}.webp`) as `${string}.webp`, quality: 90 });
  }
}
