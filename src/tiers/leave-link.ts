import { randomUUID } from 'node:crypto';
import { linkSync, lstatSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { meaningOf } from '../runtime/errnos.ts';
import type { Tier } from './tier.ts';

/**
 * The tier, with a link left to the source wherever a copy leaves whose path somebody may open again. @param sourceOf null for
 * nobody
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
 * Puts a link in the place of a file, which is there all the time under the one or the other. @returns the file, under another name
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

/** True when the link there was put in the place of a copy of this source. */
export function isLinkTo(path: string, source: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink() && readlinkSync(path) === source;
  } catch {
    return false;
  }
}

/** A second name, so that giving back the space of a large file is no part of the rename; without hard links it is. */
function keepSpace(path: string, leaving: string): void {
  try {
    linkSync(path, leaving);
  } catch (error) {
    const meaning = meaningOf(error);
    if (meaning !== 'denied' && meaning !== 'unsupported') throw error;
  }
}

/** What bears such a name goes at the next start. */
function leavingName(partialDir: string): string {
  return join(partialDir, `${randomUUID()}.leaving`);
}
