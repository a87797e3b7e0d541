import { fstatSync } from 'node:fs';
import zlib from 'node:zlib';
import { CacheError } from '../core/errors.ts';
import { maxJsonBytes, parseJsonObject } from '../weights/bounded-json.ts';
import { corrupt } from './corrupt.ts';
import { readAt } from './file-io.ts';
import {
  faultOf,
  features,
  formatName,
  formatVersion,
  type Metadata,
  metadataMagic,
  seekableMagic,
  seekTableMagic,
} from './format.ts';

/** Position of a frame, and the size of its content. */
export interface FramePlace {
  position: number;
  size: number;
  contentSize: number;
}

/** Bytes: the head of a skippable frame, a line of the seek table, and the part behind its lines. */
const [headBytes, lineBytes, footBytes] = [8, 8, 9];
/** More than five for each chunk that the metadata has room for. */
const maxFrames = 2 * 1024 * 1024;

/** The two skippable frames that end a file. @throws CacheError TOO_LARGE */
export function buildTail(frames: readonly { size: number; contentSize: number }[], metadata: Metadata): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(metadata));
  if (text.length > maxJsonBytes) throw new CacheError('TOO_LARGE', 'the metadata is larger than 16 MiB');
  const metadataSize = headBytes + 4 + text.length;
  const lines = [...frames, { size: metadataSize, contentSize: 0 }];
  const tableBytes = lines.length * lineBytes + footBytes;
  const tail = new Uint8Array(metadataSize + headBytes + tableBytes);
  const view = new DataView(tail.buffer);
  view.setUint32(0, metadataMagic, true);
  view.setUint32(4, metadataSize - headBytes, true);
  view.setUint32(8, zlib.crc32(text), true);
  tail.set(text, headBytes + 4);
  view.setUint32(metadataSize, seekTableMagic, true);
  view.setUint32(metadataSize + 4, tableBytes, true);
  for (const [k, line] of lines.entries()) {
    const at = metadataSize + headBytes + k * lineBytes;
    view.setUint32(at, line.size, true);
    view.setUint32(at + 4, line.contentSize, true);
  }
  view.setUint32(tail.length - footBytes, lines.length, true);
  view.setUint32(tail.length - 4, seekableMagic, true);
  return tail;
}

/**
 * Reads the end of a file: its metadata and the place of every frame.
 * @throws CacheError CORRUPT when it is not whole, BAD_REQUEST when a later version wrote it
 */
export function readTail(fd: number): { metadata: Metadata; frames: FramePlace[] } {
  const fileSize = fstatSync(fd).size;
  const frames = readSeekTable(fd, fileSize);
  const place = frames.pop();
  if (place?.contentSize !== 0 || place.size < headBytes + 4) throw corrupt('it has no metadata');
  if (place.size > headBytes + 4 + maxJsonBytes) throw corrupt('its metadata is larger than 16 MiB');
  const frame = readExactly(fd, place.position, place.size);
  const view = new DataView(frame.buffer);
  const text = frame.subarray(headBytes + 4);
  if (view.getUint32(0, true) !== metadataMagic || view.getUint32(4, true) !== place.size - headBytes) {
    throw corrupt('it has no metadata');
  }
  if (view.getUint32(8, true) !== zlib.crc32(text)) throw corrupt('its metadata does not match its CRC-32');
  return { metadata: parseMetadata(text), frames };
}

function readSeekTable(fd: number, fileSize: number): FramePlace[] {
  if (fileSize < headBytes + footBytes) throw corrupt('it is too short');
  const foot = new DataView(readExactly(fd, fileSize - footBytes, footBytes).buffer);
  if (foot.getUint32(5, true) !== seekableMagic) throw corrupt('its end is missing');
  // The descriptor is zero: no checksums in the lines, no reserved bits.
  if (foot.getUint8(4) !== 0) throw corrupt('its seek table is of another kind');
  const count = foot.getUint32(0, true);
  const tableSize = headBytes + count * lineBytes + footBytes;
  if (count > maxFrames || tableSize > fileSize) throw corrupt('its seek table is longer than the file');
  const table = new DataView(readExactly(fd, fileSize - tableSize, tableSize).buffer);
  if (table.getUint32(0, true) !== seekTableMagic || table.getUint32(4, true) !== tableSize - headBytes) {
    throw corrupt('its seek table has no beginning');
  }
  const frames: FramePlace[] = [];
  let position = 0;
  for (let k = 0; k < count; k++) {
    const at = headBytes + k * lineBytes;
    const frame = { position, size: table.getUint32(at, true), contentSize: table.getUint32(at + 4, true) };
    frames.push(frame);
    position += frame.size;
  }
  if (position !== fileSize - tableSize) throw corrupt('its frames do not add up to its size');
  return frames;
}

/** Checks version and requirements first: everything else may look different in a file of a later version. */
function parseMetadata(text: Uint8Array): Metadata {
  const json = parseJsonObject(text, 'the metadata of a compressed file');
  if (json['format'] !== formatName) throw corrupt('it was not written by autocached');
  const requires: unknown[] = Array.isArray(json['requires']) ? json['requires'] : [];
  const unknown = requires.filter((name) => !features.includes(name as string));
  if (json['version'] !== formatVersion || unknown.length > 0) {
    const needs = unknown.length > 0 ? ` with ${unknown.map(sayOf).join(', ').slice(0, 200)}` : '';
    throw new CacheError(
      'BAD_REQUEST',
      `the file has version ${sayOf(json['version']).slice(0, 20)}${needs} of the compressed format`,
      {
        hint: `this autocached reads version ${formatVersion}; update it, or remove the file and have it made again`,
      },
    );
  }
  const fault = faultOf(json);
  if (fault !== undefined) throw corrupt(fault);
  return json as unknown as Metadata;
}

function readExactly(fd: number, position: number, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  if (readAt(fd, bytes, position) < size) throw corrupt('it became shorter while it was read');
  return bytes;
}

/** Any value in words: some have a `toString` that is no function. */
function sayOf(value: unknown): string {
  return typeof value === 'string' ? value : String(JSON.stringify(value));
}
