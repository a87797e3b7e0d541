import { isDeepStrictEqual } from 'node:util';
import type { ConfigChange, ConfigValue, Leaving, LeavingResults } from '../api/api.ts';
import type { MemoMode } from '../api/memo.ts';
import { costText, resultCostText } from '../core/format.ts';
import type { Medium, Mode } from '../core/types.ts';
import type { Events } from '../runtime/events.ts';
import { adjustLog, type Log } from '../runtime/log.ts';
import { Serial } from '../runtime/serial.ts';
import { type BoundSettings, boundFields } from './bound.ts';
import { type LoadedConfig, parseChange } from './config.ts';
import { keys } from './keys.ts';
import { LimitGrace } from './limit-grace.ts';
import { LiveSettings, type SavedSettings } from './live-settings.ts';
import type { Config } from './types.ts';
import { watchConfig } from './watch.ts';

export interface ServedSettingsDeps {
  loaded: LoadedConfig;
  saved: SavedSettings;
  events: Events;
  log: Log;
  /** Whether a file is on a disk of this machine: a hung network mount would block the daemon. */
  isLocal(path: string): Promise<boolean>;
}

/** Receives the changed fields. */
type Listener = (changed: ReadonlySet<keyof Config>) => void;

type MemoLimits = Pick<Config, 'memoLimit' | 'memoItems'>;

/** Whether programs may read the catalog themselves while no daemon answers. */
const resolverKey = 'resolver';

/** The settings as the API serves and changes them. After `watch`, changes of their files are followed. */
export class ServedSettings implements AsyncDisposable {
  readonly #deps: ServedSettingsDeps;
  readonly #live: LiveSettings;
  readonly #listeners: Listener[] = [];
  /** Files are taken over in turn: weighing a lower limit takes time. */
  readonly #turns = new Serial();
  #newest: LoadedConfig | null = null;
  readonly #graces: LimitGrace[] = [];
  #copiesUnder: ((bounds: BoundSettings) => Promise<Leaving>) | null = null;
  #resultsUnder: ((limits: MemoLimits) => LeavingResults) | null = null;
  /** The warnings of the last change. */
  #told: string[] = [];
  #watching: Promise<() => Promise<void>> | null = null;

  constructor(deps: ServedSettingsDeps) {
    this.#deps = deps;
    this.#live = new LiveSettings(deps.loaded, deps.saved);
    this.#saveResolver();
    // An earlier run may have changed it.
    if (!isDeepStrictEqual(this.current.log, deps.loaded.config.log)) adjustLog(deps.log, this.current.log);
  }

  /** The settings in force; every change replaces the whole object. */
  get current(): Config {
    return this.#live.current;
  }

  mode(): Mode {
    return this.current.mode;
  }

  /** The mode of results: neither setting may allow what the other forbids. */
  memoMode(): MemoMode {
    const { mode, memo } = this.current;
    if (mode === 'off' || memo === 'off') return 'off';
    return mode === 'read-only' ? mode : memo;
  }

  /** Limit for reads of copies from such a medium, bytes per second; null = none. */
  rateFor(medium: Medium): number | null {
    const { by, overall } = this.current.rate;
    return by[medium] ?? overall;
  }

  describe(): ConfigValue[] {
    return this.#live.describe();
  }

