import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { tempDir } from './helpers/temp-dir.ts';

const project = fileURLToPath(new URL('..', import.meta.url));
const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome');

/** What every tree holds: a room of each layer, all in order. */
const clean: Record<string, string> = {
  'src/core/types.ts': 'export type Name = string;\nexport const one = 1;\n',
  'src/config/env.ts': 'export const home = process.env.HOME ?? "";\n',
  'src/tiers/tier.ts': 'import { one } from "../core/types.ts";\n\nexport const two = one + 1;\n',
  'src/catalog/catalog.ts': 'import type { Name } from "../core/types.ts";\n\nexport const name: Name = "catalog";\n',
  'src/lookup/lookup.ts': 'import { name } from "../catalog/catalog.ts";\n\nexport const found = name;\n',
  'src/jobs/copier.ts': 'import { name } from "../catalog/catalog.ts";\n\nexport const copier = name;\n',
  'src/http/routes/lookup.ts': 'import { found } from "../../lookup/lookup.ts";\n\nexport const route = found;\n',
  'test/waits.test.ts':
    'import { expect, test, vi } from "vitest";\nimport { patience, soon } from "./helpers/patience.ts";\n\ntest("it", async () => {\n  await expect.poll(() => 1, soon()).toBe(1);\n  await vi.waitFor(() => 1, { ...soon(), interval: 5 });\n  await vi.waitUntil(() => true, { timeout: patience(7000) });\n});\n',
  'test/helpers/patience.ts':
    'export const patience = (ms: number) => ms;\n\nexport const soon = () => ({ timeout: patience(5000) });\n',
  'src/compose/daemon.ts':
    'import { home } from "../config/env.ts";\nimport { route } from "../http/routes/lookup.ts";\n\nexport const daemon = home + route;\n',
};

/** Lints these files under the project's own laws, as `npm test` does. */
function lint(files: Record<string, string>): { passed: boolean; said: string } {
  const dir = tempDir();
  mkdirSync(join(dir, 'test'));
  for (const name of ['biome.json', 'test/waits.grit', 'package.json', 'tsconfig.json', '.gitignore'])
    copyFileSync(join(project, name), join(dir, name));
  symlinkSync(join(project, 'node_modules'), join(dir, 'node_modules'), 'junction');
  for (const [name, text] of Object.entries({ ...clean, ...files })) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text.replaceAll('"', "'"));
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [biome, 'ci', '--colors=off', '--max-diagnostics=200', '.'], {
    cwd: dir,
    encoding: 'utf8',
  });
  return { passed: status === 0, said: stdout + stderr };
}

describe('the linter', () => {
  test('passes a tree that keeps the laws', () => {
    expect(lint({})).toMatchObject({ passed: true, said: expect.stringContaining('Checked') });
  });

  const breaches: [string, Record<string, string>, string[]][] = [
    [
      'two files that import each other',
      {
        'src/jobs/a.ts': 'import { b } from "./b.ts";\n\nexport const a = () => b;\n',
        'src/jobs/b.ts': 'import { a } from "./a.ts";\n\nexport const b = () => a;\n',
      },
      ['src/jobs/a.ts', 'noImportCycles'],
    ],
    [
      'two files that import each other by type only',
      {
        'src/jobs/a.ts': 'import type { B } from "./b.ts";\n\nexport type A = B | 1;\n',
        'src/jobs/b.ts': 'import type { A } from "./a.ts";\n\nexport type B = A | 2;\n',
      },
      ['src/jobs/a.ts', 'noImportCycles'],
    ],
    [
      'an environment variable read anywhere but in config/env.ts',
      { 'src/config/other.ts': 'export const path = process.env.PATH;\n' },
      ['src/config/other.ts', 'noProcessEnv'],
    ],
    [
      'a file of more than 300 lines',
      { 'src/core/long.ts': Array.from({ length: 301 }, (_, line) => `export const line${line} = ${line};\n`).join('') },
      ['src/core/long.ts', 'too many lines'],
    ],
    [
      'a promise that nobody waits for',
      { 'src/core/floating.ts': 'async function work(): Promise<void> {}\n\nexport function start(): void {\n  work();\n}\n' },
      ['src/core/floating.ts', 'noFloatingPromises'],
    ],
    [
      'a package that is not declared',
      { 'src/core/pad.ts': 'import pad from "left-pad";\n\nexport const padded = pad;\n' },
      ['src/core/pad.ts', 'noUndeclaredDependencies'],
    ],
    [
      'a value that is asserted to be there',
      { 'src/core/first.ts': 'export const first = (list: string[]): string => list[0]!;\n' },
      ['src/core/first.ts', 'noNonNullAssertion'],
    ],
    ...['expect.poll(() => 1).toBe(1)', 'vi.waitFor(() => expect(1).toBe(1))', 'vi.waitUntil(() => true, { interval: 5 })'].map(
      (wait): [string, Record<string, string>, string[]] => [
        `a test that waits as short as Vitest does: ${wait}`,
        {
          'test/wait.test.ts': `import { expect, test, vi } from "vitest";\n\ntest("it", async () => {\n  await ${wait};\n});\n`,
        },
        ['test/wait.test.ts', 'soon()'],
      ],
    ),
    [
      'a file name that is no kebab-case',
      { 'src/core/fileName.ts': 'export const x = 1;\n' },
      ['src/core/fileName.ts', 'useFilenamingConvention'],
    ],
  ];

  test.each(breaches)('fails on %s', (_what, files, said) => {
    const result = lint(files);
    expect(result.passed).toBe(false);
    for (const text of said) expect(result.said).toContain(text);
    // It must be the law that fails, not the seed's own looks.
    expect(result.said).not.toMatch(/would have printed|assist\//);
  });
});

describe('the source', () => {
  /** Every file of the project that is ours, with its text. */
  function* texts(...roots: string[]): Generator<[string, string]> {
    for (const root of roots) {
      const path = join(project, root);
      if (!statSync(path, { throwIfNoEntry: false })) continue;
      for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
        const file = join(entry.parentPath, entry.name);
        if (entry.isFile()) yield [relative(project, file), readFileSync(file, 'utf8')];
      }
    }
  }

  test('names no host of a package registry: nothing is fetched while it runs', () => {
    // Spelt in parts, so that this file does not name one either.
    const hosts = ['npmjs', 'yarnpkg', 'jsr', 'pypi', 'pythonhosted', 'crates', 'rubygems', 'unpkg', 'jsdelivr', 'esm'];
    const named = new RegExp(`\\b(?:${hosts.join('|')})\\.(?:org|com|io|dev|net|sh)\\b`, 'i');
    expect([...texts('src', 'bin', 'comfyui')].filter(([, text]) => named.test(text)).map(([file]) => file)).toEqual([]);
    expect(named.test(`https://registry.${hosts[0]}.org/`)).toBe(true);
  });

  test('copies model data with its own loop: the system calls that Node wraps report success with wrong bytes', () => {
    const wrapped = /\b(?:copyFile(?:Sync)?|cpSync|copySync|fs\.cp)\b|\bcopy\b[^;]*from 'fs-extra'/;
    // To share blocks is no copying: with FICLONE_FORCE the system does that or nothing.
    const plain = (text: string) => text.replace(/copyFileSync\([^;]*COPYFILE_FICLONE_FORCE\)|^import .*$/gm, '');
    expect([...texts('src')].filter(([, text]) => wrapped.test(plain(text))).map(([file]) => file)).toEqual([]);
  });
});
