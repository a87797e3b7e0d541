import { expect, test } from 'vitest';
import { load } from './load.ts';

test('settings show words and paths as understood, and everything else as it was written', () => {
  const { settings } = load({
    AUTOCACHE_DIR: '~/cache',
    AUTOCACHE_MODE: 'OFF',
    AUTOCACHE_MIN_SIZE: '16M',
    AUTOCACHE_LIMIT: '',
  });
  const shown = (name: string) => settings.find(({ key }) => key === `AUTOCACHE_${name}`);
  expect(shown('DIR')).toMatchObject({ value: '/home/ada/cache', from: 'environment' });
  expect(shown('STATE')).toMatchObject({ value: '/home/ada/.local/state/autocached', from: 'default', live: false });
  expect(shown('MODE')).toMatchObject({ value: 'off', live: true });
  expect(shown('MIN_SIZE')).toMatchObject({ value: '16M' });
  expect(shown('LIMIT')).toMatchObject({ value: 'auto', from: 'environment', live: true });
  expect(shown('RAM_DIR')).toMatchObject({ value: '' });
  expect(settings.filter(({ live }) => !live).map(({ key }) => key)).toEqual([
    'AUTOCACHE_DIR',
    'AUTOCACHE_MIN_FREE',
    'AUTOCACHE_COMFYUI_URL',
    'AUTOCACHE_REMOTES',
    'AUTOCACHE_REMOTE_LIST',
    'AUTOCACHE_JOBS',
    'AUTOCACHE_JOBS_PER_SOURCE',
    'AUTOCACHE_COMPRESS',
    'AUTOCACHE_RAM_DIR',
    'AUTOCACHE_RAM_LIMIT',
    'AUTOCACHE_MEMO_RAM',
    'AUTOCACHE_MEMO_REDIS',
    'AUTOCACHE_EMBEDDINGS_URL',
    'AUTOCACHE_EMBEDDINGS_MODEL',
    'AUTOCACHE_EMBEDDINGS_KEY_FILE',
    'AUTOCACHE_LLM_URL',
    'AUTOCACHE_LLM_TIMEOUT',
    'AUTOCACHE_FARM',
    'AUTOCACHE_FARM_NAME',
    'AUTOCACHE_FARM_LISTEN',
    'AUTOCACHE_FARM_URL',
    'AUTOCACHE_FARM_KEY',
    'AUTOCACHE_FARM_ORIGIN_READS',
    'AUTOCACHE_FARM_TRUST',
    'AUTOCACHE_FARM_SMALL',
    'AUTOCACHE_SHARED',
    'AUTOCACHE_LISTEN',
    'AUTOCACHE_HOSTS',
    'AUTOCACHE_STATE',
    'AUTOCACHE_GROUP',
  ]);
});
