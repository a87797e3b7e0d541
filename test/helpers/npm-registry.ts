import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';

export interface NpmRegistry extends AsyncDisposable {
  url: string;
  /** The newest one is the last. */
  publish(version: string, archive: string): void;
}

/** A registry of npm packages on this machine, with one package in it. */
export async function startNpmRegistry(name: string): Promise<NpmRegistry> {
  const archives = new Map<string, string>();
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    if (path === `/${name}` && archives.size > 0) return response.end(JSON.stringify(description()));
    const file = [...archives.values()].find((archive) => path === `/files/${basename(archive)}`);
    if (file !== undefined) return response.end(readFileSync(file));
    return response.writeHead(404).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  function description(): object {
    const versions = [...archives].map(([version, archive]) => [
      version,
      {
        name,
        version,
        bin: { [name]: `dist/bin/${name}.js` },
        dist: {
          tarball: `${url}/files/${basename(archive)}`,
          integrity: `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`,
        },
      },
    ]);
    return { name, 'dist-tags': { latest: [...archives.keys()].at(-1) }, versions: Object.fromEntries(versions) };
  }

  return {
    url,
    publish: (version, archive) => void archives.set(version, archive),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
