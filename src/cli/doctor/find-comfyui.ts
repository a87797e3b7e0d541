import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { RootView } from '../../api/api.ts';
import { liesOnNetwork } from '../../media/medium.ts';
import { comfyuiDir } from '../comfyui-dir.ts';
import type { RunningComfyui } from './comfyui-server.ts';

/** ComfyUI's default address. */
export const usualUrl = 'http://127.0.0.1:8188/';

export interface Hints {
  /** Named on the command line and in the configuration. */
  named: readonly string[];
  running: RunningComfyui | null;
  /** Known to the daemon from the resolver, which has sent it ComfyUI's model folders. */
  roots: readonly RootView[];
}

/** Directories of ComfyUI with custom nodes, each once. One on a network is left out unless it was named. */
export async function findComfyui({ named, running, roots }: Hints): Promise<string[]> {
  const told = (running?.customNodes ?? []).map(dirname);
  const models = roots.filter(({ origin }) => origin === 'comfyui').map(({ path }) => path);
  const above = models.filter((path) => /[\\/]models[\\/][^\\/]+$/.test(path)).map((path) => dirname(dirname(path)));
  const found = new Set<string>();
  for (const dir of named) found.add(comfyuiDir(dir));
  for (const dir of new Set([...told, ...above])) {
    if (!(await liesOnNetwork(dir)) && existsSync(join(dir, 'custom_nodes'))) found.add(dir);
  }
  return [...found];
}
