import { describe, expect, test } from 'vitest';
import { openCatalog } from '../helpers/catalog.ts';

describe('what was changed while running', () => {
  test('outlives a restart', () => {
    const { catalog, file, close } = openCatalog();
    catalog.settings.set('AUTOCACHE_MODE', 'off', 'read-write');
    catalog.settings.set('AUTOCACHE_MODE', 'read-only', 'read-write');
    close();
    const next = openCatalog({ file }).catalog.settings;
    expect(next.get('AUTOCACHE_MODE', 'read-write')).toBe('read-only');
    expect(next.get('AUTOCACHE_LIMIT', 'auto')).toBeUndefined();
  });

  test('gives way when the configuration has been edited since: the last one to say it wins', () => {
    const { settings } = openCatalog().catalog;
    settings.set('AUTOCACHE_LIMIT', '10GiB', 'auto');
    expect(settings.get('AUTOCACHE_LIMIT', '50GiB')).toBeUndefined();
  });
});

test('registered roots come back with all their categories, each said once', () => {
  const { catalog, file, close } = openCatalog();
  const root = { path: '/nas/models', kind: 'nas', origin: 'comfyui' } as const;
  catalog.settings.saveRoot({ ...root, category: 'loras', kind: null });
  catalog.settings.saveRoot({ ...root, category: 'loras' });
  catalog.settings.saveRoot({ ...root, category: null });
  close();
  expect(openCatalog({ file }).catalog.settings.savedRoots()).toEqual([
    { ...root, category: '' },
    { ...root, category: 'loras' },
  ]);
});
