import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { findWay } from '../../../src/cli/upgrade/find-way.ts';
import { isNewer } from '../../../src/cli/upgrade/newer.ts';
import { patience } from '../../helpers/patience.ts';
import { tempDir } from '../../helpers/temp-dir.ts';

let upstream: string;
let clone: string;
const git = (dir: string, ...words: string[]) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@localhost', ...words], { cwd: dir, encoding: 'utf8' }).trim();
const wayOf = () => findWay({ dir: clone, version: '1.0.0', archive: null });
const built = () => readFileSync(join(clone, 'dist/bin/autocached.js'), 'utf8');

/** A version of the sources whose set-up writes `says` as the program, or fails. */
function commit(version: string, says: string | null): void {
  const setup =
    says === null
      ? 'mkdir -p dist/bin && echo half > dist/bin/autocached.js && exit 3'
      : `mkdir -p dist/bin && echo ${says} > dist/bin/autocached.js`;
  writeFileSync(join(upstream, 'package.json'), JSON.stringify({ name: 'autocached', version, scripts: { setup } }));
  git(upstream, 'add', '.');
  git(upstream, 'commit', '--quiet', '-m', version);
}

describe.skipIf(process.platform === 'win32')('a clone', { timeout: patience(60_000) }, () => {
  beforeEach(() => {
    const dir = tempDir();
    upstream = join(dir, 'upstream');
    clone = join(dir, 'custom_nodes', 'autocached');
    mkdirSync(upstream);
    vi.stubEnv('HOME', dir);
    git(upstream, 'init', '--quiet', '-b', 'main');
    writeFileSync(join(upstream, '.gitignore'), 'dist\nnode_modules\n');
    writeFileSync(join(upstream, 'a.ts'), 'one');
    commit('1.0.0', 'one');
    git(dir, 'clone', '--quiet', upstream, clone);
    execFileSync('npm', ['run', '--silent', 'setup'], { cwd: clone });
    return () => vi.unstubAllEnvs();
  });

  test('is upgraded by git and its own set-up, and can be taken back', async () => {
    const way = wayOf();
    expect(await way.newest()).toEqual({ version: '1.0.0', isNewer: false });
    commit('2.0.0', 'two');
    expect(await way.newest()).toEqual({ version: '2.0.0', isNewer: true, says: '1 commit of origin/main' });
    expect(way.says).toBe(`a clone in custom_nodes, ${clone}`);
    expect(way.steps('2.0.0')).toContain('restart ComfyUI');
    const replaced = await way.replace?.('2.0.0');
    expect(built()).toBe('two\n');
    await replaced?.undo();
    expect(built()).toBe('one\n');
    expect(git(clone, 'status', '--porcelain')).toBe('');
    expect(await wayOf().newest()).toMatchObject({ isNewer: true });
  });

  test('whose newer set-up fails keeps the older program', { tags: 'slow' }, async () => {
    commit('2.0.0', null);
    const way = wayOf();
    await way.newest();
    await expect(way.replace?.('2.0.0')).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(built()).toBe('one\n');
    expect(git(clone, 'rev-parse', 'HEAD')).toBe(git(upstream, 'rev-parse', 'HEAD~1'));
  });

  test('with changes of its user, or with commits of its user, is left alone', { tags: 'slow' }, async () => {
    commit('2.0.0', 'two');
    await wayOf().newest();
    writeFileSync(join(clone, 'a.ts'), 'mine');
    await expect(wayOf().replace?.('2.0.0')).rejects.toMatchObject({ code: 'CONFLICT' });
    git(clone, 'commit', '--quiet', '-am', 'mine');
    await expect(wayOf().replace?.('2.0.0')).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(readFileSync(join(clone, 'a.ts'), 'utf8')).toBe('mine');
    expect(built()).toBe('one\n');
  });
});

describe('where it cannot be done from here, the steps are told', () => {
  test('of a node pack that ComfyUI-Manager has unpacked', () => {
    const way = findWay({ dir: join(tempDir(), 'custom_nodes/autocached'), version: '1.0.0', archive: null });
    expect(way.replace).toBeNull();
    expect(way.steps('2.0.0').join()).toContain('ComfyUI-Manager');
  });

  test('of the archive for Windows', () => {
    const home = tempDir();
    for (const name of ['autocached.cmd', 'node.exe']) writeFileSync(join(home, name), '');
    const way = findWay({ dir: join(home, 'node_modules/autocached'), version: '1.0.0', archive: null });
    expect(way.replace).toBeNull();
    expect(way.steps('2.0.0').join()).toContain('autocached-2.0.0-win-x64.zip');
  });

  test('of a package of another program', () => {
    const dir = join(tempDir(), 'node_modules/autocached');
    const way = findWay({ dir, version: '1.0.0', archive: null });
    expect(way.steps('2.0.0').join()).toContain('autocached@2.0.0');
    expect(existsSync(dir)).toBe(false);
  });
});

test.each([
  ['0.2.0', '0.1.9', true],
  ['0.10.0', '0.9.0', true],
  ['0.1.0', '0.1.0', false],
  ['0.1.0', '0.2.0', false],
  ['1.0.0', '1.0.0-rc.1', true],
  ['1.0.0-rc.2', '1.0.0-rc.10', false],
  ['1.0.0-rc.1', '1.0.0', false],
])('%s is newer than %s: %s', (a, b, expected) => expect(isNewer(a, b)).toBe(expected));
