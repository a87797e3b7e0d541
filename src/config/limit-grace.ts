import { isDeepStrictEqual } from 'node:util';
import type { Leaving } from '../api/api.ts';
import { costText } from '../core/format.ts';
import type { LoadedConfig } from './config.ts';
import { fields, keys } from './keys.ts';
import type { Amount, Setting } from './types.ts';

export interface LimitGraceOptions {
  /** How long a lower limit waits, ms. */
  graceMs: number;
  leavingUnder(limit: Amount): Promise<Leaving>;
  /** The time is over: the file counts in full. */
  onOver(loaded: LoadedConfig): void;
}

interface Held {
  /** With the requested limit. */
  loaded: LoadedConfig;
  since: number;
  warning: string;
  timer: NodeJS.Timeout;
}

const { name } = keys.limit;

/**
 * A limit lowered in a file waits a while if copies must leave for it: a typo must not empty the cache. The rest of the file
 * counts at once.
 */
export class LimitGrace implements Disposable {
  readonly #options: LimitGraceOptions;
  #held: Held | null = null;

  constructor(options: LimitGraceOptions) {
    this.#options = options;
  }

  /** The waiting limit and its cost; null = nothing waits. */
  get warning(): string | null {
    return this.#held?.warning ?? null;
  }

  /** The file as it counts now: with the limit in force while a lower one waits. */
  async admit(loaded: LoadedConfig, inForce: LoadedConfig): Promise<LoadedConfig> {
    const { limit } = loaded.config;
    const isSame = isDeepStrictEqual(limit, this.#held?.loaded.config.limit);
    const since = (isSame && this.#held?.since) || performance.now();
    const leaving = isDeepStrictEqual(limit, inForce.config.limit) ? null : await this.#options.leavingUnder(limit);
    this[Symbol.dispose]();
    if (!leaving || leaving.copies === 0) return loaded;
    const { graceMs, onOver } = this.#options;
    const left = Math.max(0, graceMs - (performance.now() - since));
    const over = () => {
      this[Symbol.dispose]();
      onOver(loaded);
    };
    const timer = setTimeout(over, left).unref();
    this.#held = { loaded, since, timer, warning: warningOf([limitIn(loaded)], leaving, graceMs) };
    const settings = loaded.settings.map((setting) => (setting.key === name ? limitIn(inForce) : setting));
    return { ...loaded, config: { ...loaded.config, limit: inForce.config.limit }, settings };
  }

  /** The copies that a limit would evict; none leave. */
  leavingUnder(limit: Amount): Promise<Leaving> {
    return this.#options.leavingUnder(limit);
  }

  /** The file whose limit waits. */
  get waiting(): LoadedConfig | null {
    return this.#held?.loaded ?? null;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#held?.timer);
    this.#held = null;
  }
}

function limitIn({ settings }: LoadedConfig): Setting {
  return settings[fields.indexOf('limit')] as Setting;
}

/** The cost of settings once they count. */
export function warningOf(
  settings: readonly Pick<Setting, 'key' | 'value' | 'from'>[],
  leaving: Leaving,
  graceMs: number,
): string {
  const named = settings.map(({ key, value, from }) => `${key}=${value} (${from})`).join(' and ');
  return `${named} ${costText(leaving)} after ${Math.round(graceMs / 1000)} s; set it back to keep them`;
}
