import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Page } from 'puppeteer-core';
import { expect, onTestFinished, test } from 'vitest';
import { violationsOf } from '../../helpers/axe.ts';
import { noBrowser, startBrowser } from '../../helpers/browser.ts';

const web = join(import.meta.dirname, '..', '..', '..', 'comfyui', 'web');
const MiB = 2 ** 20;

/** The colours of the frontend's two usual palettes, version 1.49 of comfyui-frontend-package. */
const themes = {
  dark: `--fg-color: #fff; --comfy-menu-bg: #171718; --comfy-input-bg: #222; --input-text: #ddd; --descrip-text: #999;
    --border-color: #4e4e4e; --interface-stroke: #313235; --primary-background: #0b8ce9; --base-foreground: #fff;
    --p-text-muted-color: #a1a1aa;`,
  light: `--fg-color: #222; --comfy-menu-bg: #fff; --comfy-input-bg: #c9c9c9; --input-text: #222; --descrip-text: #444;
    --border-color: #888; --interface-stroke: #e1e1e1; --primary-background: #31b9f4; --base-foreground: #171718;
    --p-text-muted-color: #64748b;`,
};

const model = { category: 'loras', tier: 'nas', reason: 'QUEUED', word: 'not copied yet', why: '', size: MiB, copy: null };
const copy = { bytesDone: 0, bytesTotal: 100 * MiB, bytesPerSecond: 0, etaMs: null, why: null };
const running = { ...copy, state: 'running', status: 'running', word: 'running', bytesDone: 40 * MiB, bytesPerSecond: MiB };
const daemon = {
  alive: true,
  mode: 'read-write',
  mayChange: true,
  secondsSaved: 60,
  stuck: 2,
  written: 1,
  tiers: [{ tier: 'ssd', bytes: MiB, limit: 100 * MiB }],
  workflow: 'one',
  unrepeatable: ['KSampler'],
  models: [
    { ...model, name: 'ready.safetensors', tier: 'ssd', reason: 'HIT', word: 'cached', ready: true, pinned: true },
    { ...model, name: 'copying.safetensors', copy: 1, ready: false, pinned: false },
    { ...model, name: 'slow.safetensors', ready: false, pinned: false },
    { ...model, name: 'waiting.safetensors', copy: 2, ready: false, pinned: false },
    { ...model, name: 'apart.safetensors', reason: 'BYPASS_SMALL', why: 'small files stay', ready: false, pinned: false },
    { ...model, name: 'gone.safetensors', reason: 'SOURCE_MISSING', size: null, ready: false, pinned: false },
  ],
  copies: [
    { ...running, id: 1, etaMs: 60_000 },
    { ...copy, id: 2, state: 'queued', status: 'queued', word: 'queued', why: 'waits behind copying.safetensors' },
  ],
  queue: [
    { id: 1, name: 'copying.safetensors', priority: 'prefetch' },
    { id: 2, name: 'waiting.safetensors', priority: 'background' },
  ],
};
const away = { ...daemon, alive: false };
const states: Record<string, object> = {
  'a daemon at work': daemon,
  'a daemon without work': { ...daemon, stuck: 0, written: 0, models: [], copies: [], queue: [] },
  'copies are paused': { ...daemon, paused: true },
  'another machine': { ...daemon, mayChange: false },
  'switched off': { ...daemon, mode: 'off' },
  'no daemon': away,
  'no daemon, another address': { ...away, refused: true },
  'the daemon is asked': { ...away, alive: null },
};

/** The panel alone, as wide as the sidebar, with the styles of the real one. */
async function openSidebar(): Promise<Page> {
  const pageText = `<!doctype html><html lang="en"><title>ComfyUI</title><link rel="icon" href="data:,">
    <link rel="stylesheet" href="autocached.css"><style id="theme"></style>
    <style>body { margin: 0; background: var(--comfy-menu-bg) } main { width: 310px; font-family: sans-serif }</style>
    <main><h1 style="position: absolute; clip-path: inset(50%)">ComfyUI</h1><h2 style="position: absolute; clip-path: inset(50%)">Sidebar</h2></main>
    <script type="module">
    import { Panel } from './panel.js';
    const commands = ['autocached start --detach', 'autocached service install'];
    const routes = { help: async () => ({ says: 'To start it, in a terminal:', commands }), change: async () => true };
    const foresee = async () => ({ of: 12, names: ['Encode', 'Decode'] });
    const watch = { view: {}, refresh: async () => {} };
    const panel = new Panel(watch, { routes, foresee, marks: { count: 1, names: ['Encode'] } });
    document.querySelector('main').append(panel.root);
    globalThis.show = (view, theme) => {
      document.getElementById('theme').textContent = ':root {' + theme + '}';
      watch.view = view;
      panel.update();
    };
    globalThis.ready = true;
  </script>`;
  const types: Record<string, string> = { html: 'text/html', css: 'text/css', js: 'text/javascript' };
  const server = createServer(({ url = '/' }, response) => {
    const name = url === '/' ? 'page.html' : url.slice(1);
    response.setHeader('content-type', types[name.split('.').at(-1) ?? ''] ?? '');
    response.end(url === '/' ? pageText : readFileSync(join(web, name)));
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const page = await (await startBrowser()).newPage();
  await page.setViewport({ width: 310, height: 900 });
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction('globalThis.ready');
  return page;
}

test.skipIf(noBrowser !== null)(
  `axe finds nothing in the sidebar, in both themes and every state${noBrowser === null ? '' : ` (left out: ${noBrowser})`}`,
  async () => {
    const page = await openSidebar();
    const found: Record<string, string[]> = {};
    for (const [theme, colours] of Object.entries(themes)) {
      for (const [state, view] of Object.entries(states)) {
        await page.evaluate(`show(${JSON.stringify(view)}, ${JSON.stringify(colours)})`);
        const violations = await violationsOf(page);
        if (violations.length > 0) found[`${state}, ${theme}`] = violations;
        const shots = process.env['SHOTS'];
        if (shots) await page.screenshot({ path: join(shots, `side-${theme}-${state.replaceAll(/\W+/g, '-')}.png`) });
      }
    }
    expect(found).toEqual({});
  },
);
