import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { LiveSettings } from '../../src/config/live-settings.ts';
import { directory } from './load.ts';
import { Saved } from './saved.ts';

/** Settings over a .env with this text, which can be edited. */
function settingsOver(text: string, saved = new Saved()) {
  const cwd = directory({ '.env': text });
  const read = () => loadConfig({ env: {}, cwd, home: cwd });
  const settings = new LiveSettings(read(), saved);
  const edit = (edited: string) => {
    writeFileSync(join(cwd, '.env'), edited);
    return settings.reload(read());
  };
  const shown = (name: string) => settings.describe().find(({ key }) => key === `AUTOCACHE_${name}`);
  return { settings, saved, edit, shown, env: join(cwd, '.env') };
}

describe('an edited file', () => {
  test('changes what may change live, and says which', () => {
    const { settings, edit, shown, env } = settingsOver('AUTOCACHE_POLICY=lru\n');
    expect(edit('AUTOCACHE_POLICY=lfu\nAUTOCACHE_MODE=off\n')).toEqual(['mode', 'policy']);
    expect(settings.current).toMatchObject({ policy: 'lfu', mode: 'off' });
    expect(shown('POLICY')).toMatchObject({ value: 'lfu', from: env });
    expect(edit('')).toEqual(['mode', 'policy']);
    expect(settings.current).toMatchObject({ policy: 'heat', mode: 'read-write' });
    expect(settings.warnings).toEqual([]);
  });

  test('leaves the rest as it was, and says so until it is set back or the daemon started again', () => {
    const { settings, edit, shown, env } = settingsOver('AUTOCACHE_JOBS=3\n');
    expect(edit('AUTOCACHE_JOBS=4\n')).toEqual([]);
    expect(settings.current.jobs).toBe(3);
    expect(shown('JOBS')).toMatchObject({ value: '3', pending: '4' });
    expect(settings.warnings).toEqual([`AUTOCACHE_JOBS=4 (${env}) counts after: autocached restart`]);
    expect(settings.notices).toEqual(settings.warnings);
    edit('AUTOCACHE_JOBS=3 # as before\n');
    expect(shown('JOBS')).not.toHaveProperty('pending');
    expect(settings.warnings).toEqual([]);
  });

  test('that was broken leaves all as it was, also what is right in it, until it can be read', () => {
    const { settings, edit, env } = settingsOver('AUTOCACHE_POLICY=lru\n');
    expect(() => edit('AUTOCACHE_POLICY=lfu\nAUTOCACHE_JOBS=many\n')).toThrow('AUTOCACHE_JOBS');
    settings.refuse(new Error(`the configuration cannot be used:\n  ${env}: AUTOCACHE_JOBS: expected a number`));
    expect(settings.current.policy).toBe('lru');
    expect(settings.warnings).toEqual([
      `settings stay as they were, the files are wrong: ${env}: AUTOCACHE_JOBS: expected a number`,
    ]);
    expect(edit('AUTOCACHE_POLICY=lfu\n')).toEqual(['policy']);
    expect(settings.warnings).toEqual([]);
  });

  test('counts more than what was changed while running before, also after it is set back', () => {
    const { settings, saved, edit, shown, env } = settingsOver('AUTOCACHE_LIMIT=2GiB\nAUTOCACHE_POLICY=lru\n');
    settings.change({ limit: '1GiB', policy: 'lfu' });
    edit('AUTOCACHE_LIMIT=3GiB\nAUTOCACHE_POLICY=lru\n');
    expect(settings.current).toMatchObject({ limit: { bytes: 3 * 2 ** 30 }, policy: 'lfu' });
    edit('AUTOCACHE_LIMIT=2GiB\nAUTOCACHE_POLICY=lru\n');
    expect(settings.current.limit).toMatchObject({ bytes: 2 * 2 ** 30 });
    expect(shown('LIMIT')).toMatchObject({ value: '2GiB' });
    expect(shown('POLICY')).toMatchObject({ value: 'lfu', from: 'live', configured: { value: 'lru', from: env } });
    expect([...saved.rows.keys()]).toEqual(['AUTOCACHE_POLICY']);
  });
});

describe('a change while running', () => {
  test('outlives a restart until the file is edited', () => {
    const { settings, saved } = settingsOver('AUTOCACHE_MODE=read-only\n');
    expect(settings.change({ mode: ' off ', rate: 'nas=1MiB' })).toEqual(['mode', 'rate']);
    expect(settingsOver('AUTOCACHE_MODE=read-only\n', saved).settings.current).toMatchObject({
      mode: 'off',
      rate: { by: { nas: 2 ** 20 } },
    });
    expect(settingsOver('AUTOCACHE_MODE=read-write\n', saved).settings.current.mode).toBe('read-write');
  });

  test('that an edited file contradicts stays, and the file is refused', () => {
    const { settings, edit, shown } = settingsOver('');
    settings.change({ max_size: '1GiB' });
    expect(() => settings.change({ min_size: '2GiB' })).toThrow('no file has a size from 2 GiB to 1 GiB');
    expect(() => edit('AUTOCACHE_MIN_SIZE=2GiB\nAUTOCACHE_MODE=off\n')).toThrow('AUTOCACHE_MAX_SIZE (live): no file');
    expect(settings.current).toMatchObject({ mode: 'read-write', maxSize: { overall: 2 ** 30 } });
    expect(edit('AUTOCACHE_MIN_SIZE=2GiB\nAUTOCACHE_MAX_SIZE=3GiB\n')).toEqual(['minSize', 'maxSize']);
    expect(shown('MAX_SIZE')).toMatchObject({ value: '3GiB' });
  });

  test('to the value in force changes nothing', () => {
    expect(settingsOver('').settings.change({ mode: 'read-write' })).toEqual([]);
  });

  test('that an earlier version kept and this one cannot use is told, and does not stop the start', () => {
    const saved = new Saved();
    saved.set('AUTOCACHE_POLICY', 'random', 'heat');
    const { settings } = settingsOver('', saved);
    expect(settings.current.policy).toBe('heat');
    expect(settings.notices).toEqual([expect.stringContaining('AUTOCACHE_POLICY: a change made while running is not used')]);
  });
});
