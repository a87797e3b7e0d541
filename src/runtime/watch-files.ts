/** Files are looked at when nothing was heard of them for so long, ms: editors save in several writes. */
const settleMs = 200;

export interface WatchFilesOptions {
  /** Called when all are watched, as one may have changed before that, and whenever one has appeared, changed or gone. */
  onChange(): void;
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
  // Not with `awaitWriteFinish`: that says nothing of a file which goes again before it has come to rest.
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
