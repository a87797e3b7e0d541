import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { RemoteView } from '../../src/api/remotes.ts';
import { remoteFindings } from '../../src/cli/doctor/remote-checks.ts';
import { withoutAddresses } from '../../src/cli/remote-address.ts';
import { costPage, remotesPage } from '../../src/cli/text/remotes-page.ts';
import { loadConfig } from '../../src/config/config.ts';
import { parseRemotes } from '../../src/config/remotes.ts';
import { ObjectServer } from '../helpers/object-server.ts';
import { s3Protocol } from '../helpers/s3-protocol.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { runCli } from './run-cli.ts';

const look = { paint: (_: string, text: string) => text, width: null, unicode: true } as never;
const GiB = 2 ** 30;

const view: RemoteView = {
  name: 'main',
  url: 's3://bucket/models',
  driver: 's3',
  path: '/state/remotes/main-1',
  category: null,
  health: 'ok',
  why: null,
  files: 12,
  months: [
    { month: '2026-11', bytes: 2 * GiB, requests: 300, cost: { amount: 0.18, currency: 'USD' } },
    { month: '2026-10', bytes: GiB, requests: 200, cost: null },
  ],
  monthlyLimit: 200 * GiB,
};
const hf: RemoteView = { ...view, name: 'flux', url: 'hf://org/repo@0123abc', path: '/state/remotes/flux-1', category: 'vae' };

test('remote ls tells where models lie, and what was read this month', () => {
  const page = remotesPage([view, { ...hf, health: 'away', why: 'no route' }], look);
  expect(page).toMatch(/main +s3:\/\/bucket\/models +by folder +12 .*2 GiB of 200 GiB, 0\.18 USD/);
  expect(page).toMatch(/flux .* vae .*: no route/);
  expect(remotesPage([], look)).toContain('remote add');
});

test('remote cost tells each month', () => {
  expect(costPage([view], look)).toMatch(/main +2026-11 .*300 +0\.18 USD\n.*main +2026-10 .*200 +no price/s);
});

describe('addresses on the command line', () => {
  const client = {
    remotes: async () => ({ remotes: [view, hf, { ...view, name: 'inner', url: 's3://bucket/models/x', path: '/inner' }] }),
  } as never;
  test.each([
    ['s3://bucket/models/loras/a.safetensors', '/state/remotes/main-1/loras/a.safetensors'],
    ['s3://bucket/models', '/state/remotes/main-1'],
    ['s3://bucket/models/x/a.pt', '/inner/a.pt'],
    ['hf://org/repo/a.safetensors', '/state/remotes/flux-1/a.safetensors'],
    ['hf://org/repo@0123abc/a.safetensors', '/state/remotes/flux-1/a.safetensors'],
    ['/mnt/nas/a.pt', '/mnt/nas/a.pt'],
  ])('%s is %s', async (word, path) => {
    expect(await withoutAddresses([word], client)).toEqual([path]);
  });

  test.each(['s3://bucket/modelsx/a.pt', 's3://other/a.pt', 'hf://org/repo2/a.pt'])(
    '%s is refused: remotes come from the configuration',
    async (word) => {
      await expect(withoutAddresses([word], client)).rejects.toThrow('lies on no remote of the configuration');
    },
  );
});

describe('the check of a remote', () => {
  async function checked(change: (server: ObjectServer) => void = () => {}) {
    const server = await ObjectServer.start(s3Protocol);
    onTestFinished(() => server[Symbol.asyncDispose]());
    server.put('loras/a.safetensors', Buffer.alloc(200_000, 'm'));
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'AKtest', AWS_SECRET_ACCESS_KEY: 'hush-hush' });
    change(server);
    const [remote] = parseRemotes(`main=s3://models?endpoint=${server.url}&region=us-east-1`);
    if (!remote) throw new Error('there is no remote');
    return { server, findings: await remoteFindings(remote) };
  }

  test('reads a range of one file, and names its checksum', { timeout: 60_000 }, async () => {
    const { findings } = await checked();
    expect(findings).toMatchObject([
      { check: 'remote', verdict: 'ok', says: expect.stringMatching(/64 KiB of loras\/a\.safetensors were read, and md5/i) },
    ]);
  });

  test('says what is wrong with a bucket that is not there, or that refuses, without a secret', {
    timeout: 120_000,
  }, async () => {
    const refused = await checked((server) => {
      server.faultFor = () => (_, response) => void response.writeHead(403).end();
    });
    const missing = await checked((server) => {
      server.isThere = false;
    });
    for (const { findings } of [refused, missing]) {
      expect(findings).toMatchObject([{ verdict: 'fail', says: expect.stringMatching(/^main: /) }]);
      expect(JSON.stringify(findings)).not.toContain('hush-hush');
    }
  });

  test('notices a clock that is wrong', { timeout: 60_000 }, async () => {
    const { findings } = await checked((server) => {
      server.faultFor = () => (reply, response, asked) => {
        response.setHeader('date', new Date(Date.now() - 3_600_000).toUTCString());
        server.send(reply, response, asked);
      };
    });
    expect(findings[0]).toMatchObject({ verdict: 'fail', says: expect.stringContaining('60 minutes apart') });
  });
});

describe('remote add', () => {
  const first = 'main=s3://bucket/models?region=eu-central-1&list=*.safetensors';
  const second = 'flux=hf://org/repo@0123abc?to=vae';
  /** A home with these lines in its settings. */
  function aHome(lines = '') {
    const home = tempDir();
    const file = join(home, 'autocached', 'config.env');
    for (const key of ['HOME', 'XDG_CONFIG_HOME', 'APPDATA']) vi.stubEnv(key, home);
    mkdirSync(join(home, 'autocached'));
    if (lines !== '') writeFileSync(file, lines);
    return { file, add: (...words: string[]) => runCli(['remote', 'add', ...words], { cwd: home }) };
  }

  test.skipIf(process.platform === 'win32')('adds to those that are there, and all else in the file stays', async () => {
    const { file, add } = aHome('# mine\nAUTOCACHE_JOBS=3\n');
    const [name = '', ...rest] = second.split('=');
    for (const words of [[first], [name, rest.join('=')]]) {
      expect(await add(...words)).toMatchObject({ code: 0, out: expect.stringContaining(`added to ${file}`) });
    }
    expect(loadConfig().config.remotes).toEqual(parseRemotes(`${first};${second}`));
    expect(readFileSync(file, 'utf8')).toMatch(/^# mine\nAUTOCACHE_JOBS=3\nAUTOCACHE_REMOTES=/);
  });

  test.skipIf(process.platform === 'win32')(
    'refuses what is no remote, a name twice, and to hide what is set elsewhere',
    async () => {
      const { file, add } = aHome();
      expect((await add('s3://bucket')).err).toContain('needs a name');
      expect(existsSync(file)).toBe(false);
      await add(first);
      const written = readFileSync(file, 'utf8');
      expect((await add('main=s3://other')).err).toContain('there is a remote named main already');
      vi.stubEnv('AUTOCACHE_REMOTES', 'x=s3://bucket');
      expect((await add(second)).err).toContain('AUTOCACHE_REMOTES is set in environment');
      expect(readFileSync(file, 'utf8')).toBe(written);
    },
  );
});

test('the placeholders of the project are known by the same words everywhere', () => {
  const opening = 'autocached placeholder: ';
  for (const file of ['comfyui/placeholder.py', 'clients/python/autocached/_common/placeholder.py', 'src/core/remote.ts']) {
    expect(existsSync(file)).toBe(true);
    expect(readFileSync(join(file), 'utf8')).toContain(opening);
  }
});
