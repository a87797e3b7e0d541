import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type MultipartUpload,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { CacheError } from '../../../core/errors.ts';
import type { S3Remote } from '../../../core/remote.ts';
import { type Patience, persistent, usualPatience } from '../remote/persistence.ts';
import { inWords, RemoteFailure } from '../remote/remote-failure.ts';
import { s3Client } from './s3-client.ts';
import { asS3Failure } from './s3-failure.ts';

export interface WrittenObject {
  key: string;
  bytes: number;
  /** By the store's clock, ms. */
  writtenMs: number;
}

/** A file to upload as an object. */
export interface Upload {
  key: string;
  file: FileHandle;
  size: number;
  /** The expected hash; a file with another one never becomes the object. */
  sha256: string;
  /** Told the number of bytes written so far. */
  onBytes(bytes: number): void;
}

/** Bytes of a part; a file up to this size is one request. */
const usualPartBytes = 16 * 1024 * 1024;
/** Maximum number of parts; the protocol allows 10,000. */
const mostParts = 9000;
/** Number of concurrent parts, which with the one being read determine the memory of an upload. */
const atOnce = 3;
/** Timeouts of an upload, longer because a part takes its time on a slow line, ms. */
const patience: Patience = { ...usualPatience, silentMs: 120_000 };

/** Writes objects into a bucket, or below a prefix of it. An incomplete upload leaves no object. */
export class S3Writer {
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #address: string;
  readonly #client: S3Client;
  readonly #partBytes: number;

  constructor(
    at: S3Remote,
    { client = s3Client(at), partBytes = usualPartBytes }: { client?: S3Client; partBytes?: number } = {},
  ) {
    this.#bucket = at.bucket;
    this.#prefix = at.prefix === '' ? '' : `${at.prefix}/`;
    this.#address = at.url.replace(/\?.*$/s, '');
    this.#client = client;
    this.#partBytes = partBytes;
  }

