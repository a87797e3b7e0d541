import { expect, test } from 'vitest';
import { startFakeDaemon } from './fake-daemon.ts';
import { runCli } from './run-cli.ts';

const bad = {
  id: 7,
  path: '/mnt/nas/a.safetensors',
  bytes: 2048,
  copy: '/ssd/a.safetensors',
  tier: 'ssd',
  why: 'its bytes differ from the copied file',
  chunks: [3],
  recopied: true,
};

test('verify says which chunk of which copy differs, and tells scripts by exit code 4', async () => {
  await using daemon = await startFakeDaemon({
    'POST /api/cache/verify': () => ({ files: 2, bytes: 4096, damaged: [bad], mismatched: [], skipped: [] }),
  });
  const { code, out } = await runCli(['verify', '--all'], { stateDir: daemon.stateDir });
  expect(code).toBe(4);
  expect(out).toContain('corrupted  /mnt/nas/a.safetensors');
  expect(out).toContain('(1 chunk: 3)');
  expect(out).toContain('a new copy is being made');
  expect(out).toContain('2 copies verified (4 KiB): 1 corrupted');
  expect(daemon.asked[0]?.body).toEqual({ all: true });
});

test('verify names a source that is not what was published, and says what to do', async () => {
  const mismatched = [
    { id: 7, path: '/nas/a.ckpt', bytes: 2048, sha256: 'a'.repeat(64), published: 'b'.repeat(64), from: '/nas/a.ckpt.sha256' },
  ];
  await using daemon = await startFakeDaemon({
    'POST /api/cache/verify': () => ({ files: 1, bytes: 2048, damaged: [], mismatched, skipped: [] }),
  });
  const { code, out } = await runCli(['verify', '--all'], { stateDir: daemon.stateDir });
  expect(code).toBe(4);
  expect(out).toContain('not as published  /nas/a.ckpt');
  expect(out).toContain(`/nas/a.ckpt.sha256 says ${'b'.repeat(64)}; download the file again`);
});

test('verify of one file asks for that file, and is done when it is the same', async () => {
  await using daemon = await startFakeDaemon({
    'POST /api/cache/verify': () => ({ files: 1, bytes: 2048, damaged: [], mismatched: [], skipped: [] }),
  });
  const { code, out } = await runCli(['verify', 'loras/a'], { stateDir: daemon.stateDir });
  expect([code, out]).toEqual([0, '1 copy verified (2 KiB): OK\n']);
  expect(daemon.asked[0]?.body).toEqual({ names: ['loras/a'] });
});

test('verify of nothing is wrong use, not a silent success', async () => {
  expect((await runCli(['verify'])).code).toBe(2);
});
