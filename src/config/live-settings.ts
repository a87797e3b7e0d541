import { isDeepStrictEqual } from 'node:util';
import type { ConfigChange, ConfigValue } from '../api/api.ts';
import { messageOf } from '../core/errors.ts';
import { assertConsistent, type LoadedConfig, parseChange } from './config.ts';
import { fields, keys, liveFields, shortName } from './keys.ts';
import type { Config, Setting } from './types.ts';

/** Where live changes are kept over a restart. */
export interface SavedSettings {
  /** The saved value, unless the configured one has changed since. */
  get(key: string, configured: string): string | undefined;
  set(key: string, value: string, configured: string): void;
  forget(key: string): void;
}

type Field = keyof Config;

/**
 * The configuration as it is in force: what was read at the start; for keys that may change live, what the files say by now; and
 * before these, what was changed while running.
 */
export class LiveSettings {
  readonly #started: LoadedConfig;
  readonly #saved: SavedSettings;
  #loaded: LoadedConfig;
  /** Changes made while running, as they were written. */
  #changes = new Map<Field, string>();
  #current: Config;
  #notices: string[] = [];
  /** Why the files cannot be used as they are now. */
  #trouble: string | null = null;

  constructor(loaded: LoadedConfig, saved: SavedSettings) {
    this.#started = loaded;
    this.#loaded = loaded;
    this.#saved = saved;
    for (const field of liveFields) this.#restore(field);
    this.#current = this.#merge(this.#loaded, this.#changes);
  }

  /** What the files said when they could last be used. */
  get loaded(): LoadedConfig {
    return this.#loaded;
  }

  /** Replaced as a whole by every change. */
  get current(): Config {
    return this.#current;
  }

  /**
   * Changes what the request names, at once and over restarts; returns what differs from before.
   * @param loaded what the files say by now, over which the change counts
   * @throws CacheError BAD_CONFIG with every problem, and then nothing has changed.
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
   * Takes over what the files say now; an edited value counts more than an earlier change of its key. Returns what differs from before.
   * @throws CacheError BAD_CONFIG when it contradicts what was changed while running, and then nothing has changed.
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

  /** The files cannot be used as they are: what is in force stays, and `warnings` says why. */
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

  /** What was understood, and `warnings`. */
  get notices(): string[] {
    return [...this.#loaded.notices, ...this.#notices, ...this.warnings];
  }

  /** What the files say and is not in force, one line each, with the reason. */
  get warnings(): string[] {
    const pending = this.#pending().map(({ key, value, from }) => `${key}=${value} (${from}) counts after: autocached restart`);
    return this.#trouble === null ? pending : [...pending, `settings stay as they were, the files are wrong: ${this.#trouble}`];
  }

  /** A change of an earlier run, as long as the files say what they said then. */
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

/** The settings with what was changed while running. */
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
