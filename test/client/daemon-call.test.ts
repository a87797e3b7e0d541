import { once } from 'node:events';
import { Agent } from 'node:http';
import { type AddressInfo, createServer, Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test, vi } from 'vitest';
import { CallTimeout } from '../../src/client/connection.ts';
import { DaemonCalls } from '../../src/client/daemon-call.ts';

const token = 'f'.repeat(64);
const call = { method: 'GET', path: '/', connectMs: 10, answerMs: null };
const calls = new DaemonCalls();

test('a connection that does not come about is given up', async () => {
  const never = () => Object.assign(new Socket(), { connecting: true });
  const spy = vi.spyOn(Agent.prototype, 'createConnection').mockImplementation(never);
  onTestFinished(() => spy.mockRestore());
  await expect(calls.call({ url: 'http://127.0.0.1:9', token }, call)).rejects.toThrow(CallTimeout);
  expect(spy).toHaveBeenCalledOnce();
});

test('a daemon that hangs is given up by whoever waits for as long as the answer takes, too', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const asked = calls.call({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token }, call);
  const [socket] = (await once(server, 'connection')) as [Socket];
  onTestFinished(() => void socket.destroy());
  await once(socket, 'data');
  vi.advanceTimersByTime(30_000);
  await expect(asked).rejects.toThrow(CallTimeout);
});

test('a program that was busy for longer than the time-out still reads the answer that came meanwhile', async () => {
  const helper = new URL('../helpers/proving-server.ts', import.meta.url).href;
  const server = new Worker(
    `const { parentPort } = require('node:worker_threads');
    import(${JSON.stringify(helper)}).then(({ provingServer }) => {
      const { receive } = provingServer('${token}');
      const server = require('node:http').createServer(async (request, response) => {
        if (await receive(request, response)) response.end('answer');
      });
      server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
    });`,
    { eval: true },
  );
  const [port] = await once(server, 'message');
  const to = { url: `http://127.0.0.1:${port}`, token };
  const asked = { ...call, connectMs: 5_000, answerMs: 5_000 };
  await calls.call(to, asked);
  const answer = calls.call(to, { ...asked, answerMs: 50 });
  // The request leaves over the kept connection in this turn; then nothing of this thread runs for a while.
  await new Promise((resolve) => setImmediate(resolve));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  expect(await answer).toEqual({ status: 200, text: 'answer' });
  calls.close();
  await server.terminate();
});
