import { expect, test } from 'vitest';
import { openCatalog } from '../helpers/catalog.ts';

test('a source that was rewritten with its size and time as they were is not taken for the content that it had', () => {
  const { catalog } = openCatalog();
  const fingerprint = { size: 1000, mtimeNs: '5', ctimeNs: '6', ino: '7' };
  const path = '/models/loras/a.safetensors';
  const { id } = catalog.entries.put({ path, root: '/models', rel: 'loras/a.safetensors', category: 'loras', fingerprint });
  catalog.farmContents.save(id, fingerprint, 'ab'.repeat(32), null);
  expect(catalog.farmContents.of(id, fingerprint)?.id).toBe('ab'.repeat(32));
  // Another host, or a network file system, knows less of it.
  expect(catalog.farmContents.of(id, { size: 1000, mtimeNs: '5', ino: null })?.id).toBe('ab'.repeat(32));
  for (const changed of [{ ctimeNs: '8' }, { ino: '8' }, { mtimeNs: '8' }, { size: 8 }])
    expect(catalog.farmContents.of(id, { ...fingerprint, ...changed })).toBeNull();
});
