import { onTestFinished } from 'vitest';
import type { HuggingFaceRemote, S3Remote } from '../../../src/core/remote.ts';
import { huggingFace } from '../../../src/sources/drivers/http/hugging-face.ts';
import type { ObjectStore } from '../../../src/sources/drivers/remote/object-store.ts';
import type { Patience } from '../../../src/sources/drivers/remote/persistence.ts';
import { remoteDriver } from '../../../src/sources/drivers/remote/remote-driver.ts';
import { S3Store } from '../../../src/sources/drivers/s3/s3-store.ts';
import { hubProtocol, repository } from '../../helpers/hub-protocol.ts';
import { type Fault, ObjectServer, type Reply } from '../../helpers/object-server.ts';
import { bucket, s3Protocol } from '../../helpers/s3-protocol.ts';
import type { Breakdown, Subject } from '../subject.ts';

/** Gives up after a moment, as tests of what stays broken want it. */
const hasty: Patience = {
  silentMs: 20_000,
  deadMs: 200,
  slowMs: 200,
  looks: 2,
  pauseMs: { first: 1, longest: 5 },
};

const common = { name: 'far', to: null, list: null, proxy: null, price: null, verify: 'report' } as const;

export function s3Remote(endpoint: string, more: Partial<S3Remote> = {}): S3Remote {
  const place = { bucket, prefix: '', endpoint, region: 'us-east-1', profile: null, style: 'path' } as const;
  return { ...common, url: `s3://${bucket}`, driver: 's3', scheme: 's3', ...place, ...more };
}

export function hubRemote(more: Partial<HuggingFaceRemote> = {}): HuggingFaceRemote {
  const url = `hf://${repository.repo}@${repository.revision}`;
  return { ...common, url, driver: 'http', scheme: 'hf', ...repository, prefix: '', ...more };
}

/** Credentials that this process's environment names. */
export function useCredentials(id = 'AKtest', secret = 'SKtest12'): void {
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret });
}

export async function s3Subject(): Promise<RemoteSubject> {
  useCredentials();
  const server = await started(ObjectServer.start(s3Protocol));
  return new RemoteSubject(server, new S3Store(s3Remote(server.url)));
}

export async function hubSubject(): Promise<RemoteSubject> {
  const server = await started(ObjectServer.start(hubProtocol));
  return new RemoteSubject(server, huggingFace(hubRemote(), { address: server.url, token: null }));
}

async function started(starting: Promise<ObjectServer>): Promise<ObjectServer> {
  const server = await starting;
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

/** Objects of the server as a driver sees them. */
export class RemoteSubject implements Subject {
  readonly root = '/state/remotes/far';
  readonly driver;
  readonly server: ObjectServer;
  readonly store: ObjectStore;

  constructor(server: ObjectServer, store: ObjectStore, patience = hasty) {
    this.server = server;
    this.store = store;
    this.driver = remoteDriver({ root: this.root, store, patience });
  }

  put: Subject['put'] = (rel, bytes) => this.server.put(rel, bytes);

  publish: Subject['publish'] = (rel, sha256) => {
    const object = this.server.objects.get(rel);
    if (object) this.server.objects.set(rel, { ...object, sha256 });
  };

  remove: Subject['remove'] = (rel) => {
    this.server.objects.delete(rel);
  };

  truncate: Subject['truncate'] = (rel, size) =>
    this.put(rel, this.server.objects.get(rel)?.bytes.subarray(0, size) ?? Buffer.alloc(0));

  rewrite: Subject['rewrite'] = (rel, bytes) => this.put(rel, bytes);
  replace: Subject['replace'] = (rel, bytes) => this.put(rel, bytes);

  vanish: Subject['vanish'] = (how) => {
    this.server.objects.clear();
    this.server.isThere = how === 'empty';
  };

  breakDown = (how: Breakdown, rel = '') => {
    let fired = false;
    const { promise: healed, resolve } = Promise.withResolvers<void>();
    const fault: Fault = async (reply, response, asked) => {
      fired = true;
      if (how === 'away') response.destroy();
      else if (how === 'denied') response.writeHead(403).end();
      else if (how === 'io') response.writeHead(500).end();
      else {
        await healed;
        this.server.send(reply, response, asked);
      }
    };
    const isBelow = ({ about }: Reply) => rel === '' || about === rel || about.startsWith(`${rel}/`);
    this.server.faultFor = (_asked, reply) => (isBelow(reply) ? fault : null);
    const heal = () => {
      this.server.faultFor = () => null;
      resolve();
    };
    return { fired: () => fired, heal };
  };
}
