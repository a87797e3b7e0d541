import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, launch } from 'puppeteer-core';
import { onTestFinished } from 'vitest';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'];
const folders = (process.env['PATH'] ?? '').split(delimiter);
const found = folders.flatMap((folder) => names.map((name) => join(folder, name))).find(existsSync);

/** Why pages cannot be opened here, or null. */
export const noBrowser = found === undefined ? 'there is no Chromium on this machine' : null;

/** Starts a Chromium without a window; it ends with the test. */
export async function startBrowser(): Promise<Browser> {
  if (found === undefined) throw new Error('there is no Chromium on this machine');
  const args = ['--disable-gpu', '--disable-dev-shm-usage', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])];
  const browser = await launch({ executablePath: found, args, protocolTimeout: 120_000 });
  onTestFinished(() => browser.close());
  return browser;
}
