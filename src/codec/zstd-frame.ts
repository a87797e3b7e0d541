import type { CacheError } from '../core/errors.ts';
import { corrupt } from './corrupt.ts';

/** The facts in the headers of one zstd frame. */
export interface ZstdFrame {
  /** Bytes of its content. */
  contentSize: number;
  /** Positions of the content if all of it is stored uncompressed; null if it must be decoded. */
  stored: { begin: number; end: number }[] | null;
}

const magic = 0xfd2fb528;
const maxBlock = 128 * 1024;
/** Encoders split the content into blocks of 128 KiB, or of a fraction of that when they expect to gain by it. */
const smallestBlock = 16 * 1024;
const contentSizeBytes = [0, 2, 4, 8];

/**
 * Checks the headers of a frame and of its blocks before anything is decoded (RFC 8878, 3.1.1). A frame that passes is exactly one
 * frame, needs no dictionary, and decodes to at most eight times its declared size, with any blocks.
 * @throws CacheError CORRUPT
 */
export function inspectFrame(frame: Uint8Array): ZstdFrame {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const header = readHeader(view);
  const stored: { begin: number; end: number }[] = [];
  let exact = 0;
  let [blocks, coded] = [0, 0];
  let at = header.size;
  for (let last = false; !last; ) {
    const block = readBlock(view, at);
    last = block.last;
    if (++blocks > header.contentSize / smallestBlock + 2) throw damaged('has more blocks than its content can need');
    if (block.type === 'stored') stored.push({ begin: at + 3, end: at + 3 + block.size });
    if (block.type === 'coded') coded++;
    else exact += block.size;
    at += 3 + block.bytes;
  }
  if (at + header.checksumBytes !== frame.byteLength) throw damaged('is not as long as its blocks add up to');
  if (exact > header.contentSize || (coded === 0 && exact < header.contentSize))
    throw damaged('has blocks that do not make its content');
  return { contentSize: header.contentSize, stored: stored.length === blocks ? stored : null };
}

function readHeader(view: DataView): { size: number; contentSize: number; checksumBytes: number } {
  if (view.byteLength < 6 || view.getUint32(0, true) !== magic) throw damaged('does not begin as one');
  const descriptor = view.getUint8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x08) !== 0) throw damaged('uses a reserved bit');
  if ((descriptor & 0x03) !== 0) throw damaged('needs a dictionary');
  const code = descriptor >> 6;
  const bytes = code === 0 && singleSegment ? 1 : (contentSizeBytes[code] ?? 0);
  if (bytes === 0) throw damaged('does not declare the size of its content');
  const at = singleSegment ? 5 : 6;
  if (view.byteLength < at + bytes) throw damaged('has a header that is cut off');
  return { size: at + bytes, contentSize: readContentSize(view, at, bytes), checksumBytes: (descriptor & 0x04) === 0 ? 0 : 4 };
}

function readContentSize(view: DataView, at: number, bytes: number): number {
  if (bytes === 1) return view.getUint8(at);
  if (bytes === 2) return view.getUint16(at, true) + 256;
  if (bytes === 4) return view.getUint32(at, true);
  return Number(view.getBigUint64(at, true));
}

interface Block {
  last: boolean;
  type: 'stored' | 'repeated' | 'coded';
  /** The block's bytes in the frame, without its header. */
  bytes: number;
  /** The size in the block's header: that of the content for `stored` and `repeated`. */
  size: number;
}

function readBlock(view: DataView, at: number): Block {
  if (at + 3 > view.byteLength) throw damaged('is cut off');
  const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
  const type = (['stored', 'repeated', 'coded'] as const)[(header >> 1) & 3];
  const size = header >> 3;
  if (!type) throw damaged('has a block of a reserved type');
  if (size > maxBlock) throw damaged('has a block over 128 KiB');
  const bytes = type === 'repeated' ? 1 : size;
  if (at + 3 + bytes > view.byteLength) throw damaged('is cut off');
  return { last: (header & 1) === 1, type, bytes, size };
}

const damaged = (why: string): CacheError => corrupt(`a zstd frame ${why}`);
