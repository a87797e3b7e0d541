import { watchFiles } from '../runtime/watch-files.ts';
import { type LoadedConfig, loadConfig } from './config.ts';

export interface ConfigListener {
  onLoaded(loaded: LoadedConfig): void;
  /** The files cannot be used as they are. */
  onRefused(error: unknown): void;
  /** Changes may be missed from now on. */
  onError(error: unknown): void;
}

/**
 * Reads the configuration again whenever one of these files of it has changed, and once when they are watched: what was changed
 * since it was read first must not be missed.
 * @returns the function that ends it
 */
export async function watchConfig(
  { options }: LoadedConfig,
  files: readonly string[],
  { onLoaded, onRefused, onError }: ConfigListener,
): Promise<() => Promise<void>> {
  const read = () => {
    try {
      onLoaded(loadConfig(options));
    } catch (error) {
      onRefused(error);
    }
  };
  const end = await watchFiles(files, { onChange: read, onError });
  read();
  return end;
}
