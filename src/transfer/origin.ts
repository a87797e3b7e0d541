import { closeSync, fstatSync, openSync } from 'node:fs';
import { CacheError, sentenceOf } from '../core/errors.ts';
import { readSmallFileSync } from '../runtime/small-file.ts';
import { fitsSeal, type Manifest, mostProofBytes, parseManifest } from '../tiers/manifest.ts';
import type { OriginCopy } from './messages.ts';

/** Opens a copy for reading, with its proof. @throws CacheError CORRUPT when it does not match its seal */
export function openOrigin({ path, manifestPath, seal, hash }: OriginCopy): { fd: number; proof: Manifest } {
  const [fd, proof] = fromOrigin(() => [
    openSync(path, 'r'),
    parseManifest(readSmallFileSync(manifestPath, mostProofBytes).toString('utf8')),
  ]);
  try {
    if (proof?.hash !== hash || !fitsSeal(fstatSync(fd, { bigint: true }), seal))
      throw damaged('it has changed since it was sealed');
    return { fd, proof };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Any failure here is the origin's fault, never the source's. */
export function fromOrigin<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw damaged(sentenceOf(error), error);
  }
}

/** The error for a damaged origin. */
export function damaged(why: string, cause?: unknown): CacheError {
  return new CacheError('CORRUPT', why, { cause });
}
