import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { addCommands } from '../../src/cli/commands.ts';
import { allFacts } from '../../src/cli/reference/all.ts';
import { completionScript, shells } from '../../src/cli/reference/completion.ts';
import { commandsPage, manPage } from '../../src/cli/reference/manual.ts';
import { allCommands } from '../../src/cli/reference/tree.ts';
import { version } from '../../src/runtime/package.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { runCli } from './run-cli.ts';

const facts = () => allFacts(addCommands);
const isThere = (program: string) => spawnSync(program, ['--version']).status === 0;
const leftOut = (program: string) => (isThere(program) ? '' : ` (left out: there is no ${program})`);

/** Writes what a shell is to run beside the completion, and gives the lines that it prints. */
async function run(shell: string, script: string, more: string): Promise<string[]> {
  const file = join(tempDir(), 'completion');
  writeFileSync(file, `${script}\n${more}`);
  const { stdout, stderr, status } = spawnSync(shell, [file], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  return stdout.trim().split(/\s+/);
}

// `npx vitest run test/cli/reference.test.ts -u` writes the page anew.
test('docs/COMMANDS.md is what the commands say of themselves', async () => {
  await expect(commandsPage(await facts())).toMatchFileSnapshot('../../docs/COMMANDS.md');
});

test('config/man/autocached.1 is the man page of this version', async () => {
  await expect(manPage(await facts(), version)).toMatchFileSnapshot('../../config/man/autocached.1');
});

test('every help has examples, and none is wider than 80 columns', async () => {
  const commands = allCommands(await facts()).filter(({ commands: inner }) => inner.length === 0);
  expect(commands.length).toBeGreaterThan(35);
  expect(commands.filter(({ help }) => !/^Examples:\n {2}\S/m.test(help)).map(({ path }) => path)).toEqual([]);
  const wide = (help: string) => help.split('\n').filter((line) => line.length > 80 && !line.startsWith('  autocached'));
  expect(commands.filter(({ help }) => wide(help).length > 0).map(({ path }) => path)).toEqual([]);
});

test.runIf(isThere('groff'))(`groff formats the man page without a warning${leftOut('groff')}`, async () => {
  const { stdout, stderr } = spawnSync('groff', ['-man', '-Tutf8', '-ww'], {
    input: manPage(await facts(), version),
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(stdout).toContain('completion');
});

describe('completion', () => {
  test('of a shell that there is not is refused with those that there are', async () => {
    const { code, err } = await runCli(['completion', 'tcsh']);
    expect(code).toBe(2);
    for (const shell of shells) expect(err).toContain(shell);
  });

  test.each(shells)('for %s is printed as it is', async (shell) => {
    const { code, out } = await runCli(['completion', shell]);
    expect(code).toBe(0);
    expect(out).toBe(completionScript(shell, await facts()));
    for (const word of ['invalidate', 'completion', 'read-only']) expect(out).toContain(word);
  });

  test.runIf(isThere('bash'))(`in bash offers commands, options and their words${leftOut('bash')}`, async () => {
    const script = completionScript('bash', await facts());
    const offered = (words: string) =>
      run('bash', script, `COMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]}-1)); _autocached; echo "\${COMPREPLY[@]}"`);
    expect(await offered('autocached ver')).toEqual(['verify']);
    expect(await offered('autocached memo in')).toEqual(['invalidate']);
    expect(await offered('autocached --json memo list --se')).toEqual(['--search']);
    expect(await offered('autocached start --mode read-w')).toEqual(['read-write']);
    expect(await offered('autocached evict --y')).not.toContain('verify');
  });

  test.runIf(isThere('zsh'))(`in zsh is read${leftOut('zsh')}`, async () => {
    expect(spawnSync('zsh', ['-n'], { input: completionScript('zsh', await facts()), encoding: 'utf8' }).stderr).toBe('');
  });

  test.runIf(isThere('fish'))(`in fish offers commands and options${leftOut('fish')}`, async () => {
    const script = completionScript('fish', await facts());
    const offered = (line: string) => run('fish', script, `complete -C '${line}' | string replace -r '\\t.*' ''`);
    expect(await offered('autocached ver')).toEqual(['verify']);
    expect(await offered('autocached memo in')).toEqual(['invalidate']);
    expect(await offered('autocached start --mode read-w')).toEqual(['read-write']);
  });

  test.runIf(isThere('pwsh'))(`in PowerShell offers commands${leftOut('pwsh')}`, async () => {
    const line = "(TabExpansion2 -inputScript 'autocached memo in' -cursorColumn 18).CompletionMatches.CompletionText";
    const script = `${completionScript('powershell', await facts())}\n${line}`;
    expect(spawnSync('pwsh', ['-NoProfile', '-Command', script], { encoding: 'utf8' }).stdout.trim()).toBe('invalidate');
  });
});
