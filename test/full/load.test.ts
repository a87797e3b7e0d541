import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { type DaemonProcess, endDaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { patience } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { type Found, writeVersion } from './load-model.ts';
import { bytesHeld, filesBelow } from './oracles.ts';

const MiB = 2 ** 20;
const limit = 40 * MiB;
const seconds = Number(process.env['LOAD_SECONDS'] ?? 300);
const kills = Number(process.env['LOAD_KILLS'] ?? 300);
const readers = Number(process.env['LOAD_READERS'] ?? 50);
const tellEveryMs = 15_000;

/** Forty models of 1.2 to 3.7 MiB, of which one is replaced from time to time; the cache holds a third of them. */
class World implements AsyncDisposable {
  readonly dir = tempDir();
  readonly models = Array.from({ length: 40 }, (_, index) => join(this.dir, 'models', 'loras', `m-${index}.safetensors`));
  /** What all readers have found, and the most bytes that the cache held at any time. */
  readonly found: Found & { most: number } = { loads: 0, hits: 0, reasons: {}, wrong: [], most: 0 };
  readonly #stop = new AbortController();
  readonly #readers: ChildProcessByStdio<Writable, Readable, null>[] = [];
  /** Those that have loaded something. */
  readonly #loading = new Set<ChildProcess>();
  #version = 1;

  /** @param replaceEveryMs pause between two sources that are replaced */
  constructor(replaceEveryMs: number) {
    mkdirSync(join(this.dir, 'models', 'loras'), { recursive: true });
    for (const model of this.models) writeVersion(model, 1);
    void this.#replaceSources(replaceEveryMs);
    void this.#watchLimit();
  }

  start(): Promise<DaemonProcess> {
    const settings = {
      AUTOCACHE_ROOTS: `${join(this.dir, 'models')}=hdd`,
      AUTOCACHE_LIMIT: `${limit}`,
      AUTOCACHE_JOBS: '4',
      AUTOCACHE_JOBS_PER_SOURCE: 'hdd=4',
      // Readers without end would be given way to.
      AUTOCACHE_POLITE: 'off',
    };
    return startDaemonProcess({ dir: this.dir, settings });
  }

  /** Unfinished copies that lie there. */
  unfinished(): number {
    return readdirSync(join(this.dir, 'cache', 'partial')).filter((name) => name.endsWith('.part')).length;
  }

  /** Waits until a daemon has written to the cache since `time`, ms, or long enough: a life in which nothing is copied proves little. */
  async someCopyBegins(time: number): Promise<void> {
    const isNew = (path: string) => (statSync(path, { throwIfNoEntry: false })?.ctimeMs ?? 0) > time;
    const begun = () => ['partial', 'files'].some((name) => filesBelow(join(this.dir, 'cache', name)).some(isNew));
    for (const until = performance.now() + patience(1000); performance.now() < until && !begun(); ) await sleep(20);
  }

  /** Resolves when each of them has loaded: on a busy machine fifty programs take minutes to start. */
  async startReaders(count: number): Promise<void> {
    const program = fileURLToPath(new URL('./load-reader.ts', import.meta.url));
    for (let index = 0; index < count; index++) {
      const child = spawn(process.execPath, [program, join(this.dir, 'state'), ...this.models], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      createInterface(child.stdout).on('line', (line) => {
        this.#add(JSON.parse(line) as Found);
        this.#loading.add(child);
      });
      this.#readers.push(child);
    }
    const starts = (child: ChildProcess) => child.exitCode === null && !this.#loading.has(child);
    while (this.#readers.some(starts)) await sleep(100);
  }

  /** Resolves when so many loads came from copies, or after `ms`: under any load copies must go on. */
  async comesFromCopies(hits: number, ms: number): Promise<void> {
    for (const until = performance.now() + ms; this.found.hits <= hits && performance.now() < until; ) await sleep(100);
  }

  /** Waits until all readers have told the last of what they found. */
  async endReaders(): Promise<void> {
    const closed = this.#readers.map((child) => once(child, 'close'));
    for (const { stdin } of this.#readers) stdin.end();
    for (const [code] of await Promise.all(closed)) expect(code).toBe(0);
  }

  tell(what: string): void {
    const { loads, hits, reasons, wrong, most } = this.found;
    console.log(
      `${what}: ${loads} loads, ${hits} from copies, ${wrong.length} wrong, at most ${(most / MiB).toFixed(1)} of 40 MiB held; ${JSON.stringify(reasons)}`,
    );
  }

  #add({ loads, hits, reasons, wrong }: Found): void {
    this.found.loads += loads;
    this.found.hits += hits;
    for (const [reason, count] of Object.entries(reasons))
      this.found.reasons[reason] = (this.found.reasons[reason] ?? 0) + count;
    this.found.wrong.push(...wrong);
    for (const what of wrong) console.log(what);
  }

  async #replaceSources(everyMs: number): Promise<void> {
    for (; !this.#stop.signal.aborted; await sleep(everyMs)) {
      this.#version += 1;
      writeVersion(this.models[this.#version % this.models.length] as string, this.#version);
    }
  }

  async #watchLimit(): Promise<void> {
    const cacheDir = join(this.dir, 'cache');
    for (; !this.#stop.signal.aborted; await sleep(100)) this.found.most = Math.max(this.found.most, bytesHeld(cacheDir));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const child of this.#readers) child.stdin.end();
    await Promise.allSettled(this.#readers.map((child) => child.exitCode === null && once(child, 'exit')));
  }
}

/** Tells how it goes from time to time. */
function telling(tell: () => void): Disposable {
  const timer = setInterval(tell, tellEveryMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

test(`${readers} programs that load and sources that change, ${seconds} s: no wrong byte, never over the limit`, async () => {
  await using world = new World(500);
  const { client } = await world.start();
  const startedAt = performance.now();
  const tell = () => world.tell(`${readers} programs, ${Math.round((performance.now() - startedAt) / 1000)} s`);
  using _ = telling(tell);
  await world.startReaders(readers);
  await sleep(1000 * seconds);
  await world.comesFromCopies(readers, 1000 * seconds);
  await world.endReaders();
  tell();
  expect(world.found.wrong).toEqual([]);
  expect(world.found.hits).toBeGreaterThan(readers);
  expect(world.found.most).toBeLessThanOrEqual(limit);
  expect((await client.verify({ all: true })).damaged).toEqual([]);
});

test(`a daemon that is killed ${kills} times under load: no wrong byte, never over the limit`, async () => {
  await using world = new World(2000);
  let bornAt = Date.now();
  let daemon = await world.start();
  const startedAt = performance.now();
  const killed = { times: 0, unfinished: 0 };
  const tell = () =>
    world.tell(
      `${killed.times} kills in ${Math.round((performance.now() - startedAt) / 1000)} s, ${killed.unfinished} unfinished copies found after them`,
    );
  using _ = telling(tell);
  await world.startReaders(6);
  while (killed.times < kills) {
    await world.someCopyBegins(bornAt);
    // In the middle of a copy, or after some.
    await sleep(Math.random() * patience(200));
    await endDaemonProcess(daemon.child, 'SIGKILL');
    expect(daemon.child.signalCode).toBe('SIGKILL');
    killed.times += 1;
    killed.unfinished += world.unfinished();
    bornAt = Date.now();
    daemon = await world.start();
  }
  await world.endReaders();
  tell();
  expect(world.found.wrong).toEqual([]);
  expect(world.found.hits).toBeGreaterThan(0);
  expect(killed.unfinished).toBeGreaterThan(0);
  expect(world.found.most).toBeLessThanOrEqual(limit);
  expect((await daemon.client.verify({ all: true })).damaged).toEqual([]);
});
