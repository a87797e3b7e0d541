/** Files are checked after this time without changes, ms: editors save in several writes. */
const settleMs = 200;

export interface WatchFilesOptions {
  /** Called once all are watched (one may have changed before), and when one has appeared, changed or gone. */
  onChange(): void;
  /** Changes may be missed from here on. */
  onError(error: unknown): void;
}

/**
 * Watches single files, including absent ones, ones in a missing directory, and ones that an editor replaces by rename. Only for
 * local disks: it calls the file system in this process, and would hang with a mount.
 * @returns a function that ends this, once all are watched
 */
export async function watchFiles(
  paths: readonly string[],
  { onChange, onError }: WatchFilesOptions,
): Promise<() => Promise<void>> {
  // Without a path it would never be ready.
  if (paths.length === 0) return async () => {};
  // Loaded on demand: it takes 30 ms, which no start has to wait for.
  const { watch } = await import('chokidar');
  // Without `awaitWriteFinish`, which reports nothing about a file that goes before it has settled.
  const watcher = watch([...paths], { ignoreInitial: true, persistent: false });
  let timer: NodeJS.Timeout | undefined;
  const settle = () => {
    clearTimeout(timer);
    timer = setTimeout(onChange, settleMs).unref();
  };
  watcher.on('all', settle);
  watcher.on('error', onError);
  await new Promise<void>((resolve) => {
    watcher.once('ready', resolve);
  });
  settle();
  return async () => {
    clearTimeout(timer);
    await watcher.close();
    clearTimeout(timer);
  };
}
