import { dirname, join, relative } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { CacheError, type ErrorCode } from '../../src/core/errors.ts';
import type { SourceFile } from '../../src/core/types.ts';
import type {
  Listing,
  ListOptions,
  OpenSource,
  Published,
  RootFacts,
  SourceDriver,
  StatAnswer,
} from '../../src/sources/driver.ts';
import type { Breakdown, Fault, Subject } from '../sources/subject.ts';

interface StoredFile {
  bytes: Buffer;
  mtimeNs: bigint;
  /** Goes up with every write. */
  version: number;
}

/** Errors of calls during a breakdown. */
const codes: Record<'look' | 'read', Record<Exclude<Breakdown, 'hang'>, ErrorCode>> = {
  look: { away: 'SOURCE_AWAY', denied: 'NOT_PERMITTED', io: 'SOURCE_AWAY' },
  read: { away: 'SOURCE_AWAY', denied: 'NOT_PERMITTED', io: 'SOURCE_IO' },
};

/** Maximum size of one read, bytes. */
const mostRead = 700_001;

/** Sources in memory that behave as remote ones: without descriptors, several reads at once, each shorter than it could be. */
export class MemorySources implements Subject {
  readonly root = '/remote';
  /** Sum of all reads, bytes. */
  bytesRead = 0;
  #files = new Map<string, StoredFile>();
  #published = new Map<string, string>();
  #volume: 'there' | 'gone' | 'empty' = 'there';
  #fault: { how: Breakdown; below: string; fired: boolean; healed: Promise<void> } | null = null;

  readonly driver: SourceDriver = {
    traits: { network: true, readsInFlight: 4 },
    stat: (path) => this.#stat(path),
    identify: () => this.#identify(),
    list: (directory, options) => this.#list(directory, options),
    open: (file) => this.#open(file),
    published: async (path) => this.#publishedOf(path),
    probe: async () => null,
    measure: async () => null,
  };

  put = (rel: string, bytes: Buffer): void => {
    this.#files.set(join(this.root, rel), { bytes, mtimeNs: 1_700_000_000_125_000_000n, version: 0 });
  };

  publish = (rel: string, sha256: string): void => {
    this.#published.set(join(this.root, rel), sha256);
  };

  remove = (rel: string): void => {
    this.#files.delete(join(this.root, rel));
  };

  truncate = (rel: string, size: number): void => this.#write(rel, (bytes) => bytes.subarray(0, size));

  rewrite = (rel: string, bytes: Buffer): void => this.#write(rel, () => bytes);

  replace = this.put;

  vanish = (how: 'gone' | 'empty'): void => {
    this.#volume = how;
    this.#files.clear();
  };

  breakDown = (how: Breakdown, rel = ''): Fault => {
    const { promise: healed, resolve } = Promise.withResolvers<void>();
    const fault = { how, below: join(this.root, rel), fired: false, healed };
    this.#fault = fault;
    const heal = () => {
      this.#fault = null;
      resolve();
    };
    return { fired: () => fault.fired, heal };
  };

