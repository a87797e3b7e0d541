import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The volume of an existing or future directory; null = unknown. For local paths only. */
export async function volumeOf(dir: string): Promise<StatsFs | null> {
  const volume = await statfs(dir).catch(() => null);
  return volume || dirname(dir) === dir ? volume : volumeOf(dirname(dir));
}
