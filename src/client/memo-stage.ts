import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { MemoStaged } from '../api/memo.ts';
import type { BlobBody } from './connection.ts';
import type { FoundDaemon } from './daemon-file.ts';
import type { MemoWire } from './memo-wire.ts';

/** Minimum size for a staged file, bytes: fewer are sent as quickly. */
const least = 2 ** 20;

/** Size of one write, bytes: for larger ones Linux looks for larger pieces of memory, which takes up to twice as long. */
const writtenAtOnce = 2 ** 19;

/** Bytes that the daemon is to hash. */
export type Content = Pick<BlobBody, 'size' | 'open'>;

/** A file of the daemon, and how many bytes a program has written to it. */
export interface Staged {
  name: string;
  size: number;
}

/** Gives bytes to the daemon in a file of its own, on this machine, without sending them. Never throws. @returns null when they must be sent */
export async function stage(wire: MemoWire, content: Content): Promise<Staged | null> {
  const { size } = content;
  if (size < least) return null;
  // A pid of another machine or container would be that of another process there.
  const body = ({ pid }: FoundDaemon) => ({ size, ...(pid !== 0 && { pid: process.pid }) });
  const file = await wire.ask<MemoStaged>('POST', '/api/memo/stage', { body }).catch(() => null);
  if (file === null) return null;
  const staged = { name: file.staged, size };
  try {
    await fill(wire, file, content);
    return staged;
  } catch {
    await giveBack(wire, staged);
    return null;
  }
}

/** Makes such a file a blob. Never throws. @returns its SHA-256, hexadecimal; null when its bytes must be sent */
export async function take(wire: MemoWire, staged: Staged): Promise<string | null> {
  const request = { body: { staged: staged.name }, answerMs: wire.storeMs(staged.size) };
  const blob = await wire.ask<{ sha256: string }>('POST', '/api/memo/blobs', request).catch(() => null);
  if (blob === null) await giveBack(wire, staged);
  return blob?.sha256 ?? null;
}

/** The outcome of a put. The staged file of one that fails is given back. */
export async function orGiveBack<T>(wire: MemoWire, staged: Staged | null, put: Promise<T>): Promise<T> {
  try {
    return await put;
  } catch (error) {
    if (staged) await giveBack(wire, staged);
    throw error;
  }
}

/** Removes a file that is not put. Never throws. */
async function giveBack(wire: MemoWire, { name }: Staged): Promise<void> {
  await wire.ask('DELETE', `/api/memo/stage/${name}`).catch(() => {});
}

/** @throws Error when the file is not to be had here, or the bytes are not to be read */
async function fill(wire: MemoWire, { path }: MemoStaged, content: Content): Promise<void> {
  const here = await wire.pathOf({ path, size: 0 });
  if (here === null) throw new Error(`${path} is not to be seen here`);
  await using file = await open(here, constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0));
  for await (const bytes of content.open() as AsyncIterable<Uint8Array>)
    for (let at = 0; at < bytes.length; )
      at += (await file.write(bytes, at, Math.min(writtenAtOnce, bytes.length - at))).bytesWritten;
}
