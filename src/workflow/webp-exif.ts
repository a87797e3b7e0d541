import { limits } from './limits.ts';
import { imageKeywords } from './png-text.ts';

export function isWebp(file: Buffer): boolean {
  return file.toString('latin1', 0, 4) === 'RIFF' && file.toString('latin1', 8, 12) === 'WEBP';
}

/**
 * The prompt and the workflow of a WebP by keyword. ComfyUI puts `prompt:{…}` into the EXIF tag Model (0x0110), `workflow:{…}` into
 * Make (0x010f), and further texts into the tags below. Any text tag of that form is taken, up to a bound in sum.
 */
export function webpTexts(file: Buffer): Map<string, string> {
  const exif = exifOf(file);
  const texts = new Map<string, string>();
  let left: number = limits.imageTextBytes;
  for (const value of exif ? asciiTags(exif) : []) {
    const keyword = imageKeywords.find((word) => value.toString('latin1', 0, word.length + 1) === `${word}:`);
    if (keyword === undefined || texts.has(keyword)) continue;
    left -= value.length;
    if (left < 0) break;
    texts.set(keyword, withoutZeros(value).toString('utf8', keyword.length + 1));
  }
  return texts;
}

/** Overlapping tags cost little: an unwanted one is read only at its start. */
function withoutZeros(text: Buffer): Buffer {
  let end = text.length;
  while (end > 0 && text[end - 1] === 0) end -= 1;
  return text.subarray(0, end);
}

function exifOf(file: Buffer): Buffer | null {
  let at = 12;
  while (at + 8 <= file.length) {
    const length = file.readUInt32LE(at + 4);
    if (file.toString('latin1', at, at + 4) === 'EXIF') {
      const data = file.subarray(at + 8, at + 8 + length);
      return data.toString('latin1', 0, 6) === 'Exif\0\0' ? data.subarray(6) : data;
    }
    at += 8 + length + (length % 2);
  }
  return null;
}

/** Text values of the first directory of a TIFF structure (TIFF 6.0, section 2). */
function* asciiTags(tiff: Buffer): Generator<Buffer> {
  const order = tiff.toString('latin1', 0, 2);
  if (tiff.length < 14 || (order !== 'II' && order !== 'MM')) return;
  const u16 = (at: number) => (order === 'II' ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at));
  const u32 = (at: number) => (order === 'II' ? tiff.readUInt32LE(at) : tiff.readUInt32BE(at));
  const directory = u32(4);
  if (directory + 2 > tiff.length) return;
  const entries = u16(directory);
  for (let index = 0; index < entries; index += 1) {
    const entry = directory + 2 + index * 12;
    if (entry + 12 > tiff.length) return;
    const length = u32(entry + 4);
    if (u16(entry + 2) !== 2 || length > limits.textBytes) continue;
    const start = length <= 4 ? entry + 8 : u32(entry + 8);
    yield tiff.subarray(start, start + length);
  }
}
