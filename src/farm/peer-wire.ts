import { chunkSize } from '../codec/chunk-hash.ts';

/** The protocol between hosts of a farm. Contents are named by 64 hexadecimal digits; paths are never sent. */

/** Versions of the protocol that a program speaks. Paths of requests begin with the version whose rules they follow. */
export interface WireVersions {
  lowest: number;
  highest: number;
}

export const ownVersions: WireVersions = { lowest: 1, highest: 1 };

/** The version that this host and another use: the highest that both know; null = none. */
export function commonVersion({ lowest, highest }: WireVersions, own = ownVersions): number | null {
  const version = Math.min(highest, own.highest);
  return version >= Math.max(lowest, own.lowest) ? version : null;
}

/** Maximum number of chunks in one answer. */
export const mostChunks = 4;

/** The ciphers that suit a shared secret without a certificate. The secret of TLS 1.3 is bound to SHA-256. */
export const ciphers = 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:PSK+AESGCM:PSK+CHACHA20';

export interface Hello {
  /** The highest and the lowest version that the host speaks. */
  version: number;
  lowest: number;
  host: string;
  farm: string;
}

export interface ContentAnswer {
  /** Bytes. */
  size: number;
  /** The chunks that the host has: the bits of a `ChunkSet`, base64. */
  have: string;
  /** Whether the host fetches the rest, and the directory answers it: what no host has is claimed there. */
  claims?: boolean;
}

/** Header with the SHA-256 of each chunk of an answer, separated by commas. */
export const hashesHeader = 'x-ac-sha256';
/** Header of a request: the priority of the asker's copy. */
export const priorityHeader = 'x-ac-priority';
/** Header with the ms after which a busy host may be asked again. */
export const retryHeader = 'retry-after-ms';

/** Position of a chunk in its content, bytes; the last one may be short. */
export function placeOf(chunk: number, size: number): { from: number; end: number } {
  const from = chunk * chunkSize;
  return { from, end: Math.min(size, from + chunkSize) };
}
