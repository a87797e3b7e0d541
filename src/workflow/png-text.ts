import { inflateSync } from 'node:zlib';
import { limits } from './limits.ts';

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

export function isPng(file: Buffer): boolean {
  return file.subarray(0, 8).equals(signature);
}

/**
 * The texts of a PNG by keyword (PNG specification, third edition, 11.3.3). ComfyUI writes `prompt` and `workflow` as tEXt, and
 * for animations as `comf` chunks of the same form behind the image data. Chunks that are damaged or too large are left out.
 */
export function pngTexts(file: Buffer): Map<string, string> {
  const texts = new Map<string, string>();
  for (const { type, data } of chunks(file)) {
    const text = readers[type]?.(data);
    if (text && !texts.has(text.keyword)) texts.set(text.keyword, text.value);
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

interface Text {
  keyword: string;
  value: string;
}

const readers: Record<string, (data: Buffer) => Text | null> = {
  tEXt: plainText,
  comf: plainText,
  zTXt: (data) => {
    const [keyword, rest] = splitAtZero(data);
    return text(keyword, inflate(rest.subarray(1)));
  },
  iTXt: (data) => {
    const [keyword, rest] = splitAtZero(data);
    const [, afterLanguage] = splitAtZero(rest.subarray(2));
    const [, value] = splitAtZero(afterLanguage);
    return text(keyword, rest[0] === 1 ? inflate(value) : value);
  },
};

function plainText(data: Buffer): Text | null {
  const [keyword, value] = splitAtZero(data);
  return text(keyword, value);
}

function splitAtZero(data: Buffer): [before: Buffer, after: Buffer] {
  const at = data.indexOf(0);
  return at < 0 ? [data, data.subarray(data.length)] : [data.subarray(0, at), data.subarray(at + 1)];
}

function text(keyword: Buffer, value: Buffer | null): Text | null {
  if (value === null || value.length > limits.textBytes || keyword.length > 79) return null;
  return { keyword: keyword.toString('latin1'), value: value.toString('utf8') };
}

function inflate(data: Buffer): Buffer | null {
  try {
    return inflateSync(data, { maxOutputLength: limits.textBytes });
  } catch {
    return null;
  }
}
