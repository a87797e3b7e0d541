import { CacheError } from '../core/errors.ts';
import { nearest } from '../runtime/nearest.ts';
import { fields, keys, prefix } from './keys.ts';

const names = fields.map((field) => keys[field].name);

export function isSetting(key: string): boolean {
  return names.includes(key);
}

/** The key most likely meant by an unknown one. */
export function nearestSetting(key: string): string {
  const word = key.toUpperCase().replace(new RegExp(`^${prefix}`), '');
  return (
    prefix +
    nearest(
      word,
      names.map((name) => name.slice(prefix.length)),
    )
  );
}

export function unknownSetting(key: string): CacheError {
  return new CacheError('BAD_REQUEST', `there is no setting ${key}`, { hint: `did you mean ${nearestSetting(key)}?` });
}
