import { stat } from 'node:fs/promises';
import { Periodic } from './periodic.ts';

/** Pause between two looks, ms. A change is told when two find the same: editors save in several writes. */
const lookMs = 500;

export interface WatchFilesOptions {
  /** Called once at first (one may have changed before), and when one has appeared, changed or gone. */
  onChange(): void;
  /** `onChange` has failed. */
  onError(error: unknown): void;
}

/**
 * Looks at single files again and again, including absent ones, ones in a missing directory, and ones that an editor replaces by
 * rename. A watch of their directories would be told of all that happens there: of each write to the catalog; and chokidar, told to look
 * itself, misses a file that goes again at once. Only for local disks: it calls the file system in this process, and would hang with a
 * mount.
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
