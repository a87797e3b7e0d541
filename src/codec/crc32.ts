import zlib from 'node:zlib';

/**
 * The CRC-32 of zlib, PNG and zip. The package is three times as fast as Node's own, which is a fifth of a whole restore; where it
 * has no binary for the platform, Node's stands in.
 */
export const crc32: (bytes: Uint8Array) => number = await import('@node-rs/crc32').then(
  (native) => native.crc32,
  () => zlib.crc32,
);
