/** Asks a remote for one file, prints what a log line would have of the failure, and crashes of it. */
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { Remote } from '../../../src/core/remote.ts';
import { driverFor } from '../../../src/sources/driver-for.ts';

const root = '/remotes/far';
const remote = JSON.parse(process.argv[2] ?? '') as Remote;
const driver = await driverFor({ root, remote, network: true });
const path = join(root, 'checkpoints/a.safetensors');
try {
  const found = await driver.stat(path);
  if (found.is !== 'file') throw new Error(`it is ${found.is}`);
  const { size, mtimeNs } = found;
  const fingerprint = { size, mtimeNs: String(mtimeNs), ino: null };
  const open = await driver.open({ path, root, rel: 'checkpoints/a.safetensors', category: null, fingerprint });
  await open.read(Buffer.alloc(size), 0);
} catch (error) {
  console.log(inspect(error, { depth: 20, showHidden: true }));
  throw error;
}
