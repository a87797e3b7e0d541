/** `node bench/screenshots.ts DIRECTORY`: every page of the dashboard, in both themes and three widths. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'puppeteer-core';
import { launchBrowser } from './browser.ts';
import { openSample, startSample } from './sample-daemon.ts';
import { sampleModels } from './sample-library.ts';

const pages = ['overview', 'library', 'copies', 'variants', 'results', 'prompts', 'farm', 'folders', 'events', 'settings'];
const widths = [1280, 800, 400];
const themes = ['light', 'dark'];
const directory = process.argv[2] ?? 'screenshots';

mkdirSync(directory, { recursive: true });
const browser = await launchBrowser();
const { installed, client } = await startSample();
try {
  // A copy that is under way while the pictures are made.
  await client.ask('POST', '/api/cache/config', { body: { rate: '40MiB' } });
  const waiting = sampleModels.filter(({ rel }) => rel.startsWith('loras/archive')).slice(0, 6);
  await client.warm({ paths: waiting.map(({ rel }) => join(installed.root, rel)) });
  const page = await browser.newPage();
  await openSample(page, installed);
  for (const theme of themes) for (const width of widths) await shoot(page, theme, width);
} finally {
  await browser.close();
  await installed[Symbol.asyncDispose]();
}

async function shoot(page: Page, theme: string, width: number): Promise<void> {
  const view = { width, height: width < 500 ? 844 : 800, deviceScaleFactor: width < 500 ? 2 : 1 };
  for (const name of pages) {
    await page.setViewport(view);
    await page.select('#theme', theme);
    await page.evaluate(`location.hash = '#/${name}'`);
    await page.waitForSelector(`#nav a[data-page="${name}"][aria-current]`);
    await page.waitForNetworkIdle({ idleTime: 300, concurrency: 1 });
    // A browser paints only the visible part.
    if (name !== 'library') {
      const height = (await page.evaluate('document.documentElement.scrollHeight')) as number;
      await page.setViewport({ ...view, height: Math.min(height, 2600) });
      await page.waitForNetworkIdle({ idleTime: 300, concurrency: 1 });
    }
    await page.screenshot({ path: join(directory, `${name}-${theme}-${width}.webp`) as `${string}.webp`, quality: 90 });
  }
}
