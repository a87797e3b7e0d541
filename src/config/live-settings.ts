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
    this.#current = this.#inForce();
  }

  /** Replaced as a whole by every change. */
  get current(): Config {
    return this.#current;
  }

  /**
   * Changes what the request names, at once and over restarts; returns what differs from before.
   * @throws CacheError BAD_CONFIG with every problem, and then nothing has changed.
   */
  change(change: ConfigChange): Field[] {
    const parsed = parseChange(change, this.#loaded.place);
    assertConsistent({ ...this.#current, ...parsed }, this.describe());
    for (const field of Object.keys(parsed) as Field[]) {
      const text = change[shortName(field)]?.trim() ?? '';
      this.#changes.set(field, text);
      this.#saved.set(keys[field].name, text, this.#configured(field));
    }
    return this.#renew();
  }

  /** Takes over what the files say now; an edited value counts more than an earlier change of its key. Returns what differs from before. */
  reload(loaded: LoadedConfig): Field[] {
    const before = new Map([...this.#changes.keys()].map((field) => [field, this.#configured(field)]));
    this.#loaded = loaded;
    this.#trouble = null;
    for (const [field, configured] of before) {
      if (this.#configured(field) === configured) continue;
      this.#changes.delete(field);
      this.#saved.forget(keys[field].name);
    }
    return this.#renew();
  }

  /** The files cannot be used as they are: what is in force stays, and `warnings` says why. */
  refuse(error: unknown): void {
    const [first = '', ...problems] = messageOf(error).split('\n');
    this.#trouble = problems.length > 0 ? problems.map((line) => line.trim()).join('; ') : first;
  }

  describe(): ConfigValue[] {
    const pending = new Map(this.#pending().map(({ key, value }) => [key, value]));
    return fields.map((field) => {
      const changed = this.#changes.get(field);
      if (changed !== undefined) return { ...this.#setting(field), value: changed, from: 'live' };
      const waiting = pending.get(keys[field].name);
      if (waiting === undefined) return this.#setting(field);
      return { ...this.#setting(field, this.#started), pending: waiting };
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
      parseChange({ [shortName(field)]: text }, this.#loaded.place);
      this.#changes.set(field, text);
    } catch (error) {
      this.#notices.push(`${name}: a change made while running is not used any more: ${messageOf(error)}`);
    }
  }

  #renew(): Field[] {
    const before = this.#current;
    this.#current = this.#inForce();
    return liveFields.filter((field) => !isDeepStrictEqual(before[field], this.#current[field]));
  }

  #inForce(): Config {
    const { config, place } = this.#loaded;
    const live = Object.fromEntries(liveFields.map((field) => [field, config[field]]));
    const changes = Object.fromEntries([...this.#changes].map(([field, text]) => [shortName(field), text]));
    return { ...this.#started.config, ...live, ...parseChange(changes, place) };
  }

  #pending(): Setting[] {
    const waits = (field: Field) =>
      !keys[field].live && !isDeepStrictEqual(this.#loaded.config[field], this.#started.config[field]);
    return fields.filter(waits).map((field) => this.#setting(field));
  }

  #configured(field: Field): string {
    return this.#setting(field).value;
  }

  #setting(field: Field, { settings } = this.#loaded): Setting {
    return settings[fields.indexOf(field)] as Setting;
  }
}
