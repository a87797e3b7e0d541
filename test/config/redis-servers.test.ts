import { describe, expect, test } from 'vitest';
import { parseRedis } from '../../src/config/redis-servers.ts';
import { load, problems } from './load.ts';

const none = { tls: false, username: null, password: null, database: 0, master: '' };
const a = { host: 'a', port: 6379 };

describe('the address of a Redis', () => {
  test.each([
    ['redis://a', { ...none, kind: 'single', nodes: [a] }],
    ['valkey://a:7000/3', { ...none, kind: 'single', nodes: [{ host: 'a', port: 7000 }], database: 3 }],
    ['rediss://:p%40ss@[::1]:1', { ...none, kind: 'single', nodes: [{ host: '::1', port: 1 }], tls: true, password: 'p@ss' }],
    ['redis://ada:a:b,c@a/', { ...none, kind: 'single', nodes: [a], username: 'ada', password: 'a:b,c' }],
    [
      'redis://a:1,b:2',
      {
        ...none,
        kind: 'cluster',
        nodes: [
          { host: 'a', port: 1 },
          { host: 'b', port: 2 },
        ],
      },
    ],
    ['redis://a,redis://b', { ...none, kind: 'cluster', nodes: [a, { host: 'b', port: 6379 }] }],
    ['redis://:x@a,redis://:x@b', { ...none, kind: 'cluster', nodes: [a, { host: 'b', port: 6379 }], password: 'x' }],
    ['REDIS+CLUSTER://a', { ...none, kind: 'cluster', nodes: [a] }],
    [
      'redis+sentinel://a/main/2',
      { ...none, kind: 'sentinel', nodes: [{ host: 'a', port: 26_379 }], master: 'main', database: 2 },
    ],
    ['', null],
  ])('%j is understood', (text, servers) => {
    expect(parseRedis(text)).toEqual(servers);
  });

  test.each([
    'http://:hunter2@a',
    'redis://:hunter2/with/slash@a',
    'redis://:hunter2@',
    'redis://:hunter2@a:0',
    'redis://:hunter2@a:65536',
    'redis://:hunter2@a b',
    'redis://:hunter2@a/x',
    'redis://:hunter2%zz@a',
    'redis://a?password=hunter2',
    'redis://:hunter2@a,redis://:other@b',
    'redis://:hunter2@a,rediss://:hunter2@b',
    'redis+cluster://:hunter2@a,b/1',
    'redis+sentinel://:hunter2@a',
    'hunter2',
  ])('%j is refused in one line, without the password', (text) => {
    const [problem = '', ...more] = problems({ AUTOCACHE_MEMO_REDIS: text });
    expect(more).toEqual([]);
    expect(problem).toMatch(/^environment: AUTOCACHE_MEMO_REDIS: expected an address such as redis:\/\//);
    expect(problem).not.toContain('hunter2');
  });

  test.each(['redis://ada:hunter2@a:1', 'redis+sentinel://:hunter2@a,b/main', 'redis://:hunter2@a,redis://:hunter2@b'])(
    'the password of %j is not among the settings that are shown',
    (text) => {
      const { settings } = load({ AUTOCACHE_MEMO_REDIS: text });
      const shown = settings.find(({ key }) => key === 'AUTOCACHE_MEMO_REDIS');
      expect(shown?.value).toContain('://***@a');
      expect(JSON.stringify(settings)).not.toContain('hunter2');
    },
  );
});
