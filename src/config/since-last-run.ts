import { isDeepStrictEqual } from 'node:util';
import type { ConfigValue } from '../api/api.ts';
import { keys } from './keys.ts';
import type { SavedSettings } from './live-settings.ts';
import type { ServedSettings } from './served-settings.ts';
import type { Config } from './types.ts';

export interface SinceLastRunDeps<Field extends keyof Config> {
  settings: Pick<ServedSettings, 'current' | 'describe'>;
  /** Keeps the values in force over restarts. */
  saved: Pick<SavedSettings, 'get' | 'set'>;
  /** The key under which they are kept. */
  savedKey: string;
  fields: readonly Field[];
}

/** Whether settings were changed while no daemon ran. */
export class SinceLastRun<Field extends keyof Config> {
  readonly #deps: SinceLastRunDeps<Field>;
  /** Their values of the last run, while they differ and `settle` was not called. */
  #before: Partial<Pick<Config, Field>> | null;

  constructor(deps: SinceLastRunDeps<Field>) {
    this.#deps = deps;
    const before = JSON.parse(deps.saved.get(deps.savedKey, '') ?? '{}') as Partial<Pick<Config, Field>>;
    this.#before = isDeepStrictEqual(before, this.#now()) ? null : before;
  }

  /** True until `settle` when they have changed, or were never in force. */
  get differs(): boolean {
    return this.#before !== null;
  }

  /** The changed settings. */
  changed(): ConfigValue[] {
    const { fields, settings } = this.#deps;
    const before = this.#before ?? {};
    const now = this.#now();
    const changed = fields.filter((field) => !isDeepStrictEqual((before as Partial<Config>)[field], now[field]));
    const names: string[] = changed.map((field) => keys[field].name);
    return settings.describe().filter(({ key }) => names.includes(key));
  }

  /** Records the present settings as in force. */
  settle(): void {
    const { saved, savedKey } = this.#deps;
    this.#before = null;
    saved.set(savedKey, JSON.stringify(this.#now()), '');
  }

  #now(): Pick<Config, Field> {
    const { fields, settings } = this.#deps;
    return Object.fromEntries(fields.map((field) => [field, settings.current[field]])) as Pick<Config, Field>;
  }
}
