import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Page } from 'puppeteer-core';
import { expect, onTestFinished, test } from 'vitest';
import { noBrowser, startBrowser } from '../../helpers/browser.ts';

const web = join(import.meta.dirname, '..', '..', '..', 'comfyui', 'web');
const MiB = 2 ** 20;
const model = {
  name: 'a.safetensors',
  category: 'loras',
  tier: 'nas',
  reason: 'QUEUED',
  word: 'not copied yet',
  why: '',
  size: MiB,
};
const copy = { bytesDone: 0, bytesTotal: 100 * MiB, bytesPerSecond: 0, etaMs: null, why: null };
const view = {
  alive: true,
  mode: 'read-write',
  mayChange: true,
  secondsSaved: 60,
  stuck: 2,
  tiers: [],
  workflow: 'one',
  models: [{ ...model, ready: false, pinned: false, copy: null }],
  copies: [
    {
      ...copy,
      id: 1,
      state: 'running',
      status: 'running',
      word: 'running',
      bytesDone: 40 * MiB,
      bytesPerSecond: MiB,
      etaMs: 60_000,
    },
    { ...copy, id: 2, state: 'queued', status: 'queued', word: 'queued', why: 'waits behind <b>.safetensors' },
  ],
  queue: [
    { id: 1, name: '<b>.safetensors', priority: 'prefetch' },
    { id: 2, name: 'c.safetensors', priority: 'background' },
  ],
};

/** A page with the sidebar's panel alone. `asked` are the changes that it asks for. */
async function openPanel(): Promise<Page> {
  const pageText = `<!doctype html><link rel="icon" href="data:,"><script type="module">
    import { Panel } from './panel.js';
    const view = ${JSON.stringify(view).replaceAll('<', '\\u003c')};
    globalThis.view = view;
    globalThis.asked = [];
    const routes = { help: async () => null, change: async (wanted) => (asked.push(wanted), true) };
    const foresee = async () => ({ of: 12, names: ['Encode', 'Decode'] });
    globalThis.panel = new Panel({ view, refresh: async () => {} }, { routes, foresee, marks: { count: 0, names: [] } });
    document.body.append(panel.root);
    panel.update();
    document.title = 'shown';
  </script>`;
  const server = createServer(({ url = '/' }, response) => {
    const isPage = url === '/';
    response.setHeader('content-type', isPage ? 'text/html' : 'text/javascript');
    response.end(isPage ? pageText : readFileSync(join(web, url.slice(1))));
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const page = await (await startBrowser()).newPage();
  const troubles: unknown[] = [];
  page.on('pageerror', (error) => troubles.push(error));
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction(`document.title === 'shown'`);
  expect(troubles).toEqual([]);
  return page;
}

const textOf = (page: Page) => page.evaluate('document.body.innerText') as Promise<string>;
const leftOut = noBrowser === null ? '' : ` (left out: ${noBrowser})`;

test.skipIf(noBrowser !== null)(`the sidebar shows what is copied next and why, with the time left${leftOut}`, async () => {
  const page = await openPanel();
  const text = await textOf(page);
  expect(text).toContain('2 copies, 160\u00a0MiB and 2\u00a0min left');
  expect(text).toMatch(/<b>\.safetensors\n40\u00a0MiB of 100\u00a0MiB, 1\u00a0MiB\/s, 1\u00a0min left · for a queued prompt/);
  expect(text).toMatch(/c\.safetensors\nqueued, 100\u00a0MiB: waits behind <b>\.safetensors · after a load/);
  await page.evaluate('view.copies = []; panel.update()');
  expect(await textOf(page)).not.toContain('Copies');
});

test.skipIf(noBrowser !== null)(
  `the sidebar frees models that stay open on a slow disk, and tells on request which nodes need not run${leftOut}`,
  { tags: 'slow' },
  async () => {
    const page = await openPanel();
    expect(await textOf(page)).toContain('ComfyUI still reads 2 models from a slow disk although copies are ready.');
    await page.locator('::-p-text(Free them)').click();
    await page.waitForFunction('asked.length === 1');
    expect(await page.evaluate('asked')).toEqual([{ free: true }]);
    expect(await textOf(page)).not.toMatch(/need not run|Run fresh/);
    await page.locator('::-p-text(What is kept)').click();
    await page.waitForFunction(`document.body.innerText.includes('2 of 12 nodes need not run: Encode, Decode')`);
    // What is kept can be run all the same.
    expect(await textOf(page)).toContain('Run fresh');
    // Of another workflow it is not known.
    await page.evaluate(`view.workflow = 'two'; view.stuck = 0; panel.update()`);
    expect(await textOf(page)).not.toMatch(/need not run|Run fresh|Free them/);
  },
);
