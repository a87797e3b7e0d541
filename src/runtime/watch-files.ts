/** A file counts as written when its size has stood still for so long, looked at so often, ms: editors save in several writes. */
const awaitWriteFinish = { stabilityThreshold: 200, pollInterval: 50 };

export interface WatchFilesOptions {
  /** One of the files has appeared, changed or gone, and is wholly written. */
  onChange(path: string): void;
  /** Changes may be missed from now on. */
  onError(error: unknown): void;
}

/**
 * Watches single files, also some that are not there yet or whose directory is missing, and those that an editor replaces by
 * rename. For local disks only: it asks the file system in this process, and would hang with a mount.
 * @returns when all are watched, the function that ends it
 */
export async function watchFiles(
  paths: readonly string[],
  { onChange, onError }: WatchFilesOptions,
): Promise<() => Promise<void>> {
  // Without a path it would never be ready.
  if (paths.length === 0) return async () => {};
  // Loaded only now: it takes 30 ms, for which no start has to wait.
  const { watch } = await import('chokidar');
  const watcher = watch([...paths], { ignoreInitial: true, persistent: false, awaitWriteFinish });
  watcher.on('all', (event, path) => {
    if (event === 'add' || event === 'change' || event === 'unlink') onChange(path);
  });
  watcher.on('error', onError);
  await new Promise<void>((resolve) => {
    watcher.once('ready', resolve);
  });
  return () => watcher.close();
}
