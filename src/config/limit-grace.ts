import { isDeepStrictEqual } from 'node:util';
import type { ConfigChange, Leaving } from '../api/api.ts';
import { costText } from '../core/format.ts';
import type { boundFields } from './bound.ts';
import type { LoadedConfig } from './config.ts';
import { fields, shortName } from './keys.ts';
import type { Config, Setting } from './types.ts';

type Limit = (typeof boundFields)[number] | 'memoLimit' | 'memoItems';

export interface LimitGraceOptions {
  field: Limit;
  /** Grace period of a lower limit, ms. */
  graceMs: number;
  /** The cost of the limit of these settings as `costText`; null when nothing leaves for it. */
  costOf(asked: Pick<Config, Limit>): string | null | Promise<string | null>;
  /** Called when the grace period is over: to admit the file again. */
  onOver(): void;
}

interface Held {
  /** The file with the requested limit. */
  loaded: LoadedConfig;
  since: number;
  warning: string;
  timer: NodeJS.Timeout;
}

/**
 * A limit lowered in a file waits for a grace period if copies or results must leave for it: a typo must not empty the cache. The
 * rest of the file counts at once.
 */
export class LimitGrace implements Disposable {
  readonly #options: LimitGraceOptions;
  #held: Held | null = null;

  constructor(options: LimitGraceOptions) {
    this.#options = options;
  }

  /** The pending limit and its cost; null = none. */
  get warning(): string | null {
    return this.#held?.warning ?? null;
  }

  /** The file as it counts now: with the limit in force while a lower one waits. */
  async admit(loaded: LoadedConfig, inForce: LoadedConfig): Promise<LoadedConfig> {
    const { field, costOf, graceMs, onOver } = this.#options;
    const asked = loaded.config[field];
    const held = this.#held;
    const since = held && isDeepStrictEqual(asked, held.loaded.config[field]) ? held.since : performance.now();
    const isLeft = isDeepStrictEqual(asked, inForce.config[field]);
    const cost = isLeft ? null : await costOf({ ...inForce.config, [field]: asked });
    this[Symbol.dispose]();
    const left = graceMs - (performance.now() - since);
    if (cost === null || left <= 0) return loaded;
    const warning = warningText([settingIn(loaded, field)], cost, graceMs);
    this.#held = { loaded, since, warning, timer: setTimeout(onOver, left).unref() };
    return withLimitOf(inForce, loaded, field);
  }

  /** The files as they count with a change made at runtime: a pending limit counts if the change names its key. */
  overridden(change: ConfigChange, inForce: LoadedConfig): LoadedConfig {
    const { field } = this.#options;
    return this.#held && shortName(field) in change ? withLimitOf(this.#held.loaded, inForce, field) : inForce;
  }

  /** Drops the pending limit if the change names its key. */
  end(change: ConfigChange): void {
    if (shortName(this.#options.field) in change) this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#held?.timer);
    this.#held = null;
  }
}

function settingIn({ settings }: LoadedConfig, field: Limit): Setting {
  return settings[fields.indexOf(field)] as Setting;
}

/** `loaded` with this limit as in `other`. */
function withLimitOf(other: LoadedConfig, loaded: LoadedConfig, field: Limit): LoadedConfig {
  const settings = loaded.settings.with(fields.indexOf(field), settingIn(other, field));
  return { ...loaded, config: { ...loaded.config, [field]: other.config[field] }, settings };
}

/** The warning of settings that will cost copies. */
export function warningOf(settings: readonly Named[], leaving: Leaving, graceMs: number): string {
  return warningText(settings, costText(leaving), graceMs);
}

type Named = Pick<Setting, 'key' | 'value' | 'from'>;

/** The warning of settings with any cost. */
export function warningText(settings: readonly Named[], cost: string, graceMs: number): string {
  const named = settings.map(({ key, value, from }) => `${key}=${value} (${from})`).join(' and ');
  return `${named} ${cost} after ${Math.round(graceMs / 1000)} s; set it back to keep them`;
}
