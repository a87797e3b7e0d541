import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '../src/cli/client.ts';

const GiB = 2 ** 30;

/** Keeps two copies running until the returned function is called, which returns the bytes copied. @param root directory for their sources */
export function keepCopying(client: Client, root: string): () => Promise<number> {
  let going = true;
  let bytes = 0;
  const lane = async (name: string) => {
    for (let round = 0; going; round += 1) {
      const path = join(root, `${name}-${round}.safetensors`);
      writeFileSync(path, '');
      truncateSync(path, 2 * GiB);
      await client.warm({ paths: [path], wait: true });
      bytes += 2 * GiB;
      await client.evict({ paths: [path] });
    }
  };
  const lanes = Promise.all([lane('big-a'), lane('big-b')]);
  return async () => {
    going = false;
    await lanes;
    return bytes;
  };
}
