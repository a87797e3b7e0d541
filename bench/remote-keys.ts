import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

const pageKeys = 1000;

/** A bucket of any number of keys in ten folders that can only be listed; each page takes its time. */
export class KeyServer implements AsyncDisposable {
  readonly #server: Server;

  private constructor(count: number, answerMs: number) {
    const perFolder = count / 10;
    this.#server = createServer(({ url = '' }, response) => {
      const { searchParams } = new URL(url, 'http://localhost');
      const page = searchParams.has('delimiter')
        ? Array.from({ length: 10 }, (_, at) => `<CommonPrefixes><Prefix>folder${at}/</Prefix></CommonPrefixes>`).join('')
        : keysOf(searchParams.get('prefix') ?? '', Number(searchParams.get('continuation-token') ?? 0), perFolder);
      const body = `<?xml version="1.0"?><ListBucketResult><EncodingType>url</EncodingType>${page}</ListBucketResult>`;
      setTimeout(() => response.writeHead(200, { 'content-type': 'application/xml' }).end(body), answerMs);
    });
  }

  static async start({ count, answerMs }: { count: number; answerMs: number }): Promise<KeyServer> {
    const server = new KeyServer(count, answerMs);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

function keysOf(prefix: string, from: number, count: number): string {
  const end = Math.min(count, from + pageKeys);
  const facts =
    '<LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag>';
  const keys = Array.from(
    { length: end - from },
    (_, at) => `<Contents><Key>${prefix}style-${from + at}.safetensors</Key>${facts}<Size>1000000</Size></Contents>`,
  );
  const next = end < count ? `<NextContinuationToken>${end}</NextContinuationToken>` : '';
  return `<IsTruncated>${end < count}</IsTruncated>${next}${keys.join('')}`;
}
