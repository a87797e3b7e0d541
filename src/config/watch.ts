import { watchFiles } from '../runtime/watch-files.ts';
import { type LoadedConfig, loadConfig } from './config.ts';

export interface ConfigListener {
  onLoaded(loaded: LoadedConfig): void;
  /** Called when the files cannot be used as they are. */
  onRefused(error: unknown): void;
  /** Called when one of the two above has failed. */
  onError(error: unknown): void;
}

/**
 * Reads the configuration again whenever one of its files has changed, and once when the watch begins.
 * @returns a function that ends the watch
 */
export function watchConfig(
  { options }: LoadedConfig,
  files: readonly string[],
  { onLoaded, onRefused, onError }: ConfigListener,
): () => Promise<void> {
  const read = () => {
    try {
      onLoaded(loadConfig(options));
    } catch (error) {
      onRefused(error);
    }
  };
  return watchFiles(files, { onChange: read, onError });
}
