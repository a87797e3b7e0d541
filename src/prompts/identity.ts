import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { LRUCache } from 'lru-cache';
import { isSameFingerprint, settlesIn } from '../core/fingerprint.ts';
import type { Fingerprint } from '../core/types.ts';

/** The identity of a file when it was checked. */
export interface FileIdentity {
  path: string;
  /** Identity by size and time of change, or by content if that is quick to read. */
  known: string;
  /** Identity by content; null while unknown. */
  content: string | null;
}

export interface IdentitiesDeps {
  /** The present fingerprint of the file; null when it does not answer. */
  fingerprintOf(path: string): Promise<Fingerprint | 'missing' | null>;
  /** The catalog's facts of a source. */
  cataloged(path: string): { fingerprint: Fingerprint; content: string | null } | null;
}

/** Maximum size of a file that is identified by its content at once, bytes. */
const readAtOnce = 32 * 2 ** 20;
const mostHashes = 10_000;

/** Identifies the files that results came from: a replaced file is another one, even with the same name. */
export class Identities {
  readonly #deps: IdentitiesDeps;
  // With `max` the cache would take memory for all of them at once.
  readonly #hashes = new LRUCache<string, Promise<string>>({ maxSize: mostHashes, sizeCalculation: () => 1 });

  constructor(deps: IdentitiesDeps) {
    this.#deps = deps;
  }

  /** Identity of a model: its content if a copy was made or compared before. Null when it does not exist. */
  async ofModel(path: string): Promise<FileIdentity | null> {
    const found = await this.#deps.fingerprintOf(path);
    const cataloged = this.#deps.cataloged(path);
    // A model that does not answer keeps its last identity.
    const now = found === null ? (cataloged?.fingerprint ?? 'missing') : found;
    if (now === 'missing') return null;
    const content = cataloged && isSameFingerprint(cataloged.fingerprint, now) ? cataloged.content : null;
    return { path, known: stampOf(now), content };
  }

  /** Identity of an input file of ComfyUI: its content. Null when it does not exist, or is no file. */
  async ofInput(path: string): Promise<FileIdentity | null> {
    const found = await this.#deps.fingerprintOf(path);
    if (found === null || found === 'missing') return null;
    if (found.size > readAtOnce) return { path, known: stampOf(found), content: null };
    const content = await this.#hashOf(path, found).catch(() => null);
    return content === null ? null : { path, known: content, content };
  }

  #hashOf(path: string, found: Fingerprint): Promise<string> {
    const name = JSON.stringify([path, found]);
    const known = this.#hashes.get(name);
    if (known) return known;
    const hash = read(path);
    if (settlesIn(found, Date.now()) > 0) return hash;
    this.#hashes.set(name, hash);
    hash.catch(() => this.#hashes.delete(name));
    return hash;
  }
}

/** The stamp of a fingerprint, without the inode, which may differ by access path. */
function stampOf({ size, mtimeNs, ctimeNs }: Fingerprint): string {
  return ctimeNs === undefined ? `${size} ${mtimeNs}` : `${size} ${mtimeNs} ${ctimeNs}`;
}

async function read(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return `sha256 ${hash.digest('hex')}`;
}
