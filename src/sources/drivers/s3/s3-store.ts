import type { Readable } from 'node:stream';
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { S3Remote } from '../../../core/remote.ts';
import { freeOfCharge, type Meter } from '../../spending.ts';
import { abandon } from '../remote/abandon.ts';
import type { ByteRange, ObjectLook, ObjectPage, ObjectStore, PageRequest, StoredObject } from '../remote/object-store.ts';
import { RemoteFailure } from '../remote/remote-failure.ts';
import { s3Client } from './s3-client.ts';
import { asS3Failure } from './s3-failure.ts';
import { type ObjectFacts, s3Proof } from './s3-proof.ts';

/** The objects of a bucket, or those below a prefix of it, on AWS or any engine that speaks its protocol. */
export class S3Store implements ObjectStore {
  readonly address: string;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #client: S3Client;
  readonly #meter: Meter;

  constructor(remote: S3Remote, meter: Meter = freeOfCharge) {
    this.#meter = meter;
    this.#bucket = remote.bucket;
    this.#prefix = remote.prefix === '' ? '' : `${remote.prefix}/`;
    this.#client = s3Client(remote);
    const at = remote.endpoint === null ? '' : ` at ${new URL(remote.endpoint).host}`;
    this.address = `s3://${[remote.bucket, remote.prefix].filter(Boolean).join('/')}${at}`;
  }

  async look(key: string, signal: AbortSignal): Promise<ObjectLook> {
    try {
      return { is: 'object', object: await this.#head(key, signal) };
    } catch (error) {
      if (!(error instanceof RemoteFailure) || error.kind !== 'missing') throw error;
    }
    try {
      const { objects, folders } = await this.list(key, { deep: true, most: 1, signal });
      return { is: objects.length + folders.length > 0 ? 'folder' : 'absent' };
    } catch (error) {
      if (error instanceof RemoteFailure && error.kind === 'missing') return { is: 'absent' };
      throw error;
    }
  }

  async list(folder: string, { deep, from, most, signal }: PageRequest): Promise<ObjectPage> {
    const command = new ListObjectsV2Command({
      Bucket: this.#bucket,
      Prefix: folder === '' ? this.#prefix : `${this.#prefix}${folder}/`,
      // Keys may have characters that XML cannot have.
      EncodingType: 'url',
      ...(!deep && { Delimiter: '/' }),
      ...(from !== undefined && { ContinuationToken: from }),
      ...(most !== undefined && { MaxKeys: most }),
    });
    const page = await this.#send(() => this.#client.send(command, { ...(signal && { abortSignal: signal }) }));
    const decoded = page.EncodingType === 'url' ? (text: string) => decodeURIComponent(text.replaceAll('+', ' ')) : String;
    const below = (key = '') => decoded(key).slice(this.#prefix.length);
    const objects = (page.Contents ?? []).map(({ Key, Size = 0, LastModified, ETag }) => ({
      key: below(Key),
      size: Size,
      mtimeNs: timeOf(LastModified),
      version: versionOf(ETag),
      proof: null,
    }));
    return {
      // An object whose key ends with a slash represents a folder without objects.
      objects: objects.filter(({ key }) => key !== '' && !key.endsWith('/')),
      folders: (page.CommonPrefixes ?? []).map(({ Prefix }) => below(Prefix).replace(/\/$/, '')),
      next: page.IsTruncated ? (page.NextContinuationToken ?? null) : null,
    };
  }

  async read(
    { key, size, version, mtimeNs }: StoredObject,
    { from, end }: ByteRange,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    const command = new GetObjectCommand({
      Bucket: this.#bucket,
      Key: this.#prefix + key,
      Range: `bytes=${from}-${end - 1}`,
      // Gateways to directories have no ETag for files that bypassed them. They compare fractions of seconds, which they do not report.
      ...(version === '' ? { IfUnmodifiedSince: new Date(Number(mtimeNs / 1_000_000n) + 1000) } : { IfMatch: `"${version}"` }),
    });
    const answer = await this.#send(() => this.#client.send(command, { abortSignal: signal }));
    const body = answer.Body as Readable;
    const failure = this.#faultOf(answer, { from, end }, { size, version, mtimeNs });
    if (!failure) return this.#bytes(body, signal);
    abandon(body);
    throw failure;
  }

  /** The fault of an answer: not every engine heeds `If-Match`, and a proxy may answer with other contents. */
  #faultOf(
    {
      ContentRange = '',
      ETag,
      ContentLength,
      LastModified,
    }: Pick<GetObjectCommandOutput, 'ContentRange' | 'ETag' | 'ContentLength' | 'LastModified'>,
    { from, end }: ByteRange,
    { size, version, mtimeNs }: Pick<StoredObject, 'size' | 'version' | 'mtimeNs'>,
  ): RemoteFailure | null {
    const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(ContentRange) ?? [];
    const isSame = versionOf(ETag) === version && (version !== '' || timeOf(LastModified) === mtimeNs);
    if (!isSame || (total !== undefined && Number(total) !== size))
      return new RemoteFailure('changed', `an object of ${this.address} changed while it was read`);
    if (Number(first) !== from || Number(last) !== end - 1 || (ContentLength ?? end - from) !== end - from)
      return new RemoteFailure('broken', `${this.address} sends another part than was asked for`);
    return null;
  }

  async *#bytes(body: Readable, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const end = () => body.destroy();
    signal.addEventListener('abort', end, { once: true });
    try {
      yield* body as AsyncIterable<Uint8Array>;
    } catch {
      throw new RemoteFailure('away', `${this.address} broke off an answer`);
    } finally {
      signal.removeEventListener('abort', end);
      abandon(body);
    }
  }

  async #head(key: string, signal: AbortSignal): Promise<StoredObject> {
    const command = new HeadObjectCommand({ Bucket: this.#bucket, Key: this.#prefix + key, ChecksumMode: 'ENABLED' });
    const found: ObjectFacts = await this.#send(() => this.#client.send(command, { abortSignal: signal }));
    const { ContentLength: size = 0, LastModified, ETag } = found;
    const version = versionOf(ETag);
    return { key, size, mtimeNs: timeOf(LastModified), version, proof: s3Proof(found, this.address) };
  }

  async #send<T>(request: () => Promise<T>): Promise<T> {
    this.#meter.request();
    try {
      return await request();
    } catch (error) {
      throw asS3Failure(error, this.address);
    }
  }
}

/** Whole seconds, the precision of a header; a list has more. */
function timeOf(time: Date | undefined): bigint {
  return BigInt(Math.floor((time?.getTime() ?? 0) / 1000)) * 1_000_000_000n;
}

function versionOf(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}
