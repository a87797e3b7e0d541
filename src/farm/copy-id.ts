import { open } from 'node:fs/promises';
import { readableFile } from '../sources/drivers/posix/readable-file.ts';
import { readManifest } from '../tiers/manifest.ts';
import { contentIdOf, publishedId } from './content-id.ts';
import type { OwnCopy } from './listener-messages.ts';

/** Characters of a chunk's hash in a proof. */
const digestLength = 32;

/**
 * The name of a copy's content in the farm, and the hashes of its chunks. A copy has the bytes, the name and the time of its source, so it
 * gives the same name. @returns null when it cannot be read, or has no proof
 */
export async function idOfCopy(copy: OwnCopy): Promise<{ id: string; digests: string[] } | null> {
  const proof = await readManifest(copy.manifestPath);
  if (proof === undefined) return null;
  const digests = proof.chunks.match(new RegExp(`.{${digestLength}}`, 'g')) ?? [];
  if (copy.id !== null) return { id: copy.id, digests };
  if (copy.published !== null) return { id: publishedId(copy.published), digests };
  const file = await open(copy.path, 'r').catch(() => null);
  if (file === null) return null;
  try {
    const known = { published: null, object: null };
    return { id: await contentIdOf({ ...readableFile(file.fd, copy.path), fingerprint: copy.source }, known), digests };
  } catch {
    return null;
  } finally {
    await file.close();
  }
}