  /** Size of an object, bytes; null when it does not exist. @throws CacheError SOURCE_* */
  async sizeOf(key: string): Promise<number | null> {
    const found = await this.#orNull((signal) =>
      this.#client.send(new HeadObjectCommand(this.#at(key)), { abortSignal: signal }),
    );
    return found && (found.ContentLength ?? 0);
  }

  /** A small object's text; null when it does not exist. @throws CacheError SOURCE_* */
  async text(key: string): Promise<string | null> {
    return this.#orNull(async (signal) => {
      const { Body } = await this.#client.send(new GetObjectCommand(this.#at(key)), { abortSignal: signal });
      return (await Body?.transformToString()) ?? '';
    });
  }

  /** @throws CacheError SOURCE_* */
  async putText(key: string, text: string): Promise<void> {
    await this.#ask((signal) =>
      this.#client.send(new PutObjectCommand({ ...this.#at(key), Body: text }), { abortSignal: signal }),
    );
  }

  /** @throws CacheError SOURCE_* */
  async remove(key: string): Promise<void> {
    await this.#ask((signal) => this.#client.send(new DeleteObjectCommand(this.#at(key)), { abortSignal: signal }));
  }

  /** All objects whose keys begin with this prefix. @throws CacheError SOURCE_* */
  async list(beginning: string): Promise<WrittenObject[]> {
    const objects: WrittenObject[] = [];
    for (let from: string | undefined; ; ) {
      const command = new ListObjectsV2Command({
        Bucket: this.#bucket,
        Prefix: this.#prefix + beginning,
        ...(from !== undefined && { ContinuationToken: from }),
      });
      const page = await this.#ask((signal) => this.#client.send(command, { abortSignal: signal }));
      for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
        objects.push({ key: Key.slice(this.#prefix.length), bytes: Size, writtenMs: LastModified?.getTime() ?? 0 });
      }
      if (!page.IsTruncated || page.NextContinuationToken === undefined) return objects;
      from = page.NextContinuationToken;
    }
  }

  /** Aborts unfinished uploads begun before this time, whose parts take room. */
  abortBefore(time: Date): Promise<number> {
    return this.#abort('', ({ Initiated }) => Initiated !== undefined && Initiated < time);
  }

  /** Aborts all unfinished uploads of one object. */
  abortOf(key: string): Promise<number> {
    return this.#abort(key, ({ Key }) => Key === this.#prefix + key);
  }

  async #abort(beginning: string, isStale: (upload: MultipartUpload) => boolean): Promise<number> {
    const command = new ListMultipartUploadsCommand({ Bucket: this.#bucket, Prefix: this.#prefix + beginning });
    const { Uploads = [] } = await this.#ask((signal) => this.#client.send(command, { abortSignal: signal }));
    const stale = Uploads.filter(isStale);
    for (const { Key, UploadId } of stale) {
      const abort = new AbortMultipartUploadCommand({ Bucket: this.#bucket, Key, UploadId });
      await this.#ask((signal) => this.#client.send(abort, { abortSignal: signal }));
    }
    return stale.length;
  }

  /** @throws CacheError SOURCE_CHANGED when the file has other bytes, SOURCE_* when the store refuses it; then no object is made */
  async upload(upload: Upload): Promise<void> {
    if (upload.size <= this.#partBytes) await this.#putWhole(upload);
    else await this.#putParts(upload);
  }

  async #putWhole({ key, file, size, sha256, onBytes }: Upload): Promise<void> {
    const bytes = await readPart(file, 0, size);
    assertSame(createHash('sha256').update(bytes).digest('hex'), sha256);
    await this.#ask((signal) =>
      this.#client.send(new PutObjectCommand({ ...this.#at(key), Body: bytes }), { abortSignal: signal }),
    );
    onBytes(size);
  }

  async #putParts({ key, file, size, sha256, onBytes }: Upload): Promise<void> {
    const begin = new CreateMultipartUploadCommand(this.#at(key));
    const { UploadId } = await this.#ask((signal) => this.#client.send(begin, { abortSignal: signal }));
    const at = { ...this.#at(key), UploadId };
    try {
      const partBytes = Math.max(this.#partBytes, Math.ceil(size / mostParts));
      const hash = createHash('sha256');
      const parts: { PartNumber: number; ETag: string | undefined }[] = [];
      const underWay = new Set<Promise<void>>();
      let written = 0;
      const put = async (PartNumber: number, bytes: Buffer) => {
        const command = () => new UploadPartCommand({ ...at, PartNumber, Body: bytes });
        const { ETag } = await this.#ask((signal) => this.#client.send(command(), { abortSignal: signal }));
        parts.push({ PartNumber, ETag });
        written += bytes.length;
        onBytes(written);
      };
      try {
        for (let from = 0; from < size; from += partBytes) {
          const bytes = await readPart(file, from, Math.min(partBytes, size - from));
          hash.update(bytes);
          const sent = put(from / partBytes + 1, bytes).finally(() => underWay.delete(sent));
          sent.catch(() => {});
          underWay.add(sent);
          if (underWay.size >= atOnce) await Promise.race(underWay);
        }
        await Promise.all(underWay);
      } finally {
        await Promise.allSettled(underWay);
      }
      if (parts.length !== Math.ceil(size / partBytes)) throw new CacheError('SOURCE_IO', `a part of ${key} was not taken`);
      assertSame(hash.digest('hex'), sha256);
      const Parts = parts.toSorted((a, b) => a.PartNumber - b.PartNumber);
      const end = new CompleteMultipartUploadCommand({ ...at, MultipartUpload: { Parts } });
      await this.#ask((signal) => this.#client.send(end, { abortSignal: signal }));
    } catch (error) {
      await this.#client.send(new AbortMultipartUploadCommand(at)).catch(() => {});
      throw error;
    }
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + key };
  }

  #ask<T>(request: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const one = async (signal: AbortSignal) => {
      try {
        return await request(signal);
      } catch (error) {
        throw asS3Failure(error, this.#address);
      }
    };
    return inWords('read', () => persistent(patience, one));
  }

  async #orNull<T>(request: (signal: AbortSignal) => Promise<T>): Promise<T | null> {
    return this.#ask(async (signal) => {
      try {
        return await request(signal);
      } catch (error) {
        const failure = asS3Failure(error, this.#address);
        if (failure instanceof RemoteFailure && failure.kind === 'missing') return null;
        throw error;
      }
    });
  }
}

async function readPart(file: FileHandle, from: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, from + filled);
    if (bytesRead === 0)
      throw new CacheError('SOURCE_CHANGED', 'the copy became shorter while it was written to the shared store');
    filled += bytesRead;
  }
  return bytes;
}

function assertSame(found: string, wanted: string): void {
  if (found !== wanted) throw new CacheError('SOURCE_CHANGED', 'the bytes of the copy are not those that it was made of');
}
