import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runDaemon } from '../../helpers/daemon.ts';
import { patience } from '../../helpers/patience.ts';

const program = process.env['SCHEMATHESIS'];
const leftOut = program ? '' : ' (left out: SCHEMATHESIS does not name the program)';
const mostSeconds = 60;
const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

test.runIf(program)(
  `the running daemon answers as its reference says, whatever schemathesis asks${leftOut}`,
  { tags: 'slow', timeout: patience(600_000) },
  async () => {
    const { dir, stateDir } = await runDaemon(
      { 'checkpoints/a.safetensors': 3_000_000, 'loras/b.safetensors': 100_000 },
      { AUTOCACHE_COMFYUI_URL: 'http://127.0.0.1:9' },
    );
    const { url } = JSON.parse(readFileSync(join(stateDir, 'daemon.json'), 'utf8')) as { url: string };
    const token = readFileSync(join(stateDir, 'token'), 'utf8').trim();
    // On a busy machine it ends before it has asked for everything; what it has asked for must be right.
    const bounds = ['--max-examples=3', `--max-time=${mostSeconds}`, '--request-timeout=90'];
    const options = ['--phases=coverage,fuzzing', ...bounds, '--suppress-health-check=all', '--seed=1'];
    // A lease ends with its connection; without it, requests with one key would wait for each other.
    const headers = ['--header', `Authorization: Bearer ${token}`, '--header', 'Connection: close'];
    const { code, output } = await run(
      [`--config-file=${file('schemathesis.toml')}`, 'run', `${url}/api/openapi.json`, ...options, ...headers],
      dir,
    );
    expect(code, output.slice(-20_000)).toBe(0);
    expect(output).toMatch(/Tested: \d\d/);
  },
);

function run(args: string[], cwd: string): Promise<{ code: unknown; output: string }> {
  const env = { ...process.env, SCHEMATHESIS_HOOKS: file('schemathesis_hooks.py'), NO_COLOR: '1' };
  return new Promise((resolve) => {
    execFile(program ?? '', args, { cwd, env, maxBuffer: 2 ** 28 }, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, output: stdout + stderr }),
    );
  });
}
