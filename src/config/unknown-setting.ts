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

/** Why a setting is left out on purpose; null for one that is merely unknown. */
export function reasonAgainst(key: string): string | null {
  if (
    !/^AUTOCACHE_(?:VARIANTS?$|(?:USE|PREFER|AUTO)_VARIANT|VARIANTS?_(?:AUTO|USE|PREFER|SUBST|REPLACE|INSTEAD)|SUBSTITUTE)/i.test(
      key,
    )
  )
    return null;
  return 'autocached never puts a variant in the place of the model that a workflow names: choose it by its own name (docs/VARIANTS.md)';
}

export function unknownSetting(key: string): CacheError {
  const reason = reasonAgainst(key);
  if (reason !== null) return new CacheError('BAD_REQUEST', `there is no setting ${key}`, { hint: reason });
  return new CacheError('BAD_REQUEST', `there is no setting ${key}`, { hint: `did you mean ${nearestSetting(key)}?` });
}
