import { homedir } from 'node:os';
import { comfyuiPaths, ownPaths } from '../../comfyui/comfyui-paths.ts';
import type { Config } from '../../config/types.ts';
import { sentenceOf } from '../../core/errors.ts';
import { type Finding, warn } from './finding.ts';
import type { KnownRoot } from './look-at-sources.ts';

/**
 * The roots that a daemon with these settings would have, null = none, and these directories of ComfyUI.
 * @returns also what is wrong with ComfyUI's yaml files
 */
export async function configuredRoots(
  config: Config | null,
  comfyui: readonly string[],
): Promise<{ roots: KnownRoot[]; findings: Finding[] }> {
  const roots: KnownRoot[] = (config?.roots ?? []).map(({ path, kind }) => ({ path, kind, optional: false }));
  const findings: Finding[] = [];
  const options = { home: homedir() };
  for (const dir of comfyui) {
    const paths = await comfyuiPaths(dir, options).catch((error: unknown) => {
      const todo =
        'correct the file, or let the user of the daemon read it; till then only the own folders of ComfyUI are known';
      findings.push(warn('comfyui', sentenceOf(error), todo));
      return ownPaths(dir, options);
    });
    roots.push(...paths.map(({ path, optional }) => ({ path, kind: null, optional })));
  }
  return { roots, findings };
}
