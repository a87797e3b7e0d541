import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { LRUCache } from 'lru-cache';
import { isSameFingerprint } from '../core/fingerprint.ts';
import type { Fingerprint } from '../core/types.ts';

/** What a file was when it was looked at. */
export interface FileIdentity {
  path: string;
  /** By size and time of change, or by content where that is quick to read. */
  known: string;
  /** By content; null when nobody has read it yet. */
  content: string | null;
}

export interface IdentitiesDeps {
  /** The file as it is now; null when it does not answer. */
  fingerprintOf(path: string): Promise<Fingerprint | 'missing' | null>;
  /** What the catalog knows of a source. */
  cataloged(path: string): { fingerprint: Fingerprint; content: string | null } | null;
}

/** Files of no more bytes are known by their content at once. */
const readAtOnce = 32 * 2 ** 20;
const mostHashes = 10_000;

/** Which files results came from: a file that was replaced is another one, whatever its name. */
export class Identities {
  readonly #deps: IdentitiesDeps;
  readonly #hashes = new LRUCache<string, Promise<string>>({ max: mostHashes });

  constructor(deps: IdentitiesDeps) {
    this.#deps = deps;
  }

  /** Of a model: its content where a copy was made, or compared, before. Null when it is not there. */
  async ofModel(path: string): Promise<FileIdentity | null> {
    const found = await this.#deps.fingerprintOf(path);
    const cataloged = this.#deps.cataloged(path);
    // One that does not answer now is what it was.
    const now = found === null ? (cataloged?.fingerprint ?? 'missing') : found;
    if (now === 'missing') return null;
    const content = cataloged && isSameFingerprint(cataloged.fingerprint, now) ? cataloged.content : null;
    return { path, known: stampOf(now), content };
  }

  /** Of a file that was given to ComfyUI: its content. Null when it is not there, or is no file. */
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
    this.#hashes.set(name, hash);
    hash.catch(() => this.#hashes.delete(name));
    return hash;
  }
}

/** Its name and inode may change with the way to it. */
function stampOf({ size, mtimeNs, ctimeNs }: Fingerprint): string {
  return ctimeNs === undefined ? `${size} ${mtimeNs}` : `${size} ${mtimeNs} ${ctimeNs}`;
}

async function read(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return `sha256 ${hash.digest('hex')}`;
}
