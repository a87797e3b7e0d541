import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { environmentVariable } from '../../../config/environment-variable.ts';
import { CacheError } from '../../../core/errors.ts';

type Variable = typeof environmentVariable;

/** The token of Hugging Face's own programs, from the environment or the file of `hf auth login`; null = none. */
export async function huggingFaceToken(variable: Variable = environmentVariable): Promise<string | null> {
  const given = variable('HF_TOKEN') || variable('HUGGING_FACE_HUB_TOKEN');
  if (given) return clean(given);
  const cache = variable('XDG_CACHE_HOME') || join(homedir(), '.cache');
  const home = variable('HF_HOME') || join(cache, 'huggingface');
  const text = await readFile(variable('HF_TOKEN_PATH') || join(home, 'token'), 'utf8').catch(() => '');
  return clean(text);
}

/** The address of Hugging Face, or of its mirror. @throws CacheError BAD_CONFIG */
export function huggingFaceAddress(variable: Variable = environmentVariable): string {
  const address = variable('HF_ENDPOINT') || 'https://huggingface.co';
  if (/^https?:/.test(address) && URL.canParse(address)) return address;
  throw new CacheError('BAD_CONFIG', 'HF_ENDPOINT is not an address such as https://hf-mirror.com');
}

/** The token that programs for Civitai read from the environment; null = none. */
export function civitaiToken(variable: Variable = environmentVariable): string | null {
  return clean(variable('CIVITAI_API_TOKEN') || variable('CIVITAI_TOKEN') || variable('CIVITAI_API_KEY') || '');
}

/** The trimmed token; null when it has characters that a header does not allow. */
function clean(token: string): string | null {
  const trimmed = token.trim();
  return /^[\x21-\x7e]+$/.test(trimmed) ? trimmed : null;
}
