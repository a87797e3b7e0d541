import { CacheError, troubleOf } from '../core/errors.ts';
import { parseForPrinting } from '../core/json.ts';
import { readSmallFile } from '../runtime/small-file.ts';
import { decodeUtf8 } from '../runtime/utf8.ts';
import { isPng, pngTexts } from '../workflow/png-text.ts';
import { isWebp, webpTexts } from '../workflow/webp-exif.ts';

const mostBytes = 64 * 2 ** 20;
const hint = 'In ComfyUI: Export (API), or an image that it has saved.';

/**
 * The API prompt in a file, as JSON: bare, as the body of `POST /prompt`, or in a PNG or WebP image that ComfyUI has saved. Its seeds keep
 * all of their digits.
 * @throws CacheError BAD_REQUEST when there is none
 */
export async function readPromptFile(path: string): Promise<string> {
  try {
    const found = parseForPrinting(textIn(await readSmallFile(path, mostBytes), path));
    const prompt = isPrompt(found) ? found : (found as { prompt?: unknown } | null)?.prompt;
    if (isPrompt(prompt)) return JSON.stringify(prompt);
    throw new Error('it holds no API prompt');
  } catch (error) {
    throw new CacheError('BAD_REQUEST', `${path} cannot be read as a prompt: ${troubleOf(error)}`, { hint, cause: error });
  }
}

function textIn(bytes: Buffer, path: string): string {
  if (isPng(bytes)) return pngTexts(bytes).get('prompt') ?? 'null';
  if (isWebp(bytes)) return webpTexts(bytes).get('prompt') ?? 'null';
  return decodeUtf8(bytes, path);
}

function isPrompt(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some((node) => typeof (node as { class_type?: unknown } | null)?.class_type === 'string');
}
