import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CacheError } from '../../core/errors.ts';
import { packageDir } from '../../runtime/package.ts';

/**
 * A file of `config/services` with `{{name}}` replaced by `values`, which are escaped already.
 * @throws Error when the file and the values do not have the same names
 */
export function filledTemplate(name: string, values: Record<string, string>): string {
  const template = readFileSync(join(packageDir, 'config', 'services', name), 'utf8');
  const used = new Set<string>();
  const text = template.replace(/\{\{(\w+)\}\}/g, (_, key: string) => {
    const value = values[key];
    if (value === undefined) throw new Error(`config/services/${name} asks for ${key}`);
    used.add(key);
    return value;
  });
  const unused = Object.keys(values).filter((key) => !used.has(key));
  if (unused.length > 0) throw new Error(`config/services/${name} does not ask for ${unused.join(', ')}`);
  return text;
}

/** @throws CacheError BAD_REQUEST for a path that no service file can hold */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that are refused
  if (!/[\u0000-\u001f\u007f]/.test(text)) return text;
  throw new CacheError('BAD_REQUEST', `a service cannot be made for ${JSON.stringify(text)}: it holds a control character`);
}

export function xml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return oneLine(text).replace(/[&<>"]/g, (character) => entities[character] ?? character);
}
