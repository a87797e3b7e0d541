import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser, Page } from 'puppeteer-core';
import { onTestFinished } from 'vitest';
import { Installed } from '../../bench/installed.ts';
import { startBrowser } from './browser.ts';
import { writeModel } from './files.ts';
import { patience } from './patience.ts';

export const MiB = 2 ** 20;

interface DashboardOptions {
  /** Models of 3 MiB. */
  names: readonly string[];
  /** Default: true. */
  copied?: boolean;
  /** Further models, of 2 KiB; not copied. */
  many?: readonly string[];
  /** A further name of the daemon (AUTOCACHE_HOSTS), by which the browser reaches it. */
  host?: string;
}

/** A daemon with these models, and a browser that has signed in with the printed link. */
export async function openDashboard({ names, copied = true, many = [], host }: DashboardOptions) {
  const installed = new Installed('dashboard', (root) => ({
    AUTOCACHE_ROOTS: `${root}=hdd`,
    AUTOCACHE_MIN_SIZE: '1KiB',
    AUTOCACHE_LIMIT: '100MiB',
    ...(host && { AUTOCACHE_HOSTS: host }),
  }));
  installed.quiet();
  onTestFinished(() => installed[Symbol.asyncDispose]());
  const models = names.map((name) => join(installed.root, 'loras', name));
  for (const model of models) writeModel(model, 3 * MiB);
  for (const name of many) writeFileSync(join(installed.root, 'loras', name), Buffer.alloc(2048));
  const client = await installed.start();
  if (copied) await client.warm({ paths: models, wait: true });
  const browser = await startBrowser(host ? [`--host-resolver-rules=MAP ${host} 127.0.0.1`] : []);
  const troubles: string[] = [];
  const page = await newPage(browser, troubles);
  /** A fresh one-time link. */
  const link = async () => {
    const { stdout } = await promisify(execFile)(installed.node, [...installed.command, 'dashboard'], { env: installed.env });
    const printed = /http\S+/.exec(stdout)?.[0] ?? '';
    return host ? printed.replace('127.0.0.1', host) : printed;
  };
  await page.goto(await link());
  await page.waitForSelector('.answers', { timeout: patience(10_000) });
  return { page, client, models, troubles, browser, installed, link };
}

/** @param troubles takes what the page complains of */
export async function newPage(browser: Browser, troubles: string[]): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(patience(20_000));
  page.on('pageerror', (error) => troubles.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') troubles.push(message.text());
  });
  return page;
}

/** Opens a page of the dashboard by its link. */
export async function openPage(page: Page, name: string): Promise<void> {
  await page.click(`#nav a[data-page="${name}"]`);
  await page.waitForSelector(`#nav a[data-page="${name}"][aria-current]`);
}

/** Waits until so many elements are there. */
export async function countIs(page: Page, selector: string, count: number): Promise<void> {
  await page.waitForFunction(`document.querySelectorAll('${selector}').length === ${count}`);
}

/** Waits for the question that follows, answers it, and returns it. */
export async function answerNext(page: Page, accept: boolean, act: () => Promise<void>): Promise<string> {
  await act();
  const question = await page.waitForSelector('dialog[open] .question');
  const text = (await question?.evaluate((shown) => shown.textContent)) ?? '';
  await page.click(`dialog[open] [data-answer="${accept}"]`);
  await page.waitForFunction(`document.querySelector('dialog') === null`);
  return text;
}
