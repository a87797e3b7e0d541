import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeSampleLoads } from '../../bench/sample-library.ts';
import type { Client } from '../../src/cli/client.ts';
import { VariantClient } from '../../src/cli/variant-client.ts';
import { noBrowser } from '../helpers/browser.ts';
import { answerNext, countIs, MiB, newPage, openDashboard, openPage } from '../helpers/dashboard.ts';
import { writeModel } from '../helpers/files.ts';
import { patience } from '../helpers/patience.ts';
import { tinyWan, writeSafetensors } from '../helpers/tiny-model.ts';
import { settled } from '../helpers/variants.ts';

const hostile = '<img src=x onerror="document.title=`owned`">.safetensors';
const names = ['a.safetensors', 'b.safetensors', hostile];
const row = '#files tr[data-path]';

async function limitOf(client: Client): Promise<number | undefined> {
  return (await client.stats()).tiers.find(({ tier }) => tier === 'ssd')?.limit;
}

describe.skipIf(noBrowser !== null)(
  `the dashboard in a browser${noBrowser === null ? '' : ` (left out: ${noBrowser})`}`,
  () => {
    test('shows names of files as they are, and never runs them', { tags: 'slow' }, async () => {
      const { page, troubles } = await openDashboard({ names });
      await openPage(page, 'library');
      await countIs(page, row, 3);
      expect(await page.$$eval(row, (rows) => rows.map((one) => one.textContent))).toContainEqual(
        expect.stringContaining(`loras/${hostile}`),
      );
      expect(await page.title()).toBe('autocached');
      await page.type('#search', 'LORAS b.safe');
      await countIs(page, row, 1);
      expect(troubles).toEqual([]);
    });

    test('a lowered limit says what it costs and does nothing unless it is confirmed', { tags: 'slow' }, async () => {
      const { page, client } = await openDashboard({ names });
      await openPage(page, 'settings');
      const lower = async () => {
        await page.locator('#limit').fill('7MiB');
        await page.click('#limit-form button');
      };
      expect(await answerNext(page, false, lower)).toBe(
        'AUTOCACHE_LIMIT=7MiB frees 3\u00a0MiB, removes 1 of 3 copies. Sources are kept.',
      );
      expect(await limitOf(client)).toBe(100 * MiB);
      await answerNext(page, true, lower);
      await expect.poll(() => limitOf(client), { timeout: patience(7_000) }).toBe(7 * MiB);
      await expect.poll(async () => (await client.stats()).tiers[0]?.files, { timeout: patience(7_000) }).toBe(2);
    });

    test('lists variants with what they take and lost, and removes one only after a question', { tags: 'slow' }, async () => {
      const { page, client, installed, troubles } = await openDashboard({ names: ['a.safetensors'] });
      const model = join(installed.root, 'diffusion_models', 'wan.safetensors');
      writeSafetensors(model, tinyWan());
      await openPage(page, 'variants');
      await page.waitForFunction(`document.querySelector('#variants-state').textContent.startsWith('No variants.')`);
      const made = await new VariantClient(client).make({ model, to: 'fp8' });
      await page.waitForFunction(`document.querySelector('#variants')?.textContent.includes('dBready')`);
      const { bytes, leastSqnr } = await settled(client, made.path);
      const cells = await page.$$eval('#variants td', (all) => all.map(({ textContent }) => textContent));
      expect(cells.slice(0, 2)).toEqual(['diffusion_models/wan.autocached-fp8.safetensors', 'wan.safetensors']);
      expect(cells.slice(4, 6)).toEqual([`${leastSqnr?.toFixed(1)} dB`, 'ready']);
      const remove = () => page.locator('#variants button').click();
      expect(await answerNext(page, false, remove)).toMatch(/^Frees .*Its model is kept\.$/);
      expect(statSync(made.path).size).toBe(bytes);
      await answerNext(page, true, remove);
      await countIs(page, '#variants > tr', 0);
      expect([existsSync(made.path), existsSync(model)]).toEqual([false, true]);
      expect(troubles).toEqual([]);
    });

    test('draws what misses would have cost with other sizes of the cache, and tells it to who does not see it', {
      tags: 'slow',
    }, async () => {
      const { page, models, installed, link } = await openDashboard({ names });
      const larger = () => page.$eval('#larger', ({ textContent }) => textContent);
      await page.waitForFunction(`document.querySelector('#larger')?.textContent !== ''`);
      expect(await larger()).toMatch(/^No loads are recorded/);
      expect(await page.$('.curve .uplot')).toBeNull();
      // Larger than the limit, in turns: none of them is there when it is wanted again.
      await installed.end('SIGTERM');
      writeSampleLoads(join(installed.stateDir, 'catalog.db'), installed.root);
      const client = await installed.start();
      await client.lookup({ path: models[0] ?? '', purpose: 'load', waitMs: 0, client: null });
      await page.goto(await link());
      await page.waitForSelector('.curve .uplot canvas');
      expect(await larger()).toMatch(/601 loads took .* longer than from the cache\. With .* more you would have saved/);
      const rows = await page.$$eval('.curve tbody tr', (all) =>
        all.map(({ children }) => [...children].map((one) => one.textContent)),
      );
      expect(rows.length).toBeGreaterThan(5);
      expect(rows.filter(([, , now]) => now !== 'none').map(([size]) => size)).toEqual(['100\u00a0MiB']);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(await page.evaluate('innerWidth'));
    });

    test('shows results, explains one, and removes only after a question', { tags: 'slow' }, async () => {
      const { page, client, troubles } = await openDashboard({ names });
      const put = (ns: string, parts: unknown, more: object) =>
        client.ask('POST', '/api/memo/put', { body: { ns, parts, value: parts, ...more } });
      await put('shop', 'a', { label: hostile, costMs: 90_000, tags: ['model:flux'] });
      await put('shop', 'b', { tags: ['model:sdxl'] });
      await put('other', 'c', {});
      const count = (selector: string, rows: number) => countIs(page, `${selector} > tr`, rows);
      await openPage(page, 'results');
      await count('#entries', 3);
      await count('#namespaces', 2);
      expect(await page.$('.answers')).toBeNull();
      await page.setViewport({ width: 400, height: 800 });
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(400);
      await page.type('#results-search', 'FLUX');
      await count('#entries', 1);
      expect(await page.$eval('#entries tr', (one) => one.textContent)).toContain(hostile);
      await page.locator('#entries ::-p-text(Explain)').click();
      await count('#entries', 2);
      expect(await page.$eval('#entries .explanation', (one) => one.textContent)).toMatch(/^hit: it is fresh for/);
      await page.locator('#results-search').fill('');
      await count('#entries', 4);
      const invalidate = async () => {
        await page.locator('#tag').fill('model:sdxl');
        await page.locator('#tag-form ::-p-text(Invalidate)').click();
      };
      expect(await answerNext(page, false, invalidate)).toMatch(
        /^Results with the tag model:sdxl: frees 3\u00a0B, removes 1 of 3 results\./,
      );
      await answerNext(page, true, invalidate);
      await count('#entries', 3);
      const clear = () => page.locator('#namespaces ::-p-aria(Clear other)').click();
      expect(await answerNext(page, true, clear)).toMatch(/^All results of other: frees 3\u00a0B, removes 1 of 2 results\./);
      await count('#entries', 2);
      expect((await client.stats()).memo.current_items).toBe(1);
      expect(troubles).toEqual([]);
    });

    test('evicts a copy after a question, the source stays, and the copy can be made again', async () => {
      const { page, client, models } = await openDashboard({ names });
      await openPage(page, 'library');
      await countIs(page, row, 3);
      await page.click(`${row}:nth-child(1) input`);
      const evict = () => page.locator('::-p-aria(Selected files) ::-p-text(Evict)').click();
      expect(await answerNext(page, true, evict)).toMatch(/frees 3\u00a0MiB, removes 1 of 3 copies\. The source is kept\.$/);
      await expect.poll(async () => (await client.stats()).tiers[0]?.files, { timeout: patience(7_000) }).toBe(2);
      expect(models.map((model) => readFileSync(model).length)).toEqual([3 * MiB, 3 * MiB, 3 * MiB]);
      await page.locator('.toast ::-p-text(Copy again)').click();
      await expect.poll(async () => (await client.stats()).tiers[0]?.files, { timeout: patience(7_000) }).toBe(3);
    });

    test('space is freed by a choice whose cost is shown first, and a pinned copy stays', { tags: 'slow' }, async () => {
      const { page, client, models } = await openDashboard({ names });
      await client.ask('POST', '/api/cache/pin', { body: { paths: [models[0]] } });
      await openPage(page, 'library');
      await page.locator('::-p-text(Free space…)').click();
      const preview = () => page.$eval('dialog [role="status"]', (shown) => shown.textContent);
      await expect
        .poll(preview, { timeout: patience(7_000) })
        .toBe('This frees 6\u00a0MiB, removes 2 of 3 copies. 1 copy stays: in use or pinned. Sources are kept.');
      await page.locator('#free-size').fill('1');
      await expect.poll(preview, { timeout: patience(7_000) }).toBe('No copy fits.');
      expect(
        await page.$eval('dialog [type="submit"]', (button) => (button as unknown as { disabled: boolean }).disabled),
      ).toBe(true);
      await page.locator('#free-size').fill('0');
      await page.locator('dialog [type="submit"]:not(:disabled)').click();
      await page.waitForSelector('.toast ::-p-text(2 copies removed, 6\u00a0MiB free.)');
      expect((await client.stats()).tiers[0]?.files).toBe(1);
    });

    test('a folder is added, and forgotten with its copies only after a question', { tags: 'slow' }, async () => {
      const { page, client, installed } = await openDashboard({ names: ['a.safetensors'] });
      const more = join(installed.dir, 'more');
      writeModel(join(more, 'loras', 'x.safetensors'), MiB);
      await openPage(page, 'folders');
      await page.type('#folder', more);
      await page.keyboard.press('Enter');
      await countIs(page, '#folders > li', 2);
      await client.warm({ paths: [join(more, 'loras', 'x.safetensors')], wait: true });
      const forget = () => page.locator(`::-p-aria(Forget ${more})`).click();
      expect(await answerNext(page, false, forget)).toBe(
        `${more} is no longer a model folder. Its copies leave too: this frees 1\u00a0MiB, removes 1 of 2 copies. Sources are kept.`,
      );
      await answerNext(page, true, forget);
      await countIs(page, '#folders > li', 1);
      expect((await client.stats()).tiers[0]?.files).toBe(1);
      // What has happened is told to who looks later.
      await openPage(page, 'events');
      await page.waitForSelector('.events ::-p-text(Evicted: x.safetensors, 1 MiB: purge)');
      await page.select('#kind', 'Troubles');
      await countIs(page, '.events > li', 0);
    });

    test('the whole library is there, and finding, ticking and scrolling in 10,000 rows keeps what is selected', {
      tags: 'slow',
    }, async () => {
      const many = Array.from({ length: 10_000 }, (_, index) => `style-${String(index).padStart(5, '0')}.safetensors`);
      const { page, client, troubles } = await openDashboard({ names: ['first.safetensors'], many });
      await openPage(page, 'library');
      await expect
        .poll(() => page.$eval('#count', (shown) => shown.textContent), { timeout: patience(20_000) })
        .toMatch(/^10,001 files, /);
      expect(await page.$$eval(row, (rows) => rows.length)).toBeLessThan(100);
      await page.click('.library th[data-sort="name"] button');
      await page.waitForSelector(`${row}[aria-rowindex="2"] .name ::-p-text(first)`);
      await page.click(`${row}[aria-rowindex="3"] input`);
      await page.$eval('.view', (view) => view.scrollTo(0, view.scrollHeight));
      await page.waitForSelector(`${row}[aria-rowindex="10002"]`);
      const at = await page.$eval('.view', (view) => view.scrollTop);
      // What happens meanwhile moves nothing.
      await client.warm({ paths: [], names: [], globs: ['*first*'], wait: true });
      await client.ask('POST', '/api/cache/unpin', { body: { globs: ['*first*'] } });
      await page.waitForFunction(`document.getElementById('nav').textContent !== ''`);
      expect(await page.$eval('.view', (view) => view.scrollTop)).toBe(at);
      await page.$eval('.view', (view) => view.scrollTo(0, 0));
      await page.waitForSelector(`${row}[aria-rowindex="3"].picked`);
      await page.type('#search', '0999');
      await expect
        .poll(() => page.$eval('#count', (shown) => shown.textContent), { timeout: patience(7_000) })
        .toMatch(/^11 of 10,001 files/);
      expect(troubles).toEqual([]);
    });

    test('one sign-in is good for all tabs, over a restart of the daemon, until it is signed out', {
      tags: 'slow',
    }, async () => {
      const { page, browser, installed, link, troubles } = await openDashboard({ names: ['a.safetensors'] });
      const { origin } = new URL(page.url());
      const tabs = [];
      for (let number = 0; number < 8; number += 1) {
        const tab = await newPage(browser, troubles);
        await tab.goto(`${origin}/#/folders`);
        await tab.waitForSelector('#folders li');
        tabs.push(tab);
      }
      expect(await page.evaluate('document.cookie')).toBe('');
      await installed.end('SIGTERM');
      await page.bringToFront();
      await page.waitForSelector('.away');
      installed.env['AUTOCACHE_LISTEN'] = new URL(origin).host;
      await installed.start();
      await page.waitForFunction(`document.querySelector('.away') === null`, { timeout: patience(20_000) });
      await page.goto(`${origin}/#/settings`);
      await page.reload();
      await page.locator('button[aria-label^="Sign out"]').click();
      await page.waitForSelector('.lone');
      const [tab] = tabs;
      await tab?.bringToFront();
      await tab?.reload();
      await tab?.waitForSelector('.lone');
      await tab?.goto('about:blank');
      await tab?.goto(await link());
      await tab?.waitForSelector('.answers');
    });

    test('it is reached by a further name of the daemon as by its own, and stays live', async () => {
      const { page, client, models, troubles } = await openDashboard({
        names: ['a.safetensors'],
        copied: false,
        byFurtherName: true,
      });
      expect(page.url()).toMatch(/^http:\/\/nas\.test:\d+\/$/);
      await openPage(page, 'events');
      await client.warm({ paths: models, wait: true });
      await page.waitForSelector('.events ::-p-text(Copied: a.safetensors, 3 MiB)');
      await page.reload();
      await page.waitForSelector('.events ::-p-text(Copied: a.safetensors, 3 MiB)');
      // Browsers heed that header over HTTPS and on this machine only, and say so.
      expect(troubles.filter((text) => !text.startsWith('The Cross-Origin-Opener-Policy header'))).toEqual([]);
    });

    test('copies are listed in their order with their reason; one is put first, one cancelled, all are paused', {
      tags: 'slow',
    }, async () => {
      const { page, client, models } = await openDashboard({
        names: ['a.safetensors', 'b.safetensors', 'c.safetensors'],
        copied: false,
      });
      await client.pauseJobs(true);
      await client.warm({ paths: models });
      await openPage(page, 'copies');
      await countIs(page, '#copies > li', 3);
      const order = () =>
        page.$$eval('#copies > li', (rows) => rows.map((one) => one.textContent?.match(/[abc]\.safetensors/)?.[0]));
      expect(await order()).toEqual(['a.safetensors', 'b.safetensors', 'c.safetensors']);
      expect(await page.$eval('#copies', (list) => list.textContent)).toContain('paused, 3\u00a0MiB');
      expect(await page.title()).toBe('0% · autocached');
      const icon = () => page.$eval('#icon', (link) => link.getAttribute('href'));
      const before = await icon();
      await page.locator('::-p-aria(Copy next c.safetensors)').click();
      await expect.poll(order, { timeout: patience(7_000) }).toEqual(['c.safetensors', 'a.safetensors', 'b.safetensors']);
      await page.locator('::-p-aria(Cancel a.safetensors)').click();
      await countIs(page, '#copies > li', 2);
      await page.locator('.head ::-p-text(Resume)').click();
      await countIs(page, '#copies > li', 0);
      await page.waitForFunction(`document.title === 'autocached'`);
      expect(await icon()).not.toBe(before);
      expect((await client.stats()).tiers[0]?.files).toBe(2);
    });
  },
);
