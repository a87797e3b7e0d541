import { expect, test } from 'vitest';
import { registerRoots } from '../../src/roots/register-roots.ts';
import { createLog } from '../../src/runtime/log.ts';

test('a request that names more folders than any ComfyUI has is refused as a whole', async () => {
  const added: string[] = [];
  const add = async ({ path }: { path: string }) => void added.push(path);
  const parts = { add, settings: { saveRoot: () => {} }, log: createLog({ level: 'silent', form: 'json' }) };
  const named = (count: number) => ({
    roots: Array.from({ length: count }, (_, index) => ({ path: `/models/${index}` })),
    origin: 'api' as const,
  });
  await expect(registerRoots(named(1001), parts)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  expect(added).toEqual([]);
  await registerRoots(named(1000), parts);
  expect(added).toHaveLength(1000);
});
