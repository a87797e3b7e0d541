import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { program } from '../helpers/daemon-process.ts';
import { ObjectServer } from '../helpers/object-server.ts';
import { patience } from '../helpers/patience.ts';
import { s3Protocol } from '../helpers/s3-protocol.ts';
import { comfyuiUser, environment, group, isRoot, startShared, stranger } from '../helpers/two-users.ts';

const shim = join(import.meta.dirname, '..', '..', 'comfyui');
/** As the shim looks at a file. */
const isPlaceholder = `
import sys
sys.path.insert(0, ${JSON.stringify(shim)})
import placeholder
print([placeholder.is_placeholder(path) for path in sys.argv[1:]])
`;

test.runIf(isRoot)(
  "another user's ComfyUI finds the models of a remote",
  { tags: 'slow', timeout: patience(90_000) },
  async () => {
    const server = await ObjectServer.start(s3Protocol);
    onTestFinished(() => server[Symbol.asyncDispose]());
    const bytes = Buffer.alloc(300_000, 'model');
    server.put('checkpoints/deep/far.safetensors', bytes);
    server.put('loras/small.safetensors', Buffer.alloc(1000, 'small'));
    // As services are often started.
    const { dir, state } = await startShared('077', {
      AUTOCACHE_REMOTES: `main=s3://models?endpoint=${server.url}&region=us-east-1`,
      AWS_ACCESS_KEY_ID: 'AKtest',
      AWS_SECRET_ACCESS_KEY: 'hush-hush-hush',
    });
    const run = async (uid: number, gid: number, command: string, ...words: string[]) => {
      const child = promisify(execFile)(command, words, { uid, gid, cwd: dir, env: { ...environment, HOME: dir } });
      return child.then(
        ({ stdout }) => ({ status: 0, stdout }),
        ({ code, stdout }) => ({ status: code as number, stdout: stdout as string }),
      );
    };
    const asComfyui = (command: string, ...words: string[]) => run(comfyuiUser, group, command, ...words);

    const list = await asComfyui('cat', join(state, 'remotes', 'folders.json'));
    const { path: folder, copies } = JSON.parse(list.stdout).folders[0];
    const far = join(folder, 'checkpoints', 'deep', 'far.safetensors');
    const small = join(folder, 'loras', 'small.safetensors');
    for (const path of [far, small]) await expect.poll(() => existsSync(path), { timeout: patience(30_000) }).toBe(true);
    const found = await asComfyui('find', folder, '-type', 'f', '-name', '*.safetensors');
    expect(found.stdout.trim().split('\n').toSorted()).toEqual([far, small]);
    expect((await asComfyui('cat', far)).status).not.toBe(0);
    expect((await asComfyui('touch', join(folder, 'checkpoints', 'more'))).status).not.toBe(0);
    // One whose sentence fills its block as well.
    expect((await asComfyui('python3', '-c', isPlaceholder, far, small, program)).stdout.trim()).toBe('[True, True, False]');

    const warmed = await asComfyui(process.execPath, program, 'warm', far, '--state', state);
    expect(warmed).toMatchObject({ status: 0, stdout: expect.stringContaining('1 of 1 file ready') });
    const copy = join(copies, 'checkpoints', 'deep', 'far.safetensors');
    expect(readFileSync(copy).equals(bytes)).toBe(true);
    expect((await asComfyui('cat', copy)).stdout.length).toBe(bytes.length);

    for (const path of [folder, copies]) expect((await run(stranger, stranger, 'ls', path)).status).not.toBe(0);
    const secrets = await asComfyui('grep', '-rlE', 'hush-hush-hush', state);
    expect(secrets.stdout).toBe('');
  },
);
