import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, win32 } from 'node:path';
import { inject, onTestFinished, test, vi } from 'vitest';
import type { LookupAnswer } from '../../src/api/api.ts';
import { Client } from '../../src/cli/client.ts';
import { Wine } from './wine.ts';

const place = inject('wine');

/** A test under Wine; skipped where there is none. */
export const windowsTest = test.skipIf(place === null);

export function theWine(): Wine {
  if (!place) throw new Error('there is no Wine');
  return new Wine(place);
}

let made = 0;

/** A folder of its own on drive C. */
export function folder(): string {
  made++;
  const path = `C:\\tests\\${process.pid}-${made}`;
  mkdirSync(theWine().unix(path), { recursive: true });
  return path;
}

/** Writes a model of random bytes. @returns the bytes */
export function writeModel(path: string, bytes: Buffer): void {
  const file = theWine().unix(path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
}

/** A daemon for Windows, asked over HTTP from Linux. */
export class WindowsDaemon {
  readonly wine = theWine();
  readonly dir: string;
  readonly #settings: Record<string, string>;
  readonly stateDir: string;
  #running: ReturnType<Wine['start']> | null = null;
  #client: Client | null = null;

  /** @param stateDir where its state is to be found; default: in `dir` */
  constructor({ dir = folder(), settings = {} as Record<string, string>, stateDir = '' } = {}) {
    this.dir = dir;
    this.stateDir = stateDir || win32.join(dir, 'state');
    const own = {
      AUTOCACHE_STATE: this.stateDir,
      AUTOCACHE_DIR: win32.join(dir, 'cache'),
      AUTOCACHE_ROOTS: `${this.models}=hdd`,
    };
    this.#settings = {
      ...(stateDir === '' && { ...own, AUTOCACHE_MIN_SIZE: '1KiB', AUTOCACHE_LISTEN: '127.0.0.1:0' }),
      ...settings,
    };
  }

  get models(): string {
    return win32.join(this.dir, 'models');
  }

  get env(): Record<string, string> {
    return this.#settings;
  }

  get client(): Client {
    if (!this.#client) throw new Error('the daemon was not started');
    return this.#client;
  }

  get text(): string {
    return this.#running?.text() ?? '';
  }

  async start(): Promise<void> {
    const file = join(this.wine.unix(this.stateDir), 'daemon.json');
    rmSync(file, { force: true });
    const running = this.wine.start(join(this.wine.place.program, 'node.exe'), [this.wine.entry, 'start'], this.#settings);
    this.#running = running;
    onTestFinished(() => this.kill());
    await vi.waitUntil(
      () => {
        if (running.child.exitCode !== null) throw new Error(`the daemon ended before it answered:\n${running.text()}`);
        return existsSync(file);
      },
      { timeout: 10 * 60_000, interval: 50 },
    );
    const found = JSON.parse(readFileSync(file, 'utf8'));
    const token = readFileSync(join(this.wine.unix(this.stateDir), 'token'), 'utf8').trim();
    this.#client = new Client({ ...found, token, directories: [], pathMap: [] });
  }

  /** As a power cut does. */
  async kill(): Promise<void> {
    const child = this.#running?.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  lookup(path: string): Promise<LookupAnswer> {
    return this.client.lookup({ path, purpose: 'load', waitMs: 0, client: null });
  }

  /** Asks until a copy is served. @returns the answer, and the reasons of all before it */
  async hit(path: string): Promise<{ answer: LookupAnswer; before: string[] }> {
    const before: string[] = [];
    for (;;) {
      const answer = await this.lookup(path);
      if (answer.reason === 'HIT') return { answer, before };
      before.push(answer.reason);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
