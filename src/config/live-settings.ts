import type { ConfigChange, ConfigValue } from '../api/api.ts';
import { parseChange } from './config.ts';
import type { Config, LoadedConfig } from './types.ts';

/** Where live changes are kept over a restart. */
export interface SavedSettings {
  /** The saved value, unless the configured one has changed since. */
  get(key: string, configured: string): string | undefined;
  set(key: string, value: string, configured: string): void;
}

type Live = Pick<Config, 'mode' | 'limit' | 'policy' | 'rate'>;

const liveKeys = {
  mode: 'AUTOCACHE_MODE',
  limit: 'AUTOCACHE_LIMIT',
  policy: 'AUTOCACHE_POLICY',
  rate: 'AUTOCACHE_RATE',
} as const;

/** The configuration as it is in force: what was loaded, with what has been changed while running. */
export class LiveSettings {
  readonly #loaded: LoadedConfig;
  readonly #saved: SavedSettings;
  #live: Live;
  #changed: ConfigChange = {};

  constructor(loaded: LoadedConfig, saved: SavedSettings) {
    this.#loaded = loaded;
    this.#saved = saved;
    this.#live = loaded.config;
    for (const name of Object.keys(liveKeys) as (keyof ConfigChange)[]) {
      const value = saved.get(liveKeys[name], this.#configured(name));
      if (value !== undefined) this.#apply({ [name]: value });
    }
  }

  get current(): Live {
    return this.#live;
  }

  /** @throws CacheError BAD_CONFIG with every problem, and then nothing has changed. */
  change(change: ConfigChange): void {
    this.#apply(change);
    for (const [name, value] of Object.entries(change) as [keyof ConfigChange, string][]) {
      this.#saved.set(liveKeys[name], value, this.#configured(name));
    }
  }

  describe(): ConfigValue[] {
    const changed = new Map(
      Object.entries(this.#changed).map(([name, value]) => [liveKeys[name as keyof Live] as string, value]),
    );
    return this.#loaded.settings.map((setting) => {
      const value = changed.get(setting.key);
      return value === undefined ? setting : { ...setting, value, from: 'live' };
    });
  }

  #apply(change: ConfigChange): void {
    this.#live = { ...this.#live, ...parseChange(change) };
    this.#changed = { ...this.#changed, ...change };
  }

  #configured(name: keyof ConfigChange): string {
    return this.#loaded.settings.find((setting) => setting.key === liveKeys[name])?.value ?? '';
  }
}
