import { isDeepStrictEqual } from 'node:util';
import type { ConfigChange, ConfigValue } from '../api/api.ts';
import { messageOf } from '../core/errors.ts';
import { assertConsistent, type LoadedConfig, parseChange } from './config.ts';
import { fields, keys, liveFields, shortName } from './keys.ts';
import type { Config, Setting } from './types.ts';

/** Keeps live changes over a restart. */
export interface SavedSettings {
  /** The saved value, unless the configured one has changed since. */
  get(key: string, configured: string): string | undefined;
  set(key: string, value: string, configured: string): void;
  forget(key: string): void;
}

type Field = keyof Config;

/**
 * The configuration in force, in three layers: the one read at the start; for live keys, the present files; above both, the
 * changes made at runtime.
 */
export class LiveSettings {
  readonly #started: LoadedConfig;
  readonly #saved: SavedSettings;
  #loaded: LoadedConfig;
  /** Changes made at runtime, as written. */
  #changes = new Map<Field, string>();
  #current: Config;
  #notices: string[] = [];
  /** Why the present files cannot be used. */
  #trouble: string | null = null;

  constructor(loaded: LoadedConfig, saved: SavedSettings) {
    this.#started = loaded;
    this.#loaded = loaded;
    this.#saved = saved;
    for (const field of liveFields) this.#restore(field);
    this.#current = this.#merge(this.#loaded, this.#changes);
  }

  /** The files as last usable. */
  get loaded(): LoadedConfig {
    return this.#loaded;
  }

  /** Replaced as a whole by every change. */
  get current(): Config {
    return this.#current;
  }

  /**
   * Applies the change, at once and over restarts; returns the fields that differ from before.
   * @param loaded the present files, which the change overrides
   * @throws CacheError BAD_CONFIG with every problem; then nothing has changed.
   */
  change(change: ConfigChange, loaded = this.#loaded): Field[] {
    const parsed = parseChange(change, this.#loaded.context);
    assertConsistent({ ...this.#current, ...parsed }, this.describe());
    const before = this.#current;
    if (loaded !== this.#loaded) this.reload(loaded);
    for (const field of Object.keys(parsed) as Field[]) {
      const text = change[shortName(field)]?.trim() ?? '';
      this.#changes.set(field, text);
      this.#saved.set(keys[field].name, text, this.#configured(field));
    }
    return this.#renew(before);
  }

  /**
   * Takes over the present files; an edited value overrides an earlier change of its key. Returns the fields that differ.
   * @throws CacheError BAD_CONFIG when it contradicts changes made at runtime; then nothing has changed.
   */
  reload(loaded: LoadedConfig): Field[] {
    const isEdited = (field: Field) => settingIn(loaded, field).value !== this.#configured(field);
    const kept = new Map([...this.#changes].filter(([field]) => !isEdited(field)));
    assertConsistent(this.#merge(loaded, kept), shown(loaded, kept));
    for (const field of this.#changes.keys()) if (!kept.has(field)) this.#saved.forget(keys[field].name);
    this.#loaded = loaded;
    this.#changes = kept;
    this.#trouble = null;
    return this.#renew();
  }

  /** The present files cannot be used: the settings in force stay, and `warnings` says why. */
  refuse(error: unknown): void {
    const [first = '', ...problems] = messageOf(error).split('\n');
    this.#trouble = problems.length > 0 ? problems.map((line) => line.trim()).join('; ') : first;
  }

  describe(): ConfigValue[] {
    const pending = new Map(this.#pending().map(({ key, value }) => [key, value]));
    return shown(this.#loaded, this.#changes).map((setting, index) => {
      const waiting = pending.get(setting.key);
      return waiting === undefined ? setting : { ...setting, ...this.#started.settings[index], pending: waiting };
    });
  }

  /** Notices of the start, and `warnings`. */
  get notices(): string[] {
    return [...this.#loaded.notices, ...this.#notices, ...this.warnings];
  }

  /** Settings of the files that are not in force, one line each, with the reason. */
  get warnings(): string[] {
    const pending = this.#pending().map(({ key, value, from }) => `${key}=${value} (${from}) counts after: autocached restart`);
    return this.#trouble === null ? pending : [...pending, `settings stay as they were, the files are wrong: ${this.#trouble}`];
  }

  /** Restores a change of an earlier run if the files still say the same. */
  #restore(field: Field): void {
    const { name } = keys[field];
    const text = this.#saved.get(name, this.#configured(field));
    if (text === undefined) return;
    try {
      const changes = new Map(this.#changes).set(field, text);
      assertConsistent(this.#merge(this.#loaded, changes), shown(this.#loaded, changes));
      this.#changes = changes;
    } catch (error) {
      this.#notices.push(`${name}: a change made while running is not used any more: ${messageOf(error)}`);
    }
  }

  #renew(before = this.#current): Field[] {
    this.#current = this.#merge(this.#loaded, this.#changes);
    return liveFields.filter((field) => !isDeepStrictEqual(before[field], this.#current[field]));
  }

  #merge({ config, context }: LoadedConfig, changes: ReadonlyMap<Field, string>): Config {
    const live = Object.fromEntries(liveFields.map((field) => [field, config[field]]));
    const changed = Object.fromEntries([...changes].map(([field, text]) => [shortName(field), text]));
    return { ...this.#started.config, ...live, ...parseChange(changed, context) };
  }

  #pending(): Setting[] {
    const waits = (field: Field) =>
      !keys[field].live && !isDeepStrictEqual(this.#loaded.config[field], this.#started.config[field]);
    return fields.filter(waits).map((field) => settingIn(this.#loaded, field));
  }

  #configured(field: Field): string {
    return settingIn(this.#loaded, field).value;
  }
}

/** The settings with the changes made at runtime. */
function shown({ settings }: LoadedConfig, changes: ReadonlyMap<Field, string>): Setting[] {
  return settings.map((setting, index) => {
    const changed = changes.get(fields[index] as Field);
    if (changed === undefined) return setting;
    const { value, from } = setting;
    return { ...setting, value: changed, from: 'live', configured: { value, from } };
  });
}

function settingIn({ settings }: LoadedConfig, field: Field): Setting {
  return settings[fields.indexOf(field)] as Setting;
}