  /** All values of a key, where they are a closed list. */
  readonly choices: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
    Object.values(keys).flatMap(({ name, choices }) => (choices ? [[name, choices]] : [])),
  );

  get notices(): string[] {
    return this.#live.notices;
  }

  /** Settings of the files that are not in force, one line each, with the reason. */
  get warnings(): string[] {
    return [...this.#live.warnings, ...this.#graces.flatMap(({ warning }) => warning ?? [])];
  }

  /** From now on a narrower bound in a file waits `graceMs` if copies must leave for it. @param leavingUnder the copies that would leave */
  guardLimit(leavingUnder: (bounds: BoundSettings) => Promise<Leaving>, graceMs = 60_000): void {
    this.#copiesUnder = leavingUnder;
    const costOf = async (bounds: BoundSettings) => {
      const leaving = await leavingUnder(bounds);
      return leaving.copies === 0 ? null : costText(leaving);
    };
    for (const field of boundFields) this.#graces.push(new LimitGrace({ field, graceMs, costOf, onOver: this.#admitAgain }));
  }

  /** The copies that a change would evict, null when it touches no bound of copies. Changes nothing. @throws CacheError BAD_CONFIG */
  async leavingAfter(change: ConfigChange): Promise<Leaving | null> {
    const changed = parseChange(change, this.#live.loaded.context);
    if (!boundFields.some((field) => field in changed)) return null;
    return (await this.#copiesUnder?.({ ...this.current, ...changed })) ?? null;
  }

  /** The same for the limits of results. @param leavingUnder the results that would leave under other limits */
  guardResults(leavingUnder: (limits: MemoLimits) => LeavingResults, graceMs = 60_000): void {
    this.#resultsUnder = leavingUnder;
    const costOf = (asked: MemoLimits) => {
      const leaving = leavingUnder(asked);
      return leaving.results === 0 ? null : resultCostText(leaving);
    };
    for (const field of ['memoLimit', 'memoItems'] as const) {
      this.#graces.push(new LimitGrace({ field, graceMs, costOf, onOver: this.#admitAgain }));
    }
  }

  /** The results that a change would remove, null when it does not touch their limits. Changes nothing. @throws CacheError BAD_CONFIG */
  resultsLeavingAfter(change: ConfigChange): LeavingResults | null {
    const { memoLimit, memoItems } = parseChange(change, this.#live.loaded.context);
    if (memoLimit === undefined && memoItems === undefined) return null;
    const { current } = this;
    return (
      this.#resultsUnder?.({ memoLimit: memoLimit ?? current.memoLimit, memoItems: memoItems ?? current.memoItems }) ?? null
    );
  }

  /** Calls `listener` after every change, in the order of registration. For code that keeps values derived from settings. */
  onChange(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /** @throws CacheError BAD_CONFIG with every problem; then nothing has changed. */
  change(change: ConfigChange): void {
    this.#take(() => {
      const { loaded } = this.#live;
      const changed = this.#live.change(
        change,
        this.#graces.reduce((file, grace) => grace.overridden(change, file), loaded),
      );
      for (const grace of this.#graces) grace.end(change);
      return changed;
    });
  }

  /** A file on a network is read only at the start. */
  watch(): void {
    const { log } = this.#deps;
    this.#watching = this.#watch();
    this.#watching.catch((err) => log.warn({ err }, 'changes of the settings files are not seen'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const end = await this.#watching?.catch(() => null);
    await end?.();
    await this.#turns.settled();
    for (const grace of this.#graces) grace[Symbol.dispose]();
  }

  async #watch(): Promise<() => Promise<void>> {
    const { loaded, isLocal, log } = this.#deps;
    const local = await Promise.all(loaded.files.map(isLocal));
    const files = loaded.files.filter((_, index) => local[index]);
    return watchConfig(loaded, files, {
      onLoaded: (again) => void this.#admit(again),
      onRefused: (error) => this.#refuse(error),
      onError: (err) => log.warn({ err }, 'a change of the settings files could not be taken over'),
    });
  }

  async #admit(loaded: LoadedConfig): Promise<void> {
    this.#newest = loaded;
    try {
      const admitted = await this.#turns.run(async () => {
        if (this.#newest !== loaded) return null;
        let admitted = loaded;
        for (const grace of this.#graces) admitted = await grace.admit(admitted, this.#live.loaded);
        return admitted;
      });
      if (admitted) this.#take(() => this.#live.reload(admitted));
    } catch (error) {
      this.#refuse(error);
    }
  }

  readonly #admitAgain = () => {
    if (this.#newest) void this.#admit(this.#newest);
  };

  #refuse(error: unknown): void {
    this.#take(() => {
      this.#live.refuse(error);
      return [];
    });
  }

  /** Applies a change, and reports it to log, listeners and event streams. @param changing returns the changed fields */
  #take(changing: () => (keyof Config)[]): void {
    const { events, log } = this.#deps;
    const fields = changing();
    const changed = fields.map((field) => keys[field].name);
    const before = this.#told;
    this.#told = this.warnings;
    const warnings = this.#told.filter((warning) => !before.includes(warning));
    if (changed.length > 0) log.info({ keys: changed }, 'settings changed');
    for (const warning of warnings) log.warn(warning);
    if (fields.includes('log')) adjustLog(log, this.current.log);
    if (fields.includes('mode')) {
      this.#saveResolver();
      events.emit('mode-changed', { mode: this.mode() });
    }
    if (changed.length > 0) for (const listener of this.#listeners) listener(new Set(fields));
    if (changed.length > 0 || this.#told.length !== before.length || warnings.length > 0) {
      events.emit('config-changed', { changed, warnings: this.#told });
    }
  }

  /** With a mode of `off`, programs must not read the view either while no daemon answers. */
  #saveResolver(): void {
    this.#deps.saved.set(resolverKey, this.mode() === 'off' ? 'off' : 'on', '');
  }
}
