import { limits } from './limits.ts';

export function isWebp(file: Buffer): boolean {
  return file.toString('latin1', 0, 4) === 'RIFF' && file.toString('latin1', 8, 12) === 'WEBP';
}

/**
 * The texts of a WebP by keyword. ComfyUI puts `prompt:{…}` into the EXIF tag Model (0x0110) and `workflow:{…}` into Make
 * (0x010f); further texts go into the tags below that. Any text tag of the form `keyword:text` is taken.
 */
export function webpTexts(file: Buffer): Map<string, string> {
  const exif = exifOf(file);
  const texts = new Map<string, string>();
  for (const value of exif ? asciiTags(exif) : []) {
    const colon = value.indexOf(':');
    const keyword = value.slice(0, colon);
    if (colon > 0 && !texts.has(keyword)) texts.set(keyword, value.slice(colon + 1));
  }
  return texts;
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
function* asciiTags(tiff: Buffer): Generator<string> {
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
    yield tiff
      .subarray(start, start + length)
      .toString('utf8')
      .replace(/\0+$/, '');
  }
}
