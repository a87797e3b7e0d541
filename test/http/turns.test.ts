import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { listen } from '../../src/http/listen.ts';
import { createServices } from '../helpers/services.ts';

const [old, fresh] = [100, 20];

test('new programs are answered while many others ask all the time', async () => {
  const rig = createServices();
  const server = await listen(rig.services, {
    host: '127.0.0.1',
    port: 0,
    stateDir: rig.dir,
    directories: [],
    keptToken: null,
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const { hostname, port, host } = new URL(server.url);
  const ask = (socket: Socket) => socket.write(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const begin = () => {
    const socket = connect(Number(port), hostname);
    onTestFinished(() => void socket.destroy());
    ask(socket);
    return { socket, answered: once(socket, 'data') };
  };

  let answers = 0;
  const busy = Array.from({ length: old }, begin);
  for (const { socket, answered } of busy) {
    await answered;
    socket.on('data', () => {
      answers += 1;
      ask(socket);
    });
  }
  for (const { socket } of busy) ask(socket);
  while (answers < old) await once(busy[0]?.socket as Socket, 'data');

  const before = answers;
  await Promise.all(Array.from({ length: fresh }, () => begin().answered));
  // Were all who ask answered in each turn, the last one would have seen most of their rounds.
  expect(answers - before).toBeLessThan(0.3 * old * fresh);
});
