import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The volume on which a directory lies or will be made; null = not known. For local paths only. */
export async function volumeOf(dir: string): Promise<StatsFs | null> {
  const volume = await statfs(dir).catch(() => null);
  return volume || dirname(dir) === dir ? volume : volumeOf(dirname(dir));
}
