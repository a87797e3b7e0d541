import type { Fingerprint } from '../core/types.ts';
import type { FarmPlace } from './farm-place.ts';
import type { FinishedCopy, GainedChunk, UnfinishedFile } from './shared-files.ts';

/** A copy that this host has, whatever it was copied by. */
export interface OwnCopy extends Omit<FinishedCopy, 'digests'> {
  /** The file with its proof. */
  manifestPath: string;
  source: Pick<Fingerprint, 'size' | 'mtimeNs'>;
  /** The content's name in the farm, where it is known. */
  id: string | null;
  /** The SHA-256 that is published for it, where one is known. */
  published: string | null;
}

/** The functions of the process that gives chunks to other hosts. */
export interface ListenerProcess {
  /** @returns the port @throws CacheError BAD_CONFIG when the address cannot be had, or the key */
  listen(place: FarmPlace, at: { host: string; port: number }): Promise<number>;
  /** Others may read what is there of an unfinished copy. */
  begin(file: UnfinishedFile): void;
  gained(id: string, chunk: GainedChunk): void;
  /** Others may read a finished copy. @returns the content's name; null when the copy cannot be read or has no proof */
  finish(copy: OwnCopy): Promise<string | null>;
  withdraw(id: string, path: string): void;
  /** @param rate most bytes per second that leave, null = no bound  @param busy whether others are to come again later */
  pace(rate: number | null, busy: boolean): void;
}

/** Functions that it calls. */
export interface ListenerWatcher {
  /** Bytes that left since it was called last. */
  given(bytes: number): void;
  /** The other hosts that have something of a content, as far as they were heard of lately. */
  others(id: string, hosts: string[]): void;
}
