/** Image files with metadata, written as ComfyUI's image library writes them. */
import { crc32, deflateSync } from 'node:zlib';

/** A PNG of one pixel with the given chunks between its header and its data. */
export function png(...chunks: Buffer[]): Buffer {
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const header = Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]);
  const pixel = deflateSync(Buffer.from([0, 0]));
  return Buffer.concat([signature, chunk('IHDR', header), ...chunks, chunk('IDAT', pixel), chunk('IEND', Buffer.alloc(0))]);
}

export function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

export function textChunk(type: 'tEXt' | 'comf', keyword: string, text: string): Buffer {
  return chunk(type, Buffer.from(`${keyword}\0${text}`, 'utf8'));
}

export function compressedChunk(keyword: string, text: string): Buffer {
  return chunk('zTXt', Buffer.concat([Buffer.from(`${keyword}\0\0`), deflateSync(text)]));
}

export function internationalChunk(keyword: string, text: string, compressed: boolean): Buffer {
  const head = Buffer.from(`${keyword}\0${compressed ? '\x01' : '\0'}\0en\0translated\0`, 'latin1');
  return chunk('iTXt', Buffer.concat([head, compressed ? deflateSync(text) : Buffer.from(text)]));
}

/** A WebP whose EXIF has the given texts in the tags from Model (0x0110) downwards. */
export function webp(texts: string[], { bigEndian = false, header = false } = {}): Buffer {
  const exif = Buffer.concat([Buffer.from(header ? 'Exif\0\0' : '', 'latin1'), tiff(texts, bigEndian)]);
  const image = riffChunk('VP8L', Buffer.from([0x2f, 0, 0, 0, 0]));
  const body = Buffer.concat([Buffer.from('WEBP'), image, riffChunk('EXIF', exif)]);
  const riff = Buffer.from('RIFF\0\0\0\0', 'latin1');
  riff.writeUInt32LE(body.length, 4);
  return Buffer.concat([riff, body]);
}

function riffChunk(type: string, data: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.write(type, 'latin1');
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
}

function tiff(texts: string[], bigEndian: boolean): Buffer {
  const number = (size: 2 | 4) => (value: number) => {
    const bytes = Buffer.alloc(size);
    if (bigEndian) bytes.writeUIntBE(value, 0, size);
    else bytes.writeUIntLE(value, 0, size);
    return bytes;
  };
  const [u16, u32] = [number(2), number(4)];
  const values = texts.map((text) => Buffer.from(`${text}\0`));
  const firstValue = 8 + 2 + texts.length * 12 + 4;
  let at = firstValue;
  const entries = values.map((value, index) => {
    const entry = Buffer.concat([u16(0x0110 - index), u16(2), u32(value.length), u32(at)]);
    at += value.length;
    return entry;
  });
  return Buffer.concat([
    Buffer.from(bigEndian ? 'MM' : 'II'),
    u16(42),
    u32(8),
    u16(texts.length),
    ...entries,
    u32(0),
    ...values,
  ]);
}
