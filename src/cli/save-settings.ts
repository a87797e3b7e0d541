import { userConfigPath } from '../config/env.ts';
import type { Setting } from '../config/types.ts';
import { CacheError } from '../core/errors.ts';
import { draftOf, writeDraft } from './init/settings-file.ts';

/**
 * Writes settings into the user's configuration file; a restart takes them up.
 * @param settings as they are
 * @param hint the remedy when that is impossible
 * @returns the file
 * @throws CacheError BAD_REQUEST when one is set in another place, which would count before the file
 */
export function saveSettings(
  values: Readonly<Record<string, string>>,
  settings: readonly Setting[],
  hint = 'change it there',
): string {
  const file = userConfigPath();
  for (const key of Object.keys(values)) {
    const from = settings.find((setting) => setting.key === key)?.from ?? 'default';
    if (from === 'default' || from === file) continue;
    throw new CacheError('BAD_REQUEST', `${key} is set in ${from}, which counts before ${file}`, { hint });
  }
  if (Object.keys(values).length > 0) writeDraft(draftOf(file, values));
  return file;
}
