import { foldCase } from '../core/fold-case.ts';

/** Whether two paths in the cache lead to one file: the system disks of Windows and macOS ignore case. */
export function isOneFile(one: string, other: string, platform: NodeJS.Platform = process.platform): boolean {
  return one === other || (platform !== 'linux' && foldCase(one) === foldCase(other));
}
