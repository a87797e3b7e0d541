import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser, BrowserContext, Page } from 'puppeteer-core';
import { onTestFinished } from 'vitest';
import { launchBrowser } from '../../bench/browser.ts';
import { Installed } from '../../bench/installed.ts';
import { onFileFinished } from './file-finished.ts';
import { writeModel } from './files.ts';
import { patience } from './patience.ts';

export const MiB = 2 ** 20;

/** A name that the browser takes for this machine. */
const furtherName = 'nas.test';

/** One for all tests of a file; each has its own storage and cookies in it. */
let shared: Promise<Browser> | undefined;

interface DashboardOptions {
  /** Models of 3 MiB. */
  names: readonly string[];
  /** Default: true. */
  copied?: boolean;
  /** Further models, of 2 KiB; not copied. */
  many?: readonly string[];
  /** The browser reaches it by `furtherName`, which AUTOCACHE_HOSTS names. */
  byFurtherName?: boolean;
}

/** A daemon with these models, and a browser that has signed in with the printed link. */
export async function openDashboard({ names, copied = true, many = [], byFurtherName = false }: DashboardOptions) {
  const installed = new Installed('dashboard', (root) => ({
    AUTOCACHE_ROOTS: `${root}=hdd`,
    AUTOCACHE_MIN_SIZE: '1KiB',
    AUTOCACHE_LIMIT: '100MiB',
    ...(byFurtherName && { AUTOCACHE_HOSTS: furtherName }),
  }));
  installed.quiet();
  onTestFinished(() => installed[Symbol.asyncDispose]());
  const models = names.map((name) => join(installed.root, 'loras', name));
  for (const model of models) writeModel(model, 3 * MiB);
  for (const name of many) writeFileSync(join(installed.root, 'loras', name), Buffer.alloc(2048));
  const client = await installed.start();
  if (copied) await client.warm({ paths: models, wait: true });
  shared ??= browserOfThisFile();
  const browser = await (await shared).createBrowserContext();
  onTestFinished(() => browser.close());
  const troubles: string[] = [];
  const page = await newPage(browser, troubles);
  /** A fresh one-time link. */
  const link = async () => {
    const { stdout } = await promisify(execFile)(installed.node, [...installed.command, 'dashboard'], { env: installed.env });
    const printed = /http\S+/.exec(stdout)?.[0] ?? '';
    return byFurtherName ? printed.replace('127.0.0.1', furtherName) : printed;
  };
  await page.goto(await link());
  await page.waitForSelector('.answers', { timeout: patience(10_000) });
  return { page, client, models, troubles, browser, installed, link };
}

function browserOfThisFile(): Promise<Browser> {
  const launched = launchBrowser([`--host-resolver-rules=MAP ${furtherName} 127.0.0.1`]);
  onFileFinished(async () => {
    shared = undefined;
    await (await launched).close();
  });
  return launched;
}

/** @param troubles takes what the page complains of */
export async function newPage(browser: BrowserContext, troubles: string[]): Promise<Page> {
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
