import { stat } from 'node:fs/promises';
import { Periodic } from './periodic.ts';

/** Interval between two checks, ms. A change is reported when two agree, because editors save in several writes. */
const lookMs = 500;

export interface WatchFilesOptions {
  /** Called once at first (one may have changed before), and when one has appeared, changed or gone. */
  onChange(): void;
  /** Called when `onChange` has failed. */
  onError(error: unknown): void;
}

/**
 * Polls single files, including absent ones, ones in a missing directory, and ones that an editor replaces by rename. A watch of their
 * directories would report every event there, such as each write to the catalog; and chokidar's polling misses a file that disappears
 * again at once. Only for local disks: it calls the file system in this process, and would hang with a mount.
 * @returns a function that ends this
 */
export function watchFiles(paths: readonly string[], { onChange, onError }: WatchFilesOptions): () => Promise<void> {
  let [told, seen] = ['', ''];
  const look = async () => {
    const found = (await Promise.all(paths.map(stateOf))).join();
    const isSettled = found === seen;
    seen = found;
    if (!isSettled || found === told) return;
    told = found;
    onChange();
  };
  const looks = new Periodic(look, { everyMs: lookMs, onError });
  if (paths.length > 0) void looks.now();
  return () => looks[Symbol.asyncDispose]();
}

async function stateOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch {
    return 'absent';
  }
}
