import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, launch } from 'puppeteer-core';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'];
const folders = (process.env['PATH'] ?? '').split(delimiter);

/** A Chromium on this machine; undefined without one. */
export const foundBrowser = folders.flatMap((folder) => names.map((name) => join(folder, name))).find(existsSync);

/** Starts a Chromium without a window; the caller closes it. @param more arguments @throws Error without one */
export function launchBrowser(more: readonly string[] = []): Promise<Browser> {
  if (foundBrowser === undefined) throw new Error('there is no Chromium on this machine');
  const args = ['--disable-gpu', '--disable-dev-shm-usage', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), ...more];
  return launch({ executablePath: foundBrowser, args, protocolTimeout: 120_000 });
}
