import { createHash, hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import type { MemoBlob, MemoFile, MemoFound } from '../api/memo.ts';
import { BlobBody } from './connection.ts';
import { isPlainObject, nameOf } from './memo-parts.ts';
import type { MemoWire } from './memo-wire.ts';

/** A result, or a part of one, that is a file. One that was found is read-only, and stays for at least a minute. */
export class ResultFile {
  readonly path: string;
  /** Its name for people; default: as in its path. */
  readonly name: string;
  readonly contentType: string | undefined;

  constructor(path: string, { name = basename(path), contentType }: { name?: string; contentType?: string } = {}) {
    this.path = path;
    this.name = name;
    this.contentType = contentType;
  }
}

/** What is put for a result: its fields as JSON without braces, and the blobs that they name. */
export interface Encoded {
  fields: string;
  blobs: BlobBody[];
}

/** A result that cannot be kept: reading it back would give another one. */
class NotStorable extends Error {
  override name = 'NotStorable';
}

/** The daemon takes larger texts as blobs only, bytes. */
const mostInline = 2 ** 20;
const textType = 'application/vnd.autocached.value+json';
const mostLevels = 200;

/**
 * JSON stays JSON, a buffer becomes a blob, a `ResultFile` a file; JSON may have both in it.
 * @throws NotStorable; Error of node:fs for a file that cannot be read
 */
export async function encode(value: unknown): Promise<Encoded> {
  const blobs: BlobBody[] = [];
  if (value instanceof Uint8Array) return { fields: `"blob":"${put(blobs, value)}"`, blobs };
  if (value instanceof ResultFile) {
    const { name, contentType } = value;
    const files = [{ name, sha256: await putFile(blobs, value), contentType }];
    return { fields: `"files":${JSON.stringify(files)}`, blobs };
  }
  const hashes = new Map<ResultFile, string>();
  for (const file of filesIn(value)) hashes.set(file, await putFile(blobs, file));
  const text = textOf(value, { blobs, hashes });
  if (Buffer.byteLength(text) <= mostInline) return { fields: `"value":${text}`, blobs };
  if (blobs.length > 0) throw new NotStorable('more than 1 MiB of JSON with buffers or files in it');
  return { fields: `"blob":"${put(blobs, Buffer.from(text))}","contentType":"${textType}"`, blobs };
}

/** The result that an answer holds. @throws CacheError when its blobs cannot be read */
export async function decode(found: MemoFound, wire: MemoWire): Promise<unknown> {
  const { kind, value, files = [], blobs = [], contentType } = found;
  if (kind === 'bytes') {
    const bytes = await wire.read(found as MemoBlob);
    return contentType === textType ? JSON.parse(bytes.toString()) : bytes;
  }
  if (kind === 'files') {
    const all = await Promise.all(files.map((file) => fileOf(file, wire)));
    return all.length === 1 ? all[0] : all;
  }
  return kind === 'doc' ? revived(value, new Map(blobs.map((blob) => [blob.sha256, blob])), wire) : value;
}

/** What the text of a value names: the blobs found so far, and the hashes of its files. */
interface Named {
  blobs: BlobBody[];
  hashes: Map<ResultFile, string>;
}

function textOf(value: unknown, named: Named, level = 0): string {
  if (level > mostLevels) throw new NotStorable(`more than ${mostLevels} levels`);
  if (value instanceof Uint8Array) return `{"$blob":"${put(named.blobs, value)}"}`;
  if (value instanceof ResultFile) {
    const { name, contentType } = value;
    return `{"$file":{"$blob":"${named.hashes.get(value)}"},"about":${JSON.stringify({ name, contentType })}}`;
  }
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number' && Number.isFinite(value) && !Object.is(value, -0)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${Array.from(value, (item) => textOf(item, named, level + 1)).join()}]`;
  if (!isPlainObject(value)) throw new NotStorable(`${nameOf(value)} in it`);
  if (Object.hasOwn(value, '$blob') || Object.hasOwn(value, '$file')) throw new NotStorable('a field named $blob or $file');
  const fields = Object.entries(value).map(([name, field]) => `${JSON.stringify(name)}:${textOf(field, named, level + 1)}`);
  return `{${fields.join()}}`;
}

function* filesIn(value: unknown, level = 0): Iterable<ResultFile> {
  if (value instanceof ResultFile) yield value;
  else if (level <= mostLevels && (Array.isArray(value) || isPlainObject(value))) {
    for (const field of Object.values(value)) yield* filesIn(field, level + 1);
  }
}

function put(blobs: BlobBody[], bytes: Uint8Array): string {
  const sha256 = hash('sha256', bytes);
  blobs.push(new BlobBody({ sha256, size: bytes.length, open: () => Readable.from([bytes]) }));
  return sha256;
}

async function putFile(blobs: BlobBody[], { path }: ResultFile): Promise<string> {
  const { size } = await stat(path);
  const sha256 = await hashFile(path);
  blobs.push(new BlobBody({ sha256, size, open: () => createReadStream(path) }));
  return sha256;
}

/** SHA-256 of a file's bytes, in hexadecimal. */
export async function hashFile(path: string): Promise<string> {
  const sum = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) sum.update(chunk);
  return sum.digest('hex');
}

async function fileOf({ name, contentType, ...blob }: MemoFile, wire: MemoWire): Promise<ResultFile> {
  const path = await wire.pathOf(blob);
  if (path === null) throw new Error(`${blob.path} cannot be opened here`);
  return new ResultFile(path, { name, ...(contentType !== undefined && { contentType }) });
}

async function revived(value: unknown, blobs: Map<string, MemoBlob>, wire: MemoWire): Promise<unknown> {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Promise.all(value.map((item) => revived(item, blobs, wire)));
  const { $blob, $file, about } = value as { $blob?: string; $file?: { $blob: string }; about?: Pick<MemoFile, 'name'> };
  const blob = blobs.get($file?.$blob ?? $blob ?? '');
  if (blob) return $file ? fileOf({ ...blob, name: '', ...about }, wire) : wire.read(blob);
  const fields = Object.entries(value).map(async ([name, field]) => [name, await revived(field, blobs, wire)] as const);
  return Object.fromEntries(await Promise.all(fields));
}
