import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runDaemon } from '../helpers/daemon.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));

test('the shim and a real daemon prove to each other that they know the token, and the shim gets the copy', async () => {
  const rig = await runDaemon({ 'loras/a.safetensors': 100_000 });
  const source = join(rig.root, 'loras/a.safetensors');
  await rig.client.warm({ paths: [source], wait: true });
  const program = `
import sys
sys.path.insert(0, ${JSON.stringify(project)})
from comfyui.resolver import Resolver
import comfyui.daemon, comfyui.resolver
comfyui.daemon.CONNECT_SECONDS = comfyui.daemon.PROOF_SECONDS = comfyui.resolver.ANSWER_SECONDS = 60.0
resolver = Resolver(${JSON.stringify(rig.stateDir)})
for _ in range(3):
    print(resolver.resolve(${JSON.stringify(source)}, "loras", "a.safetensors"))
print(len(resolver.daemon.get("/api/jobs?limit=5", 60.0)["jobs"]))
`;
  const python = spawn(process.platform === 'win32' ? 'python' : 'python3', ['-c', program]);
  const [out, err] = await Promise.all([text(python.stdout), text(python.stderr), once(python, 'exit')]);
  const { entries } = await rig.client.entries({});
  const copy = entries[0]?.copies[0]?.path;
  expect(copy).toContain('a.safetensors');
  expect(out.trim().split(/\r?\n/), err).toEqual([copy, copy, copy, '1']);
});
