import { createHash } from 'node:crypto';
import { createReadStream, openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { CacheError, messageOf } from '../core/errors.ts';
import type { Client } from './client.ts';
import type { Session } from './session.ts';

/** The folder in ComfyUI's input folder that receives them. */
const folder = 'autocached';
const usualUrl = 'http://127.0.0.1:8188';
const giveMs = 10 * 60_000;

export interface GivenFiles {
  /** Slots with ComfyUI's names for the files. */
  slots: Record<string, unknown>;
  /** Sends them. ComfyUI need not run: the files may be there from before. @throws CacheError when it refuses one */
  give(): Promise<void>;
}

/**
 * Files of this machine that fill the slots `image`, `images` and `video` get names by their content, so that equal ones are one.
 * A name without a file on this machine is left as it is.
 */
export async function giveImages(
  { cwd }: Pick<Session, 'cwd'>,
  slots: Record<string, unknown>,
  { client, url }: { client: Client; url: string | null },
): Promise<GivenFiles> {
  const files = new Map<string, string>();
  const named = async (value: unknown): Promise<unknown> => {
    if (Array.isArray(value)) return Promise.all(value.map(named));
    if (typeof value !== 'string') return value;
    const [, name = value, frame = ''] = /^(.+?)(@-?\d+)?$/s.exec(value) ?? [];
    const path = resolve(cwd, name);
    if (!(await isFile(path))) return value;
    const given = `${(await hashOf(path)).slice(0, 16)}-${basename(path)}`;
    files.set(given, path);
    return `${folder}/${given}${frame}`;
  };
  const filled = { ...slots };
  for (const name of ['image', 'images', 'video'].filter((one) => one in slots)) filled[name] = await named(slots[name]);
  return {
    slots: filled,
    async give() {
      if (files.size === 0) return;
      const { settings } = await client.config();
      const configured = settings.find(({ key }) => key === 'AUTOCACHE_COMFYUI_URL')?.value;
      const to = url ?? (configured && /^https?:/.test(configured) ? configured : usualUrl);
      for (const [name, path] of files) await send(name, path, to);
    },
  };
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function send(name: string, path: string, url: string): Promise<void> {
  const form = new FormData();
  form.append('image', await openAsBlob(path), name);
  for (const [field, value] of [
    ['type', 'input'],
    ['subfolder', folder],
    ['overwrite', 'true'],
  ] as const)
    form.append(field, value);
  const to = new URL('upload/image', url.endsWith('/') ? url : `${url}/`);
  const answer = await fetch(to, { method: 'POST', body: form, signal: AbortSignal.timeout(giveMs), redirect: 'error' }).catch(
    () => null,
  );
  if (answer && !answer.ok)
    throw new CacheError(
      'UPSTREAM_AWAY',
      `ComfyUI does not take ${path}: it answers ${answer.status} ${messageOf(answer.statusText)}`,
    );
}
