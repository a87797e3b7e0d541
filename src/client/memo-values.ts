import { createHash, hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import type { MemoBlob, MemoFile, MemoFound } from '../api/memo.ts';
import { BlobBody } from './connection.ts';
import { isPlainObject, nameOf } from './memo-parts.ts';
import { type Content, type Staged, stage, take } from './memo-stage.ts';
import type { MemoWire } from './memo-wire.ts';

/** A result, or a part of one, that is a file. A found file is read-only, and stays for at least a minute. */
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

/** A result as it is put: its fields as JSON without braces, and the blobs still to be sent. */
export interface Encoded {
  fields: string;
  blobs: BlobBody[];
  /** The file of the daemon that `fields` name; null = none. */
  staged: Staged | null;
}

/** A result that cannot be kept: reading it back would give another one. */
class NotStorable extends Error {
  override name = 'NotStorable';
}

/** The daemon takes larger texts as blobs only, bytes. */
const mostInline = 2 ** 20;
const textType = 'application/vnd.autocached.value+json';
const mostLevels = 200;
const readAtOnce = 2 ** 20;

/**
 * JSON stays JSON, a buffer becomes a blob, a `ResultFile` a file; JSON may have both in it.
 * @throws NotStorable; Error of node:fs for a file that cannot be read
 */
export async function encode(value: unknown, wire: MemoWire): Promise<Encoded> {
  if (value instanceof Uint8Array) return encodeWhole(value, wire);
  const blobs: BlobBody[] = [];
  const hashes = new Map<Uint8Array | ResultFile, string>();
  for (const part of partsIn(value)) if (!hashes.has(part)) hashes.set(part, await put(blobs, part, wire));
  if (value instanceof ResultFile) {
    const { name, contentType } = value;
    return { fields: `"files":${JSON.stringify([{ name, sha256: hashes.get(value), contentType }])}`, blobs, staged: null };
  }
  const text = textOf(value, hashes);
  if (Buffer.byteLength(text) <= mostInline) return { fields: `"value":${text}`, blobs, staged: null };
  if (hashes.size > 0) throw new NotStorable('more than 1 MiB of JSON with buffers or files in it');
  return encodeWhole(Buffer.from(text), wire, `,"contentType":"${textType}"`);
}

/** Bytes that are all of a result: their hash need not be known. */
async function encodeWhole(bytes: Uint8Array, wire: MemoWire, more = ''): Promise<Encoded> {
  const staged = await stage(wire, contentOf(bytes));
  if (staged) return { fields: `"staged":"${staged.name}"${more}`, blobs: [], staged };
  const blobs: BlobBody[] = [];
  return { fields: `"blob":"${send(blobs, contentOf(bytes), hash('sha256', bytes))}"${more}`, blobs, staged };
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

function textOf(value: unknown, hashes: ReadonlyMap<unknown, string>, level = 0): string {
  if (level > mostLevels) throw new NotStorable(`more than ${mostLevels} levels`);
  if (value instanceof Uint8Array) return `{"$blob":"${hashes.get(value)}"}`;
  if (value instanceof ResultFile) {
    const { name, contentType } = value;
    return `{"$file":{"$blob":"${hashes.get(value)}"},"about":${JSON.stringify({ name, contentType })}}`;
  }
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number' && Number.isFinite(value) && !Object.is(value, -0)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${Array.from(value, (item) => textOf(item, hashes, level + 1)).join()}]`;
  if (!isPlainObject(value)) throw new NotStorable(`${nameOf(value)} in it`);
  if (Object.hasOwn(value, '$blob') || Object.hasOwn(value, '$file')) throw new NotStorable('a field named $blob or $file');
  const fields = Object.entries(value).map(([name, field]) => `${JSON.stringify(name)}:${textOf(field, hashes, level + 1)}`);
  return `{${fields.join()}}`;
}

/** The bytes and files that a value has in it. */
function* partsIn(value: unknown, level = 0): Iterable<Uint8Array | ResultFile> {
  if (value instanceof Uint8Array || value instanceof ResultFile) yield value;
  else if (level <= mostLevels && (Array.isArray(value) || isPlainObject(value))) {
    for (const field of Object.values(value)) yield* partsIn(field, level + 1);
  }
}

/** Stages bytes, or adds them to those that are to be sent. @returns their SHA-256 */
async function put(blobs: BlobBody[], part: Uint8Array | ResultFile, wire: MemoWire): Promise<string> {
  const stored = async (content: Content) => {
    const staged = await stage(wire, content);
    return staged && take(wire, staged);
  };
  if (!(part instanceof ResultFile)) {
    const content = contentOf(part);
    return (await stored(content)) ?? send(blobs, content, hash('sha256', part));
  }
  const { path } = part;
  const before = await stat(path, { bigint: true });
  const content = { size: Number(before.size), open: () => createReadStream(path, { highWaterMark: readAtOnce }) };
  const sha256 = await stored(content);
  // A mixture of old and new bytes is neither.
  const after = await stat(path, { bigint: true });
  const isAsBefore = (['size', 'mtimeNs', 'ctimeNs', 'ino'] as const).every((fact) => after[fact] === before[fact]);
  return sha256 !== null && isAsBefore ? sha256 : send(blobs, content, await hashFile(path));
}

function contentOf(bytes: Uint8Array): Content {
  return { size: bytes.length, open: () => Readable.from([bytes]) };
}

function send(blobs: BlobBody[], content: Content, sha256: string): string {
  blobs.push(new BlobBody({ sha256, ...content }));
  return sha256;
}

/** SHA-256 of a file's bytes, in hexadecimal. */
export async function hashFile(path: string): Promise<string> {
  const sum = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: readAtOnce })) sum.update(chunk);
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
