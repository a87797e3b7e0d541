import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fields, keys } from '../../src/config/keys.ts';
import { directory, load } from './load.ts';

const example = readFileSync('.env.example', 'utf8').replaceAll('\r\n', '\n');

describe('.env.example', () => {
  test('names every key with its meaning and default, in the order of the table', () => {
    const [, ...blocks] = example.trimEnd().split('\n\n');
    expect(blocks).toEqual(fields.map((field) => `# ${keys[field].meaning}\n# ${keys[field].name}=${keys[field].default}`));
  });

  test('changes nothing when it is copied to .env', () => {
    const cwd = directory();
    const without = load({}, { cwd });
    writeFileSync(join(cwd, '.env'), example);
    expect(load({}, { cwd })).toEqual(without);
  });

  test('holds exactly the defaults when it is uncommented', () => {
    const uncommented = example.replaceAll('# AUTOCACHE_', 'AUTOCACHE_');
    const { config, notices, settings } = load({}, { cwd: directory({ '.env': uncommented }) });
    expect(config).toEqual(load({}, { cwd: directory() }).config);
    expect(notices).toEqual([]);
    expect(settings.every(({ from }) => from !== 'default')).toBe(true);
  });
});

describe('examples', () => {
  const examples = readdirSync('config/examples');

  test('are the three that the documentation names', () => {
    expect(examples.toSorted()).toEqual(['laptop.env', 'nas.env', 'workstation.env']);
  });

  test.each(examples)('%s starts as it is, without a notice', (name) => {
    const text = readFileSync(`config/examples/${name}`, 'utf8');
    const { notices, settings } = load({}, { cwd: directory({ '.env': text }) });
    expect(notices).toEqual([]);
    const set = settings.filter(({ from }) => from !== 'default').map(({ key }) => key);
    expect(set).toEqual(
      [...text.matchAll(/^(AUTOCACHE_\w+)=/gm)].map(([, key]) => key).toSorted((a, b) => order(a) - order(b)),
    );
  });

  test.each(examples)('the examples in the comments of %s can be used on their system', (name) => {
    const text = readFileSync(`config/examples/${name}`, 'utf8');
    for (const [, key = '', value = ''] of text.matchAll(/^# (AUTOCACHE_\w+)=(.*?)\r?$/gm)) {
      const platform = /^[A-Z]:\\|^\\\\/.test(value) ? 'win32' : 'linux';
      const { config } = load({ [key]: value }, { platform });
      if (key === 'AUTOCACHE_ROOTS') expect(config.roots[0]?.kind).toBe(value.split('=').at(-1)?.split(';')[0]);
    }
    expect(text).toMatch(/^# AUTOCACHE_ROOTS=\/.*=(hdd|nas)\r?$/m);
  });

  function order(key: string | undefined): number {
    return fields.findIndex((field) => keys[field].name === key);
  }
});
