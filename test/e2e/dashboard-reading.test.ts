import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Page } from 'puppeteer-core';
import { describe, expect, test } from 'vitest';
import type { Client } from '../../src/cli/client.ts';
import { VariantClient } from '../../src/cli/variant-client.ts';
import { noBrowser } from '../helpers/browser.ts';
import { openDashboard, openPage } from '../helpers/dashboard.ts';
import { tinyWan, writeSafetensors } from '../helpers/tiny-model.ts';

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const pages = ['overview', 'library', 'copies', 'variants', 'results', 'prompts', 'folders', 'farm', 'events', 'settings'];

/** What axe finds, as `rule: element`. */
async function violationsOf(page: Page): Promise<string[]> {
  // Browsers run scripts of the page's own origin only; this one is put in by the browser's driver.
  await page.evaluate(axe);
  const found = await page.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html.slice(0, 200))))`);
  return found as string[];
}

/** A variant, made or on its way. */
async function askForVariant(client: Client, root: string, name: string): Promise<void> {
  const model = join(root, 'diffusion_models', `${name}.safetensors`);
  writeSafetensors(model, tinyWan());
  await new VariantClient(client).make({ model, to: 'fp8' });
}

describe.skipIf(noBrowser !== null)(
  `the dashboard for readers of the screen, keyboards and small windows${noBrowser === null ? '' : ` (left out: ${noBrowser})`}`,
  () => {
    test('axe finds nothing on any page, in both themes', async () => {
      const { page, client, installed, troubles } = await openDashboard({ names: ['a.safetensors', 'b.safetensors'] });
      await client.pauseJobs(true);
      await askForVariant(client, installed.root, 'wan');
      await client.ask('POST', '/api/memo/put', { body: { ns: 'shop', parts: 'a', value: 'a', tags: ['t'] } });
      await client.ask('POST', '/api/cache/evict', { body: { globs: ['*a.safetensors'] } });
      await client.warm({ globs: ['*a.safetensors'] });
      for (const theme of ['light', 'dark']) {
        await page.select('#theme', theme);
        for (const name of pages) {
          await openPage(page, name);
          await page.waitForNetworkIdle({ idleTime: 200, concurrency: 1 });
          expect(await violationsOf(page), `${name}, ${theme}`).toEqual([]);
        }
      }
      await openPage(page, 'library');
      await page.locator('::-p-text(Free space…)').click();
      await page.waitForSelector('dialog[open]');
      expect(await violationsOf(page), 'a dialog').toEqual([]);
      expect(troubles).toEqual([]);
    });

    test('no page is wider than its window, at any of three widths', async () => {
      const long = 'long-name-'.repeat(20);
      const { page, client, installed } = await openDashboard({ names: [`${long}.safetensors`, 'b.safetensors'] });
      await askForVariant(client, installed.root, long);
      for (const width of [1280, 800, 390]) {
        await page.setViewport({ width, height: 800 });
        for (const name of pages) {
          await openPage(page, name);
          await page.waitForNetworkIdle({ idleTime: 200, concurrency: 1 });
          expect(await page.evaluate('document.documentElement.scrollWidth'), `${name}, ${width}`).toBe(width);
        }
      }
    });

    test('a name in the library has room at any width', async () => {
      const { page } = await openDashboard({ names: ['a.safetensors'] });
      await openPage(page, 'library');
      await page.waitForSelector('#files tr[data-path]');
      for (const width of [1280, 1150, 1000, 960, 800, 390]) {
        await page.setViewport({ width, height: 800 });
        const room = (await page.$eval('#files td.name', (cell) => cell.getBoundingClientRect().width)) as number;
        expect(room, `at ${width}`).toBeGreaterThan(180);
      }
    });

    test('the keyboard reaches a page, a row, and what can be done with it', async () => {
      const { page } = await openDashboard({ names: ['a.safetensors', 'b.safetensors'] });
      await page.focus('#nav a[data-page="library"]');
      await page.keyboard.press('Enter');
      await page.waitForSelector('#files tr[data-path]');
      expect(await page.evaluate('document.activeElement.id')).toBe('main');
      await page.focus('.view');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      await page.waitForFunction(`document.activeElement.closest('tr')?.getAttribute('aria-rowindex') === '3'`);
      await page.keyboard.press('Space');
      await page.waitForSelector('tr[aria-rowindex="3"].picked');
      // The rows are shown anew, and the keyboard is where it was.
      await page.waitForResponse((response) => response.url().includes('/api/library'));
      await page.waitForNetworkIdle({ idleTime: 200, concurrency: 1 });
      expect(await page.evaluate(`document.activeElement.closest('tr')?.getAttribute('aria-rowindex')`)).toBe('3');
      await page.locator('::-p-aria(Selected files) ::-p-text(Pin)').click();
      await page.waitForSelector('tr[aria-rowindex="3"] .state ::-p-text(pinned)');
      await page.locator('.toast ::-p-text(Undo)').click();
      await page.waitForFunction(`!document.querySelector('tr[aria-rowindex="3"] .state').textContent.includes('pinned')`);
    });
  },
);
