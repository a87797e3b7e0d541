import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** What the server does with a request: gives the vector of a text, or something that is none. */
export type Embeds = (text: string) => readonly number[] | { status: number; body: string } | 'never';

/** An OpenAI-compatible server of embeddings on a free port. `asked` are the texts that it was asked for, `keys` what it was shown. */
export async function startEmbeddingServer(
  embeds: Embeds,
): Promise<{ url: string; asked: string[]; keys: (string | undefined)[]; stop(): void }> {
  const asked: string[] = [];
  const keys: (string | undefined)[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { input } = JSON.parse(Buffer.concat(parts).toString()) as { input: string };
    asked.push(input);
    keys.push(request.headers.authorization);
    const answer = request.url === '/v1/embeddings' ? embeds(input) : { status: 404, body: 'no such path' };
    if (answer === 'never') return;
    if ('status' in answer) response.writeHead(answer.status).end(answer.body);
    else response.end(JSON.stringify({ data: [{ embedding: answer }], model: 'm', object: 'list' }));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  onTestFinished(stop);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`, asked, keys, stop };
}
