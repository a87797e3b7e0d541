import { Roots } from '../../../src/roots/registry.ts';
import { SourceClient } from '../../../src/sources/client.ts';
import { readerIn } from '../../../src/sources/pool.ts';

/** A program that asks a hung source and then has nothing more to do: it must end by itself. */
const roots = new Roots();
const medium = { kind: 'nas', from: 'detected', device: null, fileSystem: 'nfs4', resolved: '/mnt/nas' } as const;
roots.add({ path: '/mnt/nas', origin: 'config', medium });
const host = new SourceClient({ roots, openProcess: readerIn('process', new URL('./blocked.mjs', import.meta.url)) });
console.log(JSON.stringify(await host.stat('/mnt/nas/a.ckpt', { deadlineMs: 50 })));
