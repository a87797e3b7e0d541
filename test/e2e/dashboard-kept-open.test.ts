import { describe, expect, test, vi } from 'vitest';
import { noBrowser } from '../helpers/browser.ts';
import { answerNext, countIs, openDashboard, openPage } from '../helpers/dashboard.ts';
import { patience, soon } from '../helpers/patience.ts';

const row = '#files tr[data-path]';

describe.skipIf(noBrowser !== null)(
  `a dashboard that is kept open${noBrowser === null ? '' : ` (left out: ${noBrowser})`}`,
  () => {
    test('does with selected files what is right for them at that time, also for those that cannot be seen', {
      tags: 'slow',
    }, async () => {
      const many = Array.from({ length: 300 }, (_, index) => `style-${index}.safetensors`);
      const { page, client, troubles } = await openDashboard({ names: ['first.safetensors'], many });
      await openPage(page, 'library');
      await page.waitForFunction(`document.getElementById('count').textContent.startsWith('301 files')`);
      await page.click('.library thead .pick input');
      await page.waitForSelector('.tools ::-p-text(301 selected)');
      const act = async (name: string, told: string) => {
        await page.locator(`::-p-aria(Selected files) ::-p-text(${name})`).click();
        await page.waitForSelector(`.toast ::-p-text(${told})`);
      };
      await act('Pin', '301 files pinned.');
      await act('Unpin', '301 files unpinned.');
      expect((await client.entries({ pinned: true })).total).toBe(0);
      await client.warm({ globs: ['*style-29?.safetensors'], wait: true });
      const evict = () => page.locator('::-p-aria(Selected files) ::-p-text(Evict)').click();
      expect(await answerNext(page, true, evict)).toMatch(/removes 11 of 11 copies\. Sources are kept\.$/);
      await page.waitForSelector('.toast ::-p-text(11 copies evicted)');
      expect(troubles).toEqual([]);
    });

    test('tells in plain words that the daemon has ended, and what could not be done', async () => {
      const { page, installed } = await openDashboard({ names: ['a.safetensors'] });
      await openPage(page, 'library');
      await countIs(page, row, 1);
      await page.click(`${row} input`);
      await page.locator('::-p-aria(Selected files) ::-p-text(Pin)').click();
      await page.waitForSelector('.toast ::-p-text(1 file pinned.)');
      // Whoever points at it has time to read it.
      await page.hover('.toast');
      await installed.end('SIGKILL');
      await page.waitForSelector('.away', { timeout: patience(20_000) });
      expect(await page.$eval('.away code', ({ textContent }) => textContent)).toMatch(/node \S+\/bin\/autocached\.js start$/);
      // A page that cannot load has the same reason, which is said once.
      const unanswered = page.waitForRequest((request) => request.url().endsWith('/api/cache/config'));
      await openPage(page, 'settings');
      await vi.waitFor(async () => expect((await unanswered).failure()).not.toBeNull(), soon());
      expect(await page.$eval('#toasts', ({ textContent }) => textContent)).toBe('1 file pinned.UndoClose');
      await page.locator('.toast ::-p-text(Undo)').click();
      await page.waitForSelector('.toast ::-p-text(The daemon is not running.)');
    });
  },
);
