import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from 'puppeteer-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Installed } from '../../bench/installed.ts';
import type { Client } from '../../src/cli/client.ts';
import { noBrowser, startBrowser } from '../helpers/browser.ts';
import { writeModel } from '../helpers/files.ts';
import { patience } from '../helpers/patience.ts';

const MiB = 2 ** 20;
const hostile = '<img src=x onerror="document.title=`owned`">.safetensors';

/** The dashboard of a daemon with three copies of 3 MiB, in a browser that signed in with the printed link. */
async function openDashboard() {
  const installed = new Installed('dashboard', (root) => ({
    AUTOCACHE_ROOTS: `${root}=hdd`,
    AUTOCACHE_MIN_SIZE: '1KiB',
    AUTOCACHE_LIMIT: '100MiB',
  }));
  installed.quiet();
  onTestFinished(() => installed[Symbol.asyncDispose]());
  const models = ['a.safetensors', 'b.safetensors', hostile].map((name) => join(installed.root, 'loras', name));
  for (const model of models) writeModel(model, 3 * MiB);
  const client = await installed.start();
  await client.warm({ paths: models, wait: true });
  const page = await (await startBrowser()).newPage();
  const troubles: string[] = [];
  page.on('pageerror', (error) => troubles.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') troubles.push(message.text());
  });
  const { stdout } = await promisify(execFile)(installed.node, [...installed.command, 'dashboard'], { env: installed.env });
  const [link = ''] = /http\S+/.exec(stdout) ?? [];
  await page.goto(link);
  await rowsAre(page, models.length);
  return { page, client, models, troubles };
}

function rowsAre(page: Page, rows: number): Promise<unknown> {
  return page.waitForFunction(`document.querySelectorAll('#files tr').length === ${rows}`, { timeout: patience(10_000) });
}

async function limitOf(client: Client): Promise<number | undefined> {
  return (await client.stats()).tiers.find(({ tier }) => tier === 'ssd')?.limit;
}

/** Answers the next question of the page, and returns it. */
async function answerNext(page: Page, accept: boolean, act: () => Promise<void>): Promise<string> {
  const asked = new Promise<string>((resolve) => {
    page.once('dialog', async (dialog) => {
      await (accept ? dialog.accept() : dialog.dismiss());
      resolve(dialog.message());
    });
  });
  await act();
  return asked;
}

describe.skipIf(noBrowser !== null)(
  `the dashboard in a browser${noBrowser === null ? '' : ` (left out: ${noBrowser})`}`,
  () => {
    test('shows names of files as they are, and never runs them', async () => {
      const { page, troubles } = await openDashboard();
      expect(await page.$$eval('#files tr', (rows) => rows.map((row) => row.textContent))).toContainEqual(
        expect.stringContaining(`loras/${hostile}`),
      );
      expect(await page.title()).toBe('autocached');
      await page.type('#search', 'LORAS b.safe');
      await rowsAre(page, 1);
      expect(troubles).toEqual([]);
    });

    test('a lowered limit says what it costs and does nothing unless it is confirmed', async () => {
      const { page, client } = await openDashboard();
      const lower = async () => {
        await page.type('#limit', '7MiB');
        await page.click('#limit-form button');
      };
      expect(await answerNext(page, false, lower)).toBe(
        'A limit of 7MiB frees 3 MiB, removes 1 of 3 copies. Sources are kept.',
      );
      expect(await limitOf(client)).toBe(100 * MiB);
      await answerNext(page, true, lower);
      await rowsAre(page, 2);
      expect(await limitOf(client)).toBe(7 * MiB);
    });

    test('shows results, explains one, and removes only after a question', async () => {
      const { page, client, troubles } = await openDashboard();
      const put = (ns: string, parts: unknown, more: object) =>
        client.ask('POST', '/api/memo/put', { body: { ns, parts, value: parts, ...more } });
      await put('shop', 'a', { label: hostile, costMs: 90_000, tags: ['model:flux'] });
      await put('shop', 'b', { tags: ['model:sdxl'] });
      await put('other', 'c', {});
      const count = (selector: string, rows: number) =>
        page.waitForFunction(`document.querySelectorAll('${selector} > tr').length === ${rows}`, { timeout: patience(10_000) });
      await page.locator('#pages ::-p-text(Results)').click();
      await count('#entries', 3);
      await count('#namespaces', 2);
      expect(await page.evaluate(`document.getElementById('models').offsetHeight`)).toBe(0);
      await page.setViewport({ width: 400, height: 800 });
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(400);
      await page.type('#results-search', 'FLUX');
      await count('#entries', 1);
      expect(await page.$eval('#entries tr', (row) => row.textContent)).toContain(hostile);
      await page.locator('#entries ::-p-text(Explain)').click();
      await count('#entries', 2);
      expect(await page.$eval('#entries .explanation', (row) => row.textContent)).toMatch(/^hit: it is fresh for/);
      await page.locator('#results-search').fill('');
      await count('#entries', 4);
      const invalidate = async () => {
        await page.locator('#tag').fill('model:sdxl');
        await page.locator('#tag-form ::-p-text(Invalidate)').click();
      };
      expect(await answerNext(page, false, invalidate)).toMatch(/^Results with the tag model:sdxl: removes 1 result, 3 B\./);
      await answerNext(page, true, invalidate);
      await count('#entries', 3);
      const clear = () => page.locator('#namespaces ::-p-aria(Clear other)').click();
      expect(await answerNext(page, true, clear)).toMatch(/^All results of other: removes 1 result, 3 B\./);
      await count('#entries', 2);
      expect((await client.stats()).memo.current_items).toBe(1);
      expect(troubles).toEqual([]);
    });

    test('evicts a copy after a question, and the source stays', async () => {
      const { page, models } = await openDashboard();
      const evict = () => page.locator('#files tr:nth-child(1) ::-p-text(Evict)').click();
      expect(await answerNext(page, true, evict)).toMatch(/frees 3 MiB, removes 1 of 3 copies\. The source is kept\.$/);
      await rowsAre(page, 2);
      expect(models.map((model) => readFileSync(model).length)).toEqual([3 * MiB, 3 * MiB, 3 * MiB]);
    });
  },
);
