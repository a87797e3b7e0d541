import { CacheError } from '../core/errors.ts';

/**
 * The words of a list file: a JSON array of strings, or lines; in a line, commas separate words and ` #` starts a comment.
 * A line that is as a whole the name of a file (`exists`) is one word, with any characters.
 * @throws CacheError BAD_REQUEST
 */
export function parseItemList(text: string, exists: (word: string) => boolean): string[] {
  const content = text.replace(/^\ufeff/, '');
  if (content.trimStart().startsWith('[')) return parseJson(content);
  return content.split(/\r?\n/).flatMap((line) => {
    const whole = line.trim();
    if (whole !== '' && exists(whole)) return [whole];
    const comment = whole.search(/(^|\s)#/);
    const words = (comment < 0 ? whole : whole.slice(0, comment)).split(',');
    return words.map((word) => word.trim()).filter((word) => word !== '');
  });
}

function parseJson(text: string): string[] {
  const hint = 'a list in JSON looks like ["checkpoints/a.safetensors", "/models/b.gguf"]';
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    throw new CacheError('BAD_REQUEST', 'the list starts with "[" and is not JSON', { hint, cause });
  }
  if (Array.isArray(list) && list.every((word) => typeof word === 'string')) return list;
  throw new CacheError('BAD_REQUEST', 'the list is JSON, and not an array of strings', { hint });
}
