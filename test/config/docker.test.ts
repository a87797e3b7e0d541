import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/config.ts';
import { keys } from '../../src/config/keys.ts';
import { environmentKeys } from '../../src/config/remote.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const docker = join(import.meta.dirname, '..', '..', 'config', 'docker');
const read = (name: string) => readFileSync(join(docker, name), 'utf8');

describe('config/docker', () => {
  test.each(globSync('**/*', { cwd: docker }).filter((name) => /\.\w+$|file$/.test(name)))(
    '%s names settings that there are',
    (name) => {
      const known = [...Object.values(keys).map((key) => key.name), ...Object.values(environmentKeys)];
      expect((read(name).match(/AUTOCACHE_[A-Z_]+/g) ?? []).filter((key) => !known.includes(key))).toEqual([]);
    },
  );

  test('the daemon is not root in its image, and says whether it is well', () => {
    const last = read('Dockerfile').slice(read('Dockerfile').lastIndexOf('FROM '));
    expect(last.lastIndexOf('USER node')).toBeGreaterThan(last.lastIndexOf('RUN '));
    expect(last).toMatch(/^HEALTHCHECK /m);
  });

  test('the daemon can only read the models, ComfyUI can only read the copies, and no port is open to the network', () => {
    const { services } = parse(read('compose.yaml'));
    expect(services.autocached.volumes[0]).toMatch(/:\/models:ro$/);
    expect(services.comfyui.volumes[1]).toMatch(/:\/cache:ro$/);
    for (const { ports } of Object.values<{ ports: string[] }>(services)) expect(ports.join()).toMatch(/^127\.0\.0\.1:/);
    expect(services.comfyui.environment.AUTOCACHE_PATH_MAP.split(';').map((pair: string) => pair.split('=')[0])).toEqual([
      '/models',
      '/cache',
    ]);
  });

  test('the farm has three hosts, each with a name and an address of its own, one key, and no port that is open to the network', () => {
    const { services, secrets } = parse(read('farm/compose.yaml'), { merge: true });
    const hosts = Object.entries<Record<string, never>>(services).filter(([name]) => name.startsWith('gpu'));
    expect(hosts).toHaveLength(3);
    for (const [name, host] of hosts) {
      expect(host).toMatchObject({ hostname: name, secrets: ['farm_key'], volumes: [`${name}:/cache`] });
      expect(host['environment']).toMatchObject({
        AUTOCACHE_FARM: 'redis://redis:6379',
        AUTOCACHE_FARM_URL: `https://${name}:8390`,
        AUTOCACHE_FARM_KEY: '/run/secrets/farm_key',
        AUTOCACHE_REMOTES: expect.stringContaining('endpoint=http://origin:7070'),
      });
    }
    expect(Object.keys(secrets)).toEqual(['farm_key']);
    expect(Object.values<object>(services).filter((service) => 'ports' in service)).toEqual([]);
  });

  test('what the farm builds from is there, and a daemon takes the settings of each host', () => {
    const { services } = parse(read('farm/compose.yaml'), { merge: true });
    const image = Object.fromEntries(
      [...read('Dockerfile').matchAll(/^(?:ENV| ) (AUTOCACHE_\w+)=(\S+)/gm)].map(([, key, value]) => [key, value]),
    );
    expect(Object.keys(image)).toContain('AUTOCACHE_STATE');
    for (const name of ['gpu1', 'gpu2', 'gpu3']) {
      const { build, environment } = services[name];
      expect(existsSync(resolve(docker, 'farm', build.context, build.dockerfile))).toBe(true);
      const set = Object.entries<string>(environment).map(([key, value]) => [key, value.replace(/\$\{\w+:-([^}]*)\}/g, '$1')]);
      const { config } = loadConfig({ env: { ...image, ...Object.fromEntries(set) }, cwd: tempDir(), home: tempDir() });
      expect(config).toMatchObject({
        farm: { nodes: [{ host: 'redis', port: 6379 }] },
        farmName: 'compose',
        farmUrl: `https://${name}:8390`,
        farmKey: '/run/secrets/farm_key',
        farmListen: { host: '0.0.0.0', port: 8390 },
        remotes: [{ driver: 's3', bucket: 'models', endpoint: 'http://origin:7070', style: 'path' }],
      });
    }
    const commands = [...read('farm/compose.yaml').matchAll(/exec \w+ (autocached \w+)/g)].map(([, command]) => command);
    expect(commands.length).toBeGreaterThan(2);
    for (const command of commands) expect(read('../../docs/COMMANDS.md')).toContain(command);
  });

  test('the template of RunPod starts the daemon before ComfyUI', () => {
    const { dockerEntrypoint, env } = JSON.parse(read('runpod.json'));
    expect(dockerEntrypoint).toEqual(['with-autocached']);
    expect(read('with-comfyui/Dockerfile')).toContain('/usr/local/bin/with-autocached');
    expect(env.AUTOCACHE_ROOTS).toBe('/workspace/models=nas');
  });
});
