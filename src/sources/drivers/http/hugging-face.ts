import type { HuggingFaceRemote } from '../../../core/remote.ts';
import { isInteger, isMatch, isOptional, isShaped, isString } from '../../../core/shape.ts';
import type { Meter } from '../../spending.ts';
import type { ObjectLook, ObjectPage, ObjectStore, PageRequest, StoredObject } from '../remote/object-store.ts';
import { orAbsent, RemoteFailure } from '../remote/remote-failure.ts';
import { placeOf, WebClient } from './web-client.ts';
import { unknownTime } from './web-file.ts';
import { bare, WebLocations } from './web-locations.ts';

/** A file or a folder in the service's API. */
interface TreeEntry {
  type: string;
  path: string;
  oid: string;
  size?: number;
  /** The SHA-256 of a file in LFS. */
  lfs?: { oid: string };
  lastCommit?: { date: string };
}

const isTreeEntry = isShaped<TreeEntry>({
  type: isString,
  path: isString,
  oid: isString,
  size: isOptional(isInteger()),
  lfs: isOptional(isShaped<{ oid: string }>({ oid: isMatch(/^[\da-f]{64}$/) })),
  lastCommit: isOptional(isShaped<{ date: string }>({ date: isString })),
});

interface Place {
  /** Address of the service or its mirror. */
  address: string;
  token: string | null;
  meter?: Meter;
}

/** The files of a repository on Hugging Face at one revision. */
export function huggingFace(remote: HuggingFaceRemote, { address, ...place }: Place): ObjectStore {
  return new Repository(remote, { address: address.replace(/\/+$/, ''), ...place });
}

class Repository implements ObjectStore {
  readonly address: string;
  readonly #remote: HuggingFaceRemote;
  readonly #base: string;
  readonly #client: WebClient;
  readonly #locations: WebLocations;

  constructor(remote: HuggingFaceRemote, { address, token, meter }: Place) {
    this.#remote = remote;
    this.#base = address;
    this.address = `hf://${remote.repo}@${remote.revision}`;
    this.#client = new WebClient({ configured: new URL(address), proxy: remote.proxy, token, meter });
    this.#locations = new WebLocations(this.#client);
  }

  async look(key: string, signal: AbortSignal): Promise<ObjectLook> {
    const request = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ paths: [this.#full(key)], expand: true }),
      signal,
    } as const;
    return orAbsent(async () => {
      const { value } = await this.#client.json(this.#api('paths-info'), request);
      const entry = this.#entries(value).find(({ path }) => path === this.#full(key));
      if (entry === undefined) return { is: 'absent' };
      return entry.type === 'file' ? { is: 'object', object: this.#object(entry) } : { is: 'folder' };
    });
  }

  async list(folder: string, { deep, from, most, signal = new AbortController().signal }: PageRequest): Promise<ObjectPage> {
    const url = this.#api('tree', this.#full(folder));
    url.searchParams.set('expand', 'true');
    if (deep) url.searchParams.set('recursive', 'true');
    if (most !== undefined) url.searchParams.set('limit', String(most));
    if (from !== undefined) url.searchParams.set('cursor', from);
    const { value, headers } = await this.#client.json(url, { signal });
    const entries = this.#entries(value);
    return {
      objects: entries.filter(({ type }) => type === 'file').map((entry) => this.#object(entry)),
      folders: deep ? [] : entries.filter(({ type }) => type === 'directory').map(({ path }) => this.#below(path)),
      next: cursorIn(headers['link']),
    };
  }

  read({ key, size, version }: StoredObject, range: { from: number; end: number }, signal: AbortSignal) {
    const { repo, revision } = this.#remote;
    const url = new URL(`${this.#base}/${repo}/resolve/${encodeURIComponent(revision)}/${encodePath(this.#full(key))}`);
    const expected = {
      size,
      // The storage server has another ETag; the redirect to it has the file's own.
      etag: null,
      modified: null,
      isOther: (hops: { 'x-linked-etag'?: string | string[] }[]) => {
        const told = hops.flatMap((headers) => headers['x-linked-etag'] ?? []);
        return told.some((etag) => bare(etag) !== version);
      },
    };
    return this.#locations.read(url, expected, range, signal);
  }

  #api(what: string, path = ''): URL {
    const { repo, revision } = this.#remote;
    const below = path === '' ? '' : `/${encodePath(path)}`;
    return new URL(`${this.#base}/api/models/${repo}/${what}/${encodeURIComponent(revision)}${below}`);
  }

  #entries(value: unknown): TreeEntry[] {
    if (Array.isArray(value) && value.every(isTreeEntry)) return value;
    throw new RemoteFailure('broken', `${placeOf(this.#api('tree'))} does not answer with a list of files`);
  }

  #object({ path, oid, size = 0, lfs, lastCommit }: TreeEntry): StoredObject {
    const ms = Date.parse(lastCommit?.date ?? '');
    const proof = lfs ? ({ kind: 'sha256', value: lfs.oid, from: this.address, binding: true } as const) : null;
    const mtimeNs = BigInt(Math.floor((Number.isFinite(ms) ? ms : unknownTime) / 1000)) * 1_000_000_000n;
    return { key: this.#below(path), size, mtimeNs, version: lfs?.oid ?? oid, proof };
  }

  /** The path in the repository. */
  #full(key: string): string {
    return [this.#remote.prefix, key].filter(Boolean).join('/');
  }

  #below(path: string): string {
    const { prefix } = this.#remote;
    return prefix === '' ? path : path.slice(prefix.length + 1);
  }
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

/** The cursor of a link. The rest is ignored, because a mirror may repeat the service's own address. */
function cursorIn(link: string | string[] | undefined): string | null {
  const [, next] = /<([^>]+)>;\s*rel="next"/.exec(String(link ?? '')) ?? [];
  return next !== undefined && URL.canParse(next) ? new URL(next).searchParams.get('cursor') : null;
}
