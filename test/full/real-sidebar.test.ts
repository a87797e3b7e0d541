import { describe, expect, test } from 'vitest';
import { noBrowser, startBrowser } from '../helpers/browser.ts';
import { checkout, names, prompt, realDaemon, startReal } from '../helpers/real-comfyui.ts';

/** Not with each frame: a page that draws by software has few. */
const minutes = { timeout: 5 * 60_000, polling: 200 };

describe.skipIf(!checkout || noBrowser)('the sidebar in the page of a real ComfyUI', () => {
  test('opens without an error, and shows where the models of the open workflow are', async () => {
    const { installed, client, sources } = await realDaemon({ AUTOCACHE_PREDICT: 'off' });
    await client.warm({ paths: sources.slice(0, 1), wait: true });
    await using server = await startReal(installed.dir, installed);
    const page = await (await startBrowser()).newPage();
    const troubles: string[] = [];
    page.on('pageerror', (error) => troubles.push(error instanceof Error ? (error.stack ?? '') : String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') troubles.push(`${message.text()} ${message.location().url}`);
    });
    await page.goto(server.url, minutes);
    await page.waitForSelector('.autocached-tab-button', minutes);
    await page.evaluate(`import('/scripts/app.js').then(({ app }) => app.loadApiJson(${JSON.stringify(prompt)}, 'upscaling'))`);
    await page.evaluate("document.querySelector('.autocached-tab-button').click()");
    await page.waitForFunction(`document.querySelectorAll('.autocached-models li').length === ${names.length}`, minutes);
    const rows = (await page.evaluate(
      "[...document.querySelectorAll('.autocached-models li')].map((row) => row.innerText)",
    )) as string[];
    const places = names.map((name) => /SSD|HDD/.exec(rows.find((row) => row.includes(name)) ?? '')?.[0]);
    expect(places).toEqual(['SSD', 'HDD', 'HDD']);
    // The newer design of nodes, which are elements of the page.
    await page.evaluate(
      `import('/scripts/app.js').then(({ app }) => app.extensionManager.setting.set('Comfy.VueNodes.Enabled', true))`,
    );
    const [given = ''] = Object.keys(prompt);
    await page.waitForSelector(`[data-node-id="${given}"]`, minutes);
    const mark = `getComputedStyle(document.querySelector('[data-node-id="${given}"]'), '::before').content`;
    expect(await page.evaluate(mark)).not.toContain('from memo');
    const tell = (name: string, detail: object) =>
      page.evaluate(
        `import('/scripts/api.js').then(({ api }) => void api.dispatchEvent(new CustomEvent('${name}', { detail: ${JSON.stringify(detail)} })))`,
      );
    await tell('autocached.memo', { prompt_id: 'p', nodes: [given] });
    expect(await page.evaluate(mark)).toBe('"from memo"');
    await tell('execution_start', { prompt_id: 'q' });
    expect(await page.evaluate(mark)).not.toContain('from memo');
    expect(troubles.filter((trouble) => trouble.includes('autocached'))).toEqual([]);
  });
});
