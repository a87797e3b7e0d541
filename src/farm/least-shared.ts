import { chunkSize } from '../codec/chunk-hash.ts';

/** Smaller files are read from their source sooner than other hosts are asked, bytes. */
export const leastShared = 2 * chunkSize;