  #write(rel: string, change: (bytes: Buffer) => Buffer): void {
    const file = this.#files.get(join(this.root, rel));
    if (!file) throw new Error(`there is no ${rel}`);
    file.bytes = change(file.bytes);
    file.version += 1;
  }

  async #stat(path: string): Promise<StatAnswer> {
    await this.#touch('look', path);
    const file = this.#files.get(path);
    if (file) return { is: 'file', size: file.bytes.length, mtimeNs: file.mtimeNs, ino: null };
    if (this.#isDirectory(path)) return { is: 'other' };
    return { is: 'absent', root: this.#volume === 'gone' ? null : this.#facts() };
  }

  async #identify(): Promise<RootFacts> {
    await this.#touch('look', this.root);
    if (this.#volume === 'gone') throw this.#away();
    return this.#facts();
  }

  async #open({ path, fingerprint: wanted }: SourceFile): Promise<OpenSource> {
    await this.#touch('read', path);
    if (this.#volume !== 'there') throw this.#away();
    const file = this.#files.get(path);
    if (!file) throw new CacheError(this.#isDirectory(path) ? 'BAD_REQUEST' : 'SOURCE_MISSING', `${path} is no file`);
    const { version, mtimeNs, bytes } = file;
    if (wanted.size !== bytes.length || wanted.mtimeNs !== String(mtimeNs)) throw changed(path);
    return {
      path,
      traits: this.driver.traits,
      fingerprint: { size: bytes.length, mtimeNs: String(mtimeNs), ino: null },
      read: async (into, position) => {
        await this.#touch('read', path);
        const part = file.bytes.subarray(position, position + Math.min(into.length, mostRead));
        into.set(part);
        this.bytesRead += part.length;
        return part.length;
      },
      assertUnchanged: async () => {
        await this.#touch('read', path);
        if (this.#files.get(path) !== file || file.version !== version) throw changed(path);
      },
      close: async () => {},
    };
  }

  #publishedOf(path: string): Published | null {
    const sha256 = this.#published.get(path);
    return sha256 === undefined ? null : { sha256, from: path };
  }

  async #list(directory: string, { onBatch, recursive = true, skip, signal }: ListOptions): Promise<Listing> {
    if (signal?.aborted) throw new CacheError('CANCELLED', 'the listing was cancelled');
    await this.#touch('look', directory);
    if (this.#volume === 'gone') throw this.#away();
    const directories = new Set([directory]);
    const failures = new Map<string, string>();
    const found: [string, StoredFile][] = [];
    for (const [path, file] of this.#files) {
      const above = directoriesOf(path, directory);
      if (above[0] !== directory || (!recursive && above.length > 1) || above.some((each) => skip?.has(each))) continue;
      const barred = above.find((each) => this.#isBroken(each));
      if (barred !== undefined) failures.set(barred, 'EACCES');
      else {
        found.push([relative(directory, path), file]);
        for (const each of above) directories.add(each);
      }
    }
    await onBatch({
      rels: found.map(([rel]) => rel),
      sizes: found.map(([, { bytes }]) => bytes.length),
      mtimesNs: BigInt64Array.from(found, ([, { mtimeNs }]) => mtimeNs),
      inos: null,
    });
    return {
      files: found.length,
      bytes: found.reduce((sum, [, { bytes }]) => sum + bytes.length, 0),
      directories: [...directories],
      failures: [...failures].map(([path, code]) => ({ path, code })),
      foreign: [],
    };
  }

  /** Takes a turn, and fails or hangs as the volume does. */
  async #touch(call: keyof typeof codes, path: string): Promise<void> {
    await turn();
    if (!this.#fault || !this.#isBroken(path)) return;
    const { how, healed } = this.#fault;
    if (how === 'hang') await healed;
    else throw new CacheError(codes[call][how], `${path} cannot be reached: ${how}`);
  }

  #isBroken(path: string): boolean {
    const fault = this.#fault;
    if (!fault || !`${path}/`.startsWith(join(fault.below, '/'))) return false;
    fault.fired = true;
    return true;
  }

  #isDirectory(path: string): boolean {
    return [...this.#files.keys()].some((file) => file.startsWith(`${path}/`));
  }

  #facts(): RootFacts {
    return {
      empty: this.#files.size === 0,
      identity: { device: 'memory', type: 0, bytes: 1 },
      real: this.root,
      ignoresCase: null,
    };
  }

  #away(): CacheError {
    return new CacheError('SOURCE_AWAY', `${this.root} does not answer`);
  }
}

/** The directories above a path, from `top` down. */
function directoriesOf(path: string, top: string): string[] {
  const above = dirname(path);
  return above === top || above === dirname(above) ? [above] : [...directoriesOf(above, top), above];
}

function changed(path: string): CacheError {
  return new CacheError('SOURCE_CHANGED', `${path} is not what it was`);
}
