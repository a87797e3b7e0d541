import type { CivitaiRemote } from '../../../core/remote.ts';
import { isInteger, isMatch, isOptional, isShaped, isString } from '../../../core/shape.ts';
import type { Proof } from '../../driver.ts';
import type { Meter } from '../../spending.ts';
import { isPlainKey } from '../remote/object-keys.ts';
import type { ObjectLook, ObjectPage, ObjectStore, StoredObject } from '../remote/object-store.ts';
import { orAbsent, RemoteFailure } from '../remote/remote-failure.ts';
import { WebClient } from './web-client.ts';
import { unknownTime } from './web-file.ts';
import { WebLocations } from './web-locations.ts';

/** A version of a model in the service's API. */
interface ModelVersion {
  publishedAt?: string;
  createdAt?: string;
  files: unknown[];
}

interface VersionFile {
  id: number;
  name: string;
  hashes?: { SHA256?: string };
}

const isVersion = isShaped<ModelVersion>({
  publishedAt: isOptional(isString),
  createdAt: isOptional(isString),
  files: (value): value is unknown[] => Array.isArray(value),
});

const isVersionFile = isShaped<VersionFile>({
  id: isInteger(1),
  name: isString,
  hashes: isOptional(isShaped<{ SHA256?: string }>({ SHA256: isOptional(isMatch(/^[\da-f]{64}$/i)) })),
});

interface Place {
  address: string;
  token: string | null;
  meter?: Meter;
}

/** The files of one version of a model on Civitai. */
export function civitai(remote: CivitaiRemote, { address, ...place }: Place): ObjectStore {
  return new Version(remote, { address: address.replace(/\/+$/, ''), ...place });
}

class Version implements ObjectStore {
  readonly address: string;
  readonly #remote: CivitaiRemote;
  readonly #base: string;
  readonly #client: WebClient;
  readonly #locations: WebLocations;
  /** Last known numbers of the files. */
  readonly #ids = new Map<string, number>();

  constructor(remote: CivitaiRemote, { address, token, meter }: Place) {
    this.#remote = remote;
    this.#base = address;
    this.address = `civitai://${remote.id}`;
    this.#client = new WebClient({ configured: new URL(address), proxy: remote.proxy, token, meter });
    this.#locations = new WebLocations(this.#client);
  }

  look(key: string, signal: AbortSignal): Promise<ObjectLook> {
    return orAbsent(async () => {
      const version = await this.#version(signal);
      const file = this.#filesOf(version).find(({ name }) => name === key);
      return file === undefined ? { is: 'absent' } : { is: 'object', object: await this.#object(version, file, signal) };
    });
  }

  async list(
    folder: string,
    { signal = new AbortController().signal }: { signal?: AbortSignal | undefined },
  ): Promise<ObjectPage> {
    const version = await this.#version(signal);
    const files = folder === '' ? this.#filesOf(version) : [];
    return { objects: await Promise.all(files.map((file) => this.#object(version, file, signal))), folders: [], next: null };
  }

  async read({ key, size }: StoredObject, range: { from: number; end: number }, signal: AbortSignal) {
    if (!this.#ids.has(key)) await this.look(key, signal);
    const id = this.#ids.get(key);
    if (id === undefined) throw new RemoteFailure('missing', `${this.address} has no ${key}`);
    const expected = { size, etag: null, modified: null, isOther: () => false };
    return this.#locations.read(this.#download(id), expected, range, signal);
  }

  async #version(signal: AbortSignal): Promise<ModelVersion> {
    const { value } = await this.#client.json(new URL(`${this.#base}/api/v1/model-versions/${this.#remote.id}`), { signal });
    if (!isVersion(value)) throw new RemoteFailure('broken', `${this.address}: the service does not tell a version of a model`);
    return value;
  }

  #filesOf({ files }: ModelVersion): VersionFile[] {
    const known = files.filter(isVersionFile).filter(({ name }) => isPlainKey(name) && !name.includes('/'));
    for (const { id, name } of known) this.#ids.set(name, id);
    return known;
  }

  /** The object of a file. The API gives sizes in rounded KiB, so the exact one comes from the download. */
  async #object({ publishedAt, createdAt }: ModelVersion, file: VersionFile, signal: AbortSignal): Promise<StoredObject> {
    const { size, etag } = await this.#locations.look(this.#download(file.id), signal);
    const sha256 = file.hashes?.SHA256?.toLowerCase();
    const ms = Date.parse(publishedAt ?? createdAt ?? '');
    const proof: Proof | null =
      sha256 === undefined
        ? null
        : { kind: 'sha256', value: sha256, from: this.address, binding: this.#remote.verify === 'strict' };
    const mtimeNs = BigInt(Math.floor((Number.isFinite(ms) ? ms : unknownTime) / 1000)) * 1_000_000_000n;
    return { key: file.name, size, mtimeNs, version: sha256 ?? etag ?? String(file.id), proof };
  }

  #download(file: number): URL {
    return new URL(`${this.#base}/api/download/models/${this.#remote.id}?fileId=${file}`);
  }
}
