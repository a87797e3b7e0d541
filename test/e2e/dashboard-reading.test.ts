import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Client } from '../../src/cli/client.ts';
import { VariantClient } from '../../src/cli/variant-client.ts';
import { ofColours, violationsOf } from '../helpers/axe.ts';
import { noBrowser } from '../helpers/browser.ts';
import { newPage, openDashboard, openPage } from '../helpers/dashboard.ts';
import { tinyWan, writeSafetensors } from '../helpers/tiny-model.ts';

const pages = ['overview', 'library', 'copies', 'variants', 'results', 'prompts', 'folders', 'farm', 'events', 'settings'];
const widths = [1280, 800, 390];

/** A variant, made or on its way. */
async function askForVariant(client: Client, root: string, name: string): Promise<void> {
  const model = join(root, 'diffusion_models', `${name}.safetensors`);
  writeSafetensors(model, tinyWan());
  await new VariantClient(client).make({ model, to: 'fp8' });
}

describe.skipIf(noBrowser !== null)(
  `the dashboard for readers of the screen, keyboards and small windows${noBrowser === null ? '' : ` (left out: ${noBrowser})`}`,
  () => {
    test('axe finds nothing on any page, in both themes', () => findsNothing(1280));
    test.each([800, 390])('axe finds nothing on any page, in both themes, at a width of %i', { tags: 'slow' }, findsNothing);

    async function findsNothing(width: number): Promise<void> {
      const { page, client, installed, troubles } = await openDashboard({ names: ['a.safetensors', 'b.safetensors'] });
      await client.pauseJobs(true);
      await askForVariant(client, installed.root, 'wan');
      await client.ask('POST', '/api/memo/put', { body: { ns: 'shop', parts: 'a', value: 'a', tags: ['t'] } });
      await client.ask('POST', '/api/cache/evict', { body: { globs: ['*a.safetensors'] } });
      await client.warm({ globs: ['*a.safetensors'] });
      await page.setViewport({ width, height: 800 });
      for (const name of pages) {
        await openPage(page, name);
        await page.waitForNetworkIdle({ idleTime: 200, concurrency: 1 });
        await page.select('#theme', 'light');
        expect(await violationsOf(page), `${name}, light`).toEqual([]);
        await page.select('#theme', 'dark');
        expect(await violationsOf(page, ofColours), `${name}, dark`).toEqual([]);
      }
      await openPage(page, 'library');
      await page.locator('::-p-text(Free space…)').click();
      await page.waitForSelector('dialog[open]');
      expect(await violationsOf(page), 'a dialog').toEqual([]);
      expect(troubles).toEqual([]);
    }

    test('axe finds nothing on a page without content, on what opens, and without a daemon or a sign-in', {
      tags: 'slow',
    }, async () => {
      const { page, browser, installed, troubles } = await openDashboard({ names: ['a.safetensors'], copied: false });
      const origin = new URL(page.url()).origin;
      for (const name of ['overview', 'copies', 'variants', 'results', 'prompts', 'farm']) {
        await openPage(page, name);
        await page.waitForNetworkIdle({ idleTime: 200, concurrency: 1 });
        expect(await violationsOf(page), `${name}, empty`).toEqual([]);
      }
      await openPage(page, 'library');
      await page.waitForSelector('#files tr[data-path]');
      await page.type('#search', 'no such file');
      await page.waitForFunction(`document.querySelector('#files tr[data-path]') === null`);
      expect(await violationsOf(page), 'nothing found').toEqual([]);
      await page.$eval('#search', (field) => field.select());
      await page.keyboard.press('Backspace');
      await page.locator('#files tr[data-path] input').click();
      await page.locator('::-p-aria(Selected files) ::-p-text(Pin)').click();
      await page.waitForSelector('.toast');
      expect(await violationsOf(page), 'selected files, and a word about them').toEqual([]);
      await page.locator('#files td.name button, #files td.name a').click();
      await page.waitForSelector('dialog[open]');
      expect(await violationsOf(page), 'the story of a file').toEqual([]);
      const stranger = await newPage(await browser.browser().createBrowserContext(), troubles);
      await stranger.goto(origin);
      await stranger.waitForSelector('.lone');
      expect(await violationsOf(stranger), 'sign-in').toEqual([]);
      await stranger.setViewport({ width: 390, height: 800 });
      await stranger.evaluate(`localStorage.setItem('autocached-command', 'node /' + 'long'.repeat(60))`);
      await stranger.reload();
      await stranger.waitForSelector('.lone');
      expect(await stranger.evaluate('document.documentElement.scrollWidth'), 'sign-in').toBe(390);
      await installed.end('SIGTERM');
      await page.bringToFront();
      await page.waitForSelector('.away');
      expect(await violationsOf(page), 'away').toEqual([]);
    });

    test('no page is wider than its window, at any of three widths', { tags: 'slow' }, async () => {
      const long = 'long-name-'.repeat(20);
      const { page, client, installed } = await openDashboard({ names: [`${long}.safetensors`, 'b.safetensors'] });
      await askForVariant(client, installed.root, long);
      for (const width of widths) {
        await page.setViewport({ width, height: 800 });
        for (const name of pages) {
          await openPage(page, name);
          await page.waitForNetworkIdle({ idleTime: 200, concurrency: 1 });
          expect(await page.evaluate('document.documentElement.scrollWidth'), `${name}, ${width}`).toBe(width);
        }
      }
    });

    test('a name in the library has room at any width', { tags: 'slow' }, async () => {
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
