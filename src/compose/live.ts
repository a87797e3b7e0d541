import type { LoadedConfig } from '../config/config.ts';
import { keys } from '../config/keys.ts';
import type { LiveSettings } from '../config/live-settings.ts';
import type { Config } from '../config/types.ts';
import { watchConfig } from '../config/watch.ts';
import type { Services } from '../http/services.ts';
import { detectMedium, isNetwork } from '../media/medium.ts';
import type { Disposal } from '../runtime/disposal.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';

interface LiveDeps {
  settings: LiveSettings;
  loaded: LoadedConfig;
  events: Events;
  log: Log;
  /** Takes these changes over into the rooms that do not read the settings whenever they need them. */
  onChange(changed: ReadonlySet<keyof Config>): void;
}

/** The settings as the API serves them. From `watch` on their files are read again when they change. */
export function openLive(deps: LiveDeps, opened: Disposal): Services['settings'] & { watch(): void } {
  const { settings, loaded, events, log } = deps;
  const take = (changing: () => (keyof Config)[]) => {
    const before = settings.warnings;
    const fields = changing();
    const changed = fields.map((field) => keys[field].name);
    const warnings = settings.warnings.filter((warning) => !before.includes(warning));
    if (changed.length > 0) log.info({ keys: changed }, 'settings changed');
    for (const warning of warnings) log.warn(warning);
    if (changed.length > 0) deps.onChange(new Set(fields));
    if (changed.length > 0 || settings.warnings.length !== before.length || warnings.length > 0) {
      events.emit('config-changed', { changed, warnings: settings.warnings });
    }
  };
  const watch = async () =>
    watchConfig(loaded, await onLocalDisks(loaded.files), {
      onLoaded: (again) => take(() => settings.reload(again)),
      onRefused: (error) =>
        take(() => {
          settings.refuse(error);
          return [];
        }),
      onError: (err) => log.warn({ err }, 'changes of the settings files may be missed until the next start'),
    });
  return {
    mode: () => settings.current.mode,
    describe: () => settings.describe(),
    get notices() {
      return settings.notices;
    },
    get warnings() {
      return settings.warnings;
    },
    change: (change) => take(() => settings.change(change)),
    watch() {
      const watching = watch();
      opened.defer(async () => (await watching)());
      watching.catch((err) => log.warn({ err }, 'changes of the settings files are not seen'));
    },
  };
}

/** A file on a network is read at the start only: a mount that hangs would hold up the daemon. */
async function onLocalDisks(paths: readonly string[]): Promise<string[]> {
  const media = await Promise.all(paths.map(detectMedium));
  return paths.filter((_, index) => !isNetwork(media[index]?.kind ?? 'nas'));
}
