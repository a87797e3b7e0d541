import { basename, dirname } from 'node:path';
import { counted, formatBytes } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import type { UninstallPlan } from '../uninstall.ts';

/** The things to remove, one line each, with the bytes freed. */
export function uninstallPage({ service, comfyui, cache, stateDir }: UninstallPlan): string {
  const lines = [
    ...(service ? [`service   ${service.file}`] : []),
    ...comfyui.map((dir) => `resolver  in ${dir}; ComfyUI uses its own paths after it restarts`),
    ...(cache ? [cacheLine(cache)] : []),
    `state     ${stateDir}`,
  ];
  const written = cache?.written ?? 0;
  const kept = written > 0 ? [`${counted(written, 'file')} that nodes wrote beside copies stay: autocached bring-back`] : [];
  return ['would be removed:', ...lines.map((line) => `  ${plain(line)}`), ...kept, 'Models and settings stay.'].join('\n');
}

/** The remaining files, and the last step, which no running program can do itself. @param packageDir directory of the program */
export function leftPage({ skipped, left }: { skipped: unknown[]; left: string[] }, packageDir: string): string {
  const isInstalled = basename(dirname(packageDir)) === 'node_modules';
  const last = isInstalled ? 'npm uninstall -g autocached' : `delete ${plain(packageDir)}`;
  const inUse = `${counted(skipped.length, 'copy', 'copies')} in use by a program, such as ComfyUI: end it, and delete what is left`;
  const open = skipped.length > 0 ? [inUse] : [];
  const others = left.map((path) => `  left: ${plain(path)}`);
  return ['removed', ...open, ...others, `The program itself: ${last}`].join('\n');
}

function cacheLine({ dir, copies, bytes, results, variants }: NonNullable<UninstallPlan['cache']>): string {
  const others = [
    ...(results > 0 ? [`, ${counted(results, 'result')}`] : []),
    ...(variants > 0 ? [`, ${counted(variants, 'variant')}`] : []),
  ].join('');
  return `cache     ${dir}: ${counted(copies, 'copy', 'copies')}${others}; frees ${formatBytes(bytes)}`;
}
