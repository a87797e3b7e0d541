import { expect, test } from 'vitest';
import { detectMedium } from '../../src/media/medium.ts';
import { followVolumes } from '../../src/roots/follow-volumes.ts';
import { Roots } from '../../src/roots/registry.ts';
import { readerOf } from '../../src/sources/pool.ts';
import type { Root } from '../../src/sources/root.ts';
import { tempDir } from '../helpers/temp-dir.ts';

test('a folder on a drive that was not known at the start is read by another reader, and walked, once it is known', async () => {
  const roots = new Roots();
  const [dir, other] = [tempDir(), tempDir()];
  const medium = { kind: 'hdd', from: 'assumed', device: 'D:', fileSystem: 'undetermined', resolved: dir } as const;
  const { root } = roots.add({ path: dir, origin: 'config', medium });
  roots.add({ path: other, origin: 'config', medium: await detectMedium(other) });
  expect(readerOf(root)).toBe('D:');
  let tell = () => {};
  const scanned = Promise.withResolvers<Root>();
  followVolumes(
    roots,
    {
      scan: async (walked) => {
        if (walked) scanned.resolve(walked);
        return { files: 0, bytes: 0, ms: 0 };
      },
    },
    (listener) => {
      tell = listener;
      return () => {};
    },
  );
  tell();
  expect(await scanned.promise).toBe(root);
  expect(readerOf(root)).not.toBe('D:');
});
