import { type BigIntStats, type Dirent, statSync } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { basename, sep } from 'node:path';
import type { Machine } from '../../../media/machine.ts';
import { pathRules } from '../../../media/paths.ts';
import { type Resolution, resolveLocally } from '../../../media/resolve-locally.ts';
import { errnoOf } from '../../../runtime/errnos.ts';
import { Neighbours } from '../../../weights/companion-names.ts';
import { isSkippedName } from '../../../weights/extensions.ts';
import type { FileBatch, Listing, ListOptions } from '../../driver.ts';

export interface WalkOptions extends ListOptions {
  stableInodes?: boolean;
  machine: Machine;
  /** Whether this thread may touch network volumes (and hang with them). */
  mayTouchNetwork?: boolean;
}

const batchSize = 250;
const sliceMs = 4;
const mostDepth = 64;
const { key } = pathRules();

/**
 * Walks a tree and returns its files with their fingerprints. Lists directories asynchronously and stats synchronously, the fastest
 * way measured, so it needs a thread or process that may block; it yields every 4 ms. Follows links to directories, each target
 * once, never into a parent of the link.
 * @throws the error of reading `root` itself; errors below it are in `failures`
 */
export async function walk(root: string, options: WalkOptions): Promise<Listing> {
  const { beside } = options;
  const entries = beside === undefined ? await readdir(root, { withFileTypes: true }) : await entriesBeside(root, beside);
  const { path: real } = await resolve(root, options);
  const run = new Walk(real, options);
  await run.take({ path: root, rel: '', real, depth: 0 }, entries);
  return run.finish();
}

interface Names {
  entries: ReadonlyMap<string, Dirent>;
  neighbours: Neighbours;
}

/** Validity of a directory's names, ms: a directory is requested for each of its models when all of them are copied. */
const recentMs = 1000;
let recent: { directory: string; names: Promise<Names>; until: number } | null = null;

async function entriesBeside(directory: string, model: string): Promise<Dirent[]> {
  if (recent?.directory !== directory || performance.now() > recent.until) {
    const reading = { directory, names: namesIn(directory), until: Number.POSITIVE_INFINITY };
    recent = reading;
    const end = (ms: number) => {
      reading.until = performance.now() + ms;
    };
    reading.names.then(
      () => end(recentMs),
      () => end(0),
    );
  }
  const { neighbours, entries } = await recent.names;
  const files = neighbours.of(model).flatMap((name) => entries.get(name) ?? []);
  const parts = neighbours.partsOf(model).flatMap((name) => entries.get(name) ?? []);
  // Notes are files; a folder with such a name is no note.
  return [...files.filter((entry) => !entry.isDirectory()), ...parts.filter((entry) => entry.isDirectory())];
}

async function namesIn(directory: string): Promise<Names> {
  const entries = await readdir(directory, { withFileTypes: true });
  const neighbours = new Neighbours(entries.map(({ name }) => name));
  return { entries: new Map(entries.map((entry) => [entry.name, entry])), neighbours };
}

interface Directory {
  path: string;
  rel: string;
  real: string;
  depth: number;
}

class Walk {
  #options: WalkOptions;
  #volume: string;
  #queue: Directory[] = [];
  #linked = new Set<string>();
  #result: Listing = { files: 0, bytes: 0, directories: [], failures: [], foreign: [] };
  #rels: string[] = [];
  #stats: BigIntStats[] = [];
  #sliceEnd = performance.now() + sliceMs;

  constructor(real: string, options: WalkOptions) {
    this.#options = options;
    this.#volume = options.machine.volumeOf(real).id;
  }

  async finish(): Promise<Listing> {
    for (let next = this.#queue.pop(); next; next = this.#queue.pop()) {
      const { path } = next;
      const entries = await readdir(path, { withFileTypes: true }).catch((error: unknown) => this.#fail(path, error));
      if (entries) await this.take(next, entries);
    }
    await this.#flush();
    return this.#result;
  }

  async take(directory: Directory, entries: Dirent[]): Promise<void> {
    this.#options.signal?.throwIfAborted();
    this.#result.directories.push(directory.path);
    if (performance.now() > this.#sliceEnd) await this.#breathe();
    for (const entry of entries) {
      const { name } = entry;
      if (isSkippedName(name)) continue;
      const path = child(directory.path, name);
      const rel = directory.rel === '' ? name : directory.rel + sep + name;
      if (entry.isFile()) this.#addFile(path, rel);
      else if (entry.isDirectory()) this.#enqueue({ path, rel, real: child(directory.real, name), depth: directory.depth + 1 });
      else if (entry.isSymbolicLink()) await this.#followLink(directory, path, rel);
      if (this.#rels.length >= batchSize) await this.#flush();
      if (performance.now() > this.#sliceEnd) await this.#breathe();
    }
  }

  #enqueue(directory: Directory): void {
    const { recursive = true, skip, machine } = this.#options;
    if (machine.volumeOf(directory.real).id !== this.#volume) this.#result.foreign.push(directory.path);
    else if (recursive && !skip?.has(key(directory.path)) && directory.depth <= mostDepth) this.#queue.push(directory);
  }

  async #followLink(parent: Directory, path: string, rel: string): Promise<void> {
    try {
      const { path: real, networkAt } = await resolve(child(parent.real, basename(path)), this.#options);
      if (networkAt !== null || this.#options.machine.volumeOf(real).id !== this.#volume) {
        this.#result.foreign.push(path);
        return;
      }
      const stats = statSync(path, { bigint: true });
      if (stats.isFile()) this.#push(rel, stats);
      if (!stats.isDirectory() || this.#linked.has(real) || child(parent.real, '').startsWith(child(real, ''))) return;
      this.#linked.add(real);
      this.#enqueue({ path, rel, real, depth: parent.depth + 1 });
    } catch (error) {
      // A dangling link may lead into a volume that is not mounted.
      this.#fail(path, error);
    }
  }

  #addFile(path: string, rel: string): void {
    try {
      const stats = statSync(path, { bigint: true });
      if (stats.isFile()) this.#push(rel, stats);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') this.#fail(path, error);
    }
  }

  #fail(path: string, error: unknown): void {
    this.#result.failures.push({ path, code: errnoOf(error) ?? 'UNKNOWN' });
  }

  #push(rel: string, stats: BigIntStats): void {
    this.#rels.push(rel);
    this.#stats.push(stats);
    this.#result.files++;
    this.#result.bytes += Number(stats.size);
  }

  async #flush(): Promise<void> {
    if (this.#rels.length === 0) return;
    const stats = this.#stats;
    const batch: FileBatch = {
      rels: this.#rels,
      sizes: stats.map(({ size }) => Number(size)),
      mtimesNs: BigInt64Array.from(stats, ({ mtimeNs }) => mtimeNs),
      ...(this.#options.stableInodes && { ctimesNs: BigInt64Array.from(stats, ({ ctimeNs }) => ctimeNs) }),
      inos: this.#options.stableInodes ? BigUint64Array.from(stats, ({ ino }) => ino) : null,
    };
    this.#rels = [];
    this.#stats = [];
    await this.#options.onBatch(batch);
  }

  async #breathe(): Promise<void> {
    this.#options.onProgress?.();
    await new Promise((done) => setImmediate(done));
    this.#sliceEnd = performance.now() + sliceMs;
  }
}

function child(directory: string, name: string): string {
  return directory.endsWith(sep) ? directory + name : directory + sep + name;
}

async function resolve(path: string, { machine, mayTouchNetwork }: WalkOptions): Promise<Resolution> {
  return mayTouchNetwork ? { path: await realpath(path), networkAt: null } : resolveLocally(path, machine);
}
