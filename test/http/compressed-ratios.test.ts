import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeModel } from '../../bench/weights.ts';
import { dayMs } from '../../src/core/loads.ts';
import { CompressedRatios } from '../../src/http/compressed-ratios.ts';
import { openCatalog, sourceFile } from '../helpers/catalog.ts';
import { createClient } from '../helpers/services.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** A source with a copy in a tier. @param bytes of the copy; of another size than the source when it is compressed */
function copied(
  { catalog, dir }: { catalog: ReturnType<typeof openCatalog>['catalog']; dir: string },
  rel: string,
  { bytes, size = bytes.length, tier = 'ssd' }: { bytes: Uint8Array; size?: number; tier?: 'ssd' | 'cold' },
): string {
  const path = join(dir, rel.replaceAll('/', '-'));
  writeFileSync(path, bytes);
  const source = { size, mtimeNs: '1', ino: null };
  const { id: entryId, path: of } = catalog.entries.put({ ...sourceFile(rel), fingerprint: source });
  const seal = { size: bytes.length, mtimeNs: '1', ino: rel };
  catalog.copies.adopt({ entryId, tier, path }, { seal, hash: `xxh128c8:${rel}`, sha256: null, source });
  return of;
}

test('copies tell by the types of their weights how far they would shrink, compressed ones how far they have', {
  tags: 'slow',
}, async () => {
  const { catalog } = openCatalog();
  const dir = tempDir();
  const rig = { catalog, dir };
  const bf16 = copied(rig, 'loras/bf16.safetensors', { bytes: makeModel('BF16', 2 ** 23) });
  const f16 = copied(rig, 'loras/f16.safetensors', { bytes: makeModel('F16', 2 ** 23) });
  const gguf = copied(rig, 'unet/a.gguf', { bytes: Buffer.from('GGUF and more of it') });
  const cold = copied(rig, 'loras/cold.safetensors', { bytes: Buffer.alloc(500), size: 700, tier: 'cold' });
  const gone = copied(rig, 'loras/gone.safetensors', { bytes: makeModel('BF16', 2 ** 23) });
  rmSync(join(dir, 'loras-gone.safetensors'));
  const ratios = await new CompressedRatios(catalog).of([bf16, f16, gguf, cold, gone, '/models/never/copied']);
  expect(ratios.get(bf16)).toBeCloseTo(1.51, 2);
  expect(ratios.get(f16)).toBeCloseTo(1.18, 2);
  expect(ratios.get(gguf)).toBe(1);
  expect(ratios.get(cold)).toBe(1.4);
  expect([...ratios.keys()]).toEqual([bf16, f16, gguf, cold]);
});

test('the answer on misses tells whether compressing would have paid, with the speed of restores as it was measured', {
  tags: 'slow',
}, async () => {
  const { catalog, clock, bound, get } = createClient();
  const dir = tempDir();
  const size = 10e9;
  bound.limit = 10 * size;
  const models = Array.from({ length: 12 }, (_, k) =>
    copied({ catalog, dir }, `checkpoints/${k}.safetensors`, { bytes: makeModel('BF16', 2 ** 16) }),
  );
  const load = { category: 'checkpoints', size, medium: 'hdd', sourceSpeed: 150e6, tier: null, reason: 'QUEUED' } as const;
  for (let k = 0; k < 120; k++) {
    const [at, path] = [clock.now() - (120 - k) * (dayMs / 5), models[k % 12] ?? ''];
    catalog.loads.note({ ...load, at, path, seconds: size / 150e6, prompt: null, nodeClass: null });
  }
  catalog.speeds.save('cold', { sequential: 1e9, smallReadMs: null });
  const { body } = await get('/api/loads/misses');
  expect(body).toMatchObject({ loads: 120, policy: 'heat', cold: { isOn: false, measured: true, restoreSpeed: 1e9 } });
  const { cold } = body as { cold: { ratio: number; saves: number; restores: number } };
  expect(cold.ratio).toBeCloseTo(1.5, 1);
  expect(cold.restores).toBeGreaterThan(0);
  expect(cold.saves).not.toBe(0);
});
