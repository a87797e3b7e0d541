import type { Browser } from 'puppeteer-core';
import { onTestFinished } from 'vitest';
import { foundBrowser, launchBrowser } from '../../bench/browser.ts';

/** Why pages cannot be opened here, or null. */
export const noBrowser = foundBrowser === undefined ? 'there is no Chromium on this machine' : null;

/** Starts a Chromium without a window; it ends with the test. */
export async function startBrowser(): Promise<Browser> {
  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  return browser;
}
