import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { type DaemonProcess, endDaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { writeVersion } from './load-model.ts';
import { bytesHeld } from './oracles.ts';

const MiB = 2 ** 20;
const limit = 40 * MiB;
const seconds = Number(process.env['LOAD_SECONDS'] ?? 300);
const kills = Number(process.env['LOAD_KILLS'] ?? 300);
const readers = Number(process.env['LOAD_READERS'] ?? 50);

interface Found {
  loads: number;
  hits: number;
  wrong: string[];
}

/** Forty models of 1.2 to 3.7 MiB, of which one is replaced every half second; the cache holds a third of them. */
class World implements AsyncDisposable {
  readonly dir = tempDir();
  readonly models = Array.from({ length: 40 }, (_, index) => join(this.dir, 'models', 'loras', `m-${index}.safetensors`));
  readonly #stop = new AbortController();
  #readers: { child: ChildProcess; found: Promise<Found> }[] = [];
  #version = 1;
  #most = 0;

  constructor() {
    mkdirSync(join(this.dir, 'models', 'loras'), { recursive: true });
    for (const model of this.models) writeVersion(model, 1);
    void this.#replaceSources();
    void this.#watchLimit();
  }

  start(): Promise<DaemonProcess> {
    const settings = { AUTOCACHE_ROOTS: `${join(this.dir, 'models')}=hdd`, AUTOCACHE_LIMIT: `${limit}`, AUTOCACHE_JOBS: '4' };
    return startDaemonProcess({ dir: this.dir, settings });
  }

  read(count: number, forSeconds: number): void {
    const program = fileURLToPath(new URL('./load-reader.ts', import.meta.url));
    for (let index = 0; index < count; index++) {
      const child = spawn(process.execPath, [program, join(this.dir, 'state'), `${forSeconds}`, ...this.models], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      this.#readers.push({ child, found: text(child.stdout).then((output) => JSON.parse(output) as Found) });
    }
  }

  /** What all readers have found, and the most bytes that the cache held at any time. */
  async outcome(): Promise<Found & { most: number }> {
    const all = await Promise.all(this.#readers.map(({ found }) => found));
    const sum = (of: (found: Found) => number) => all.reduce((total, found) => total + of(found), 0);
    return {
      loads: sum(({ loads }) => loads),
      hits: sum(({ hits }) => hits),
      wrong: all.flatMap(({ wrong }) => wrong),
      most: this.#most,
    };
  }

  async #replaceSources(): Promise<void> {
    for (; !this.#stop.signal.aborted; await sleep(500)) {
      this.#version += 1;
      writeVersion(this.models[this.#version % this.models.length] as string, this.#version);
    }
  }

  async #watchLimit(): Promise<void> {
    for (; !this.#stop.signal.aborted; await sleep(100)) this.#most = Math.max(this.#most, bytesHeld(join(this.dir, 'cache')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#readers.map(({ child }) => child.exitCode === null && once(child, 'exit')));
  }
}

function report(what: string, { loads, hits, wrong, most }: Found & { most: number }): void {
  console.log(
    `${what}: ${loads} loads, ${hits} from copies, ${wrong.length} wrong, at most ${(most / MiB).toFixed(1)} of 40 MiB held`,
  );
}

test(`${readers} programs that load and sources that change, ${seconds} s: no wrong byte, never over the limit`, async () => {
  await using world = new World();
  const { client } = await world.start();
  world.read(readers, seconds);
  const outcome = await world.outcome();
  report(`${readers} programs`, outcome);
  expect(outcome.wrong).toEqual([]);
  expect(outcome.hits).toBeGreaterThan(readers);
  expect(outcome.most).toBeLessThanOrEqual(limit);
  expect((await client.verify({ all: true })).damaged).toEqual([]);
});

test(`a daemon that is killed ${kills} times under load: no wrong byte, never over the limit`, async () => {
  await using world = new World();
  let daemon = await world.start();
  const reading = { seconds: 60, until: 0 };
  for (let kill = 0; kill < kills; kill++) {
    if (performance.now() > reading.until) {
      world.read(6, reading.seconds);
      reading.until = performance.now() + 1000 * reading.seconds;
    }
    await sleep(Math.random() * 1500);
    await endDaemonProcess(daemon.child, 'SIGKILL');
    daemon = await world.start();
  }
  const outcome = await world.outcome();
  report(`${kills} kills`, outcome);
  expect(outcome.wrong).toEqual([]);
  expect(outcome.hits).toBeGreaterThan(0);
  expect(outcome.most).toBeLessThanOrEqual(limit);
  expect((await daemon.client.verify({ all: true })).damaged).toEqual([]);
});
