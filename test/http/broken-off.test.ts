import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, test, vi } from 'vitest';
import { createClient } from '../helpers/services.ts';

test('a client that breaks off its body is no failure of the daemon', async () => {
  const { app, services, token } = createClient();
  const failed = vi.spyOn(services.log, 'error');
  await app.listen({ host: '127.0.0.1', port: 0 });
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  const headers = ['Host: 127.0.0.1:8189', `Authorization: Bearer ${token}`, 'Content-Type: application/json'];
  socket.write(`${['POST /api/lookup HTTP/1.1', ...headers, 'Content-Length: 1000'].join('\r\n')}\r\n\r\n{`);
  const [request] = (await once(app.server, 'request')) as [IncomingMessage];
  const left = new Promise((resolve) => request.once('error', resolve));
  socket.destroy();
  expect(await left).toMatchObject({ code: 'ECONNRESET' });
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(failed).not.toHaveBeenCalled();
});
