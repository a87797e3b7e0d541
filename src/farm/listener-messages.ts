import type { Fingerprint } from '../core/types.ts';
import type { FarmPlace } from './farm-place.ts';
import type { FinishedCopy, GainedChunk, UnfinishedFile } from './shared-files.ts';

/** A copy on this host, made in any way. */
export interface OwnCopy extends Omit<FinishedCopy, 'digests'> {
  /** The file with its proof. */
  manifestPath: string;
  source: Pick<Fingerprint, 'size' | 'mtimeNs'>;
  /** The content's name in the farm, if known. */
  id: string | null;
  /** The published SHA-256, if known. */
  published: string | null;
}

/** The functions of the process that gives chunks to other hosts. */
export interface ListenerProcess {
  /** @returns the port @throws CacheError BAD_CONFIG when the address cannot be had, or the key */
  listen(place: FarmPlace, at: { host: string; port: number }): Promise<number>;
  /** Lets others read the present chunks of an unfinished copy. */
  begin(file: UnfinishedFile): void;
  gained(id: string, chunk: GainedChunk): void;
  /** Lets others read a finished copy. @returns the content's name; null when the copy cannot be read or has no proof */
  finish(copy: OwnCopy): Promise<string | null>;
  withdraw(id: string, path: string): void;
  /** @param rate maximum bytes per second, null = no limit  @param busy whether others should come again later */
  pace(rate: number | null, busy: boolean): void;
}

/** Functions that it calls. */
export interface ListenerWatcher {
  /** Reports the bytes given since the last call. */
  given(bytes: number): void;
  /** Reports the other hosts that have something of a content, as far as heard lately. */
  others(id: string, hosts: string[]): void;
}
