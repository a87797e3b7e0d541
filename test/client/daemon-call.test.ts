import { once } from 'node:events';
import { Agent } from 'node:http';
import { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { CallTimeout, callDaemon } from '../../src/client/daemon-call.ts';

const call = { url: 'http://127.0.0.1:9', method: 'GET', path: '/', token: 'secret', connectMs: 10, answerMs: null };

test('a connection that does not come about is given up', async () => {
  const agent = new Agent();
  agent.createConnection = () => Object.assign(new Socket(), { connecting: true });
  await expect(callDaemon({ ...call, agent })).rejects.toThrow(CallTimeout);
});

test('a program that was busy for longer than the time-out still reads the answer that came meanwhile', async () => {
  const server = new Worker(
    `const { parentPort } = require('node:worker_threads');
    const server = require('node:http').createServer((request, response) => response.end('answer'));
    server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`,
    { eval: true },
  );
  const [port] = await once(server, 'message');
  const agent = new Agent({ keepAlive: true });
  const asked = { ...call, url: `http://127.0.0.1:${port}`, agent, connectMs: 5_000, answerMs: 5_000 };
  await callDaemon(asked);
  const answer = callDaemon({ ...asked, answerMs: 50 });
  // The request leaves over the kept connection in this turn; then nothing of this thread runs for a while.
  await new Promise((resolve) => setImmediate(resolve));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  expect(await answer).toEqual({ status: 200, text: 'answer' });
  agent.destroy();
  await server.terminate();
});
