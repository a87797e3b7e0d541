import { inflateSync } from 'node:zlib';
import { limits } from './limits.ts';

/** Maximum length of the keyword of a PNG's text, bytes. */
const longestKeyword = 79;

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

export function isPng(file: Buffer): boolean {
  return file.subarray(0, 8).equals(signature);
}

/** Keywords of the texts used here. */
export const imageKeywords: readonly string[] = ['prompt', 'workflow'];

/**
 * The prompt and the workflow of a PNG by keyword (PNG specification, third edition, 11.3.3). ComfyUI writes them as tEXt, and for
 * animations as `comf` chunks of the same form after the image data. Chunks that are damaged or too large are
 * left out, and so are those beyond a bound in sum.
 */
export function pngTexts(file: Buffer): Map<string, string> {
  const texts = new Map<string, string>();
  const sum = { left: limits.imageTextBytes };
  for (const { type, data } of chunks(file)) {
    const [keyword, rest] = splitAtZero(data.subarray(0, longestKeyword + 1), data);
    if (!readers[type] || !imageKeywords.includes(keyword) || texts.has(keyword)) continue;
    const value = readers[type](rest, sum);
    if (value !== null && value.length <= limits.textBytes) texts.set(keyword, value.toString('utf8'));
    if (texts.size === imageKeywords.length || sum.left <= 0) break;
  }
  return texts;
}

function* chunks(file: Buffer): Generator<{ type: string; data: Buffer }> {
  let at = signature.length;
  while (at + 12 <= file.length) {
    const length = file.readUInt32BE(at);
    const end = at + 8 + length;
    if (end > file.length) return;
    yield { type: file.toString('latin1', at + 4, at + 8), data: file.subarray(at + 8, end) };
    at = end + 4;
  }
}

/** Number of bytes that may still be read. */
interface Sum {
  left: number;
}

/** The text after the keyword; null when damaged. */
const readers: Record<string, (rest: Buffer, sum: Sum) => Buffer | null> = {
  tEXt: plain,
  comf: plain,
  zTXt: (rest, sum) => inflate(rest.subarray(1), sum),
  iTXt: (rest, sum) => {
    const afterLanguage = afterZero(rest.subarray(2));
    const value = afterZero(afterLanguage);
    return rest[0] === 1 ? inflate(value, sum) : plain(value, sum);
  },
};

function plain(value: Buffer, sum: Sum): Buffer {
  sum.left -= value.length;
  return value;
}

function splitAtZero(head: Buffer, data: Buffer): [before: string, after: Buffer] {
  const at = head.indexOf(0);
  return at < 0 ? ['', data] : [head.toString('latin1', 0, at), data.subarray(at + 1)];
}

function afterZero(data: Buffer): Buffer {
  const at = data.indexOf(0);
  return at < 0 ? data.subarray(data.length) : data.subarray(at + 1);
}

function inflate(data: Buffer, sum: Sum): Buffer | null {
  const most = Math.min(limits.textBytes, sum.left);
  try {
    const text = inflateSync(data, { maxOutputLength: most });
    sum.left -= text.length;
    return text;
  } catch {
    // The number of bytes inflated is unknown.
    sum.left -= most;
    return null;
  }
}
