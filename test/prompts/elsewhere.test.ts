import { expect, onTestFinished, test, vi } from 'vitest';
import { Servers } from '../../src/prompts/servers.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { fakeComfyui } from '../helpers/comfyui-server.ts';
import { tempDir } from '../helpers/temp-dir.ts';

async function serversOf(host: string) {
  const comfyui = await fakeComfyui({ input: tempDir() });
  const url = new URL(comfyui.url);
  url.hostname = host;
  const info = vi.fn();
  const servers = new Servers({
    clock: systemClock,
    log: { info } as never,
    configured: url.href,
    comfyuiDir: () => null,
    kept: { get: () => undefined, set: () => {} },
  });
  onTestFinished(() => servers[Symbol.dispose]());
  return { servers, server: servers.of(null), told: () => info.mock.calls.map(([, text]) => text) };
}

test('input files of a ComfyUI that is not of this machine are not known, and the log says so once', async () => {
  // No loopback address by its name, and still this machine.
  const { servers, server, told } = await serversOf('0.0.0.0');
  for (const _ of [1, 2])
    expect((await servers.factsNow(server)).directories).toEqual({ input: null, output: null, temp: null });
  expect(told()).toEqual([expect.stringContaining('input files of a ComfyUI on another machine are not known here')]);
});

test('of a ComfyUI of this machine they are', async () => {
  const { servers, server, told } = await serversOf('127.0.0.1');
  expect((await servers.factsNow(server)).directories.input).not.toBeNull();
  expect(told()).toEqual([]);
});
