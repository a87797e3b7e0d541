import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { lastName } from '../../../core/last-name.ts';
import type { Published } from '../../driver.ts';

/** Maximum size of a text with a hash and the name of its file, bytes. */
const mostBytes = 4096;
/** huggingface_hub treats its own note as outdated when the file was written this much later, seconds. */
const graceSeconds = 1;

interface Sidecar {
  path: string;
  /** The hash, or null when the text does not name this source. */
  parse(text: string): string | null;
}

/**
 * Looks for a published SHA-256 of this source: in `<file>.sha256` as `sha256sum` writes it, in the notes of `huggingface_hub`
 * about its downloads into a folder, and in a file's name in its cache. The first one found counts.
 * @param mayTouch whether a path is on a disk that the caller may touch
 * @throws errors of the file system
 */
export async function findPublished(
  path: string,
  root: string,
  mayTouch: (path: string) => Promise<boolean>,
): Promise<Published | null> {
  for (const sidecar of sidecarsOf(path, root, statSync(path).mtimeMs)) {
    if (!(await mayTouch(sidecar.path))) continue;
    const text = readSmallFile(sidecar.path);
    const sha256 = text === null ? null : sidecar.parse(text);
    if (sha256 !== null) return { sha256, from: sidecar.path };
  }
  return blobName(path);
}

/** The notes in `.cache/huggingface/download` of the download folder: the file's own, or one above it. */
function sidecarsOf(path: string, root: string, mtimeMs: number): Sidecar[] {
  const found: Sidecar[] = [{ path: `${path}.sha256`, parse: (text) => checksumIn(text, basename(path)) }];
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const note = join(folder, '.cache', 'huggingface', 'download', `${relative(folder, path)}.metadata`);
    found.push({ path: note, parse: (text) => etagIn(text, mtimeMs) });
    if (folder === root || folder === dirname(folder)) return found;
  }
}

/** In the Hugging Face cache a model is a link to a file named by its SHA-256. Git's own files have shorter names. */
function blobName(path: string): Published | null {
  const real = realpathSync(path);
  const name = basename(real);
  const isBlob = basename(dirname(real)) === 'blobs' && /^[\da-f]{64}$/.test(name);
  return isBlob ? { sha256: name, from: real } : null;
}

/** `hash`, `hash  name` or `hash *name`: the line that names this file, or a hash alone. */
function checksumIn(text: string, name: string): string | null {
  for (const line of text.replace(/^\uFEFF/, '').split('\n')) {
    const [, hash, named] = /^([\da-f]{64})(?:[ \t]+\*?(\S.*?))?\s*$/i.exec(line) ?? [];
    if (hash && (named === undefined || lastName(named) === name)) return hash.toLowerCase();
  }
  return null;
}

/**
 * Three lines: commit, etag, seconds since 1970. The etag of an LFS file is its SHA-256; other files have a shorter hash of git's.
 */
function etagIn(text: string, mtimeMs: number): string | null {
  const [, etag = '', seconds] = text.split('\n').map((line) => line.trim());
  const isCurrent = mtimeMs / 1000 <= Number(seconds) + graceSeconds;
  return isCurrent && /^[\da-f]{64}$/.test(etag) ? etag : null;
}

/** Null for absent paths, for anything but a plain file (a link, a pipe, a device), and for large files. */
function readSmallFile(path: string): string | null {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isFile()) return null;
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > mostBytes) return null;
    const bytes = Buffer.alloc(mostBytes);
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, mostBytes, 0));
  } finally {
    closeSync(fd);
  }
}
