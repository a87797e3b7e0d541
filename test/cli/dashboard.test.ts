import { expect, test } from 'vitest';
import { startFakeDaemon } from './fake-daemon.ts';
import { runCli } from './run-cli.ts';

test('dashboard prints an address that holds a code and not the token', async () => {
  await using daemon = await startFakeDaemon({ 'POST /api/dashboard/code': () => ({ path: '/#code' }) });
  const { code, out } = await runCli(['dashboard'], { stateDir: daemon.stateDir });
  expect(code).toBe(0);
  expect(out).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#code\n/);
  const { out: json } = await runCli(['dashboard', '--json'], { stateDir: daemon.stateDir });
  expect(JSON.parse(json)).toEqual({ url: expect.stringMatching(/\/#code$/) });
});

test('dashboard --sign-out signs out every browser', async () => {
  await using daemon = await startFakeDaemon({ 'POST /api/dashboard/sign-out': () => ({ signedOut: 1 }) });
  const { code, out } = await runCli(['dashboard', '--sign-out'], { stateDir: daemon.stateDir });
  expect([code, out]).toEqual([0, '1 browser signed out\n']);
});
