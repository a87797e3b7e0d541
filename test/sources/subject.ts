import { join } from 'node:path';
import type { SourceFile } from '../../src/core/types.ts';
import type { FileBatch, OpenSource, SourceDriver } from '../../src/sources/driver.ts';
import { readFully } from '../../src/sources/read-fully.ts';

/** A driver under test, and how its sources are made and broken. */
export interface Subject {
  driver: SourceDriver;
  /** Absolute path of the root, which is empty. */
  root: string;
  /** Puts a file with an mtime in the past below the root. */
  put(rel: string, bytes: Buffer): Promise<void> | void;
  /** Says somewhere that a file has this SHA-256. */
  publish(rel: string, sha256: string): Promise<void> | void;
  remove(rel: string): Promise<void> | void;
  truncate(rel: string, size: number): Promise<void> | void;
  /** Writes other bytes into a file and puts its size and mtime back. */
  rewrite(rel: string, bytes: Buffer): Promise<void> | void;
  /** Puts another file of the same size and mtime in the place of one. */
  replace(rel: string, bytes: Buffer): Promise<void> | void;
  /** Takes the volume away: nothing is at the root any more, or an empty folder. */
  vanish(how: 'gone' | 'empty'): Promise<void> | void;
  /** Makes every call fail or hang that touches the root, or only what is at and below `rel`. Of hanging, reads are enough. */
  breakDown(how: Breakdown, rel?: string): Fault;
}

export type Breakdown = 'away' | 'denied' | 'io' | 'hang';

/** Something that goes wrong until it is healed. */
export interface Fault {
  /** Whether any call has failed or hung of it. */
  fired(): boolean;
  heal(): void;
}

export const KiB = 1024;
/** Of the one file of most tests, bytes, and its path below the root. */
export const size = 300 * KiB + 7;
export const name = 'checkpoints/a.safetensors';

/** Makes a subject, gone when the test ends. */
export type CreateSubject = () => Promise<Subject> | Subject;

/** Bytes that tell where they are from. */
export function pattern(length: number, seed = 1): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) * 7 + seed) & 255));
}

export async function fileAt({ driver, root }: Pick<Subject, 'driver' | 'root'>, rel: string): Promise<SourceFile> {
  const path = join(root, rel);
  const found = await driver.stat(path);
  if (found.is !== 'file') throw new Error(`${path} is ${found.is}`);
  const ino = found.ino === null ? null : String(found.ino);
  return { path, root, rel, category: null, fingerprint: { size: found.size, mtimeNs: String(found.mtimeNs), ino } };
}

export async function readRange(source: OpenSource, from: number, length: number): Promise<Buffer> {
  const into = Buffer.alloc(length);
  return into.subarray(0, await readFully(source, into, from));
}

export async function listed(
  { driver, root }: Subject,
  options: { recursive?: boolean; skip?: string[]; directory?: string } = {},
) {
  const { directory = root, recursive = true, skip = [] } = options;
  const batches: FileBatch[] = [];
  const onBatch = (batch: FileBatch) => batches.push(batch);
  const listing = await driver.list(directory, { recursive, skip: new Set(skip), onBatch });
  const files = batches.flatMap(({ rels, sizes, mtimesNs, ctimesNs, inos }) =>
    rels.map((rel, at) => ({
      rel,
      size: sizes[at],
      mtimeNs: mtimesNs[at],
      ...(ctimesNs && { ctimeNs: ctimesNs[at] }),
      ino: inos?.[at] ?? null,
    })),
  );
  return { ...listing, found: files.sort((a, b) => a.rel.localeCompare(b.rel)) };
}

/** A subject with one file. */
export async function withFile(create: CreateSubject) {
  const subject = await create();
  const bytes = pattern(size);
  await subject.put(name, bytes);
  return { ...subject, subject, bytes, file: await fileAt(subject, name) };
}

/** The same with that file open. */
export async function opened(create: CreateSubject) {
  const arranged = await withFile(create);
  return { ...arranged, source: await arranged.driver.open(arranged.file) };
}
