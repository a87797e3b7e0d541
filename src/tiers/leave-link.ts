import { randomUUID } from 'node:crypto';
import { linkSync, lstatSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { meaningOf } from '../runtime/errnos.ts';
import type { Tier } from './tier.ts';

/**
 * The tier, which leaves a link to the source for each removed copy whose path a program may open again. @param sourceOf null = no
 * program
 */
export function leavingLinks<T extends Tier>(tier: T, sourceOf: (path: string) => string | null): T {
  return { ...tier, takeOut: (path: string) => tier.takeOut(path, sourceOf(path)) };
}

/** Whether symbolic links can be made in a directory: not on exFAT, say, nor by most users of Windows. */
export function canLink(dir: string): boolean {
  const link = leavingName(dir);
  try {
    symlinkSync('nowhere', link);
    rmSync(link, { force: true });
    return true;
  } catch (error) {
    const meaning = meaningOf(error);
    return meaning !== 'denied' && meaning !== 'unsupported';
  }
}

/**
 * Replaces a file by a link, so that the path always exists. @returns the new path of the file
 */
export function replaceByLink(path: string, target: string, partialDir: string): string {
  const [link, leaving] = [leavingName(partialDir), leavingName(partialDir)];
  symlinkSync(target, link);
  try {
    keepSpace(path, leaving);
    renameSync(link, path);
  } catch (error) {
    for (const made of [link, leaving]) rmSync(made, { force: true });
    throw error;
  }
  return leaving;
}

/** True when the path is a link that replaced a copy of this source. */
export function isLinkTo(path: string, source: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink() && readlinkSync(path) === source;
  } catch {
    return false;
  }
}

/** Makes a second name, so that the rename does not have to free the space of a large file; impossible without hard links. */
function keepSpace(path: string, leaving: string): void {
  try {
    linkSync(path, leaving);
  } catch (error) {
    const meaning = meaningOf(error);
    if (meaning !== 'denied' && meaning !== 'unsupported') throw error;
  }
}

/** A name whose file the next start removes. */
function leavingName(partialDir: string): string {
  return join(partialDir, `${randomUUID()}.leaving`);
}
