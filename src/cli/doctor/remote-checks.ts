import { toCacheError } from '../../core/errors.ts';
import { formatBytes } from '../../core/format.ts';
import type { Remote } from '../../core/remote.ts';
import { within } from '../../runtime/deadline.ts';
import type { SourceDriver } from '../../sources/driver.ts';
import { driverFor } from '../../sources/driver-for.ts';
import { isModelName } from '../../weights/extensions.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** Timeout for one remote, ms. */
const deadlineMs = 60_000;
/** Maximum difference of clocks, ms: S3 refuses signatures beyond 15 minutes. */
const mostSkewMs = 5 * 60_000;
const rangeBytes = 64 * 1024;
/** An unused directory: the driver never looks at it. */
const nowhere = '/nowhere';

/** Whether a remote answers, with these credentials and at this time, gives a range of a file, and has a checksum. Costs some requests. */
export async function remoteFindings(remote: Remote, makeDriver = driverFor): Promise<Finding[]> {
  const clock = await clockFinding(remote);
  const look = lookAt(remote, makeDriver).catch((error): Finding[] => {
    const { message, hint } = toCacheError(error);
    return [fail('remote', `${remote.name}: ${message}`, hint ?? todoOf(remote))];
  });
  const late = [fail('remote', `${remote.name}: no answer within ${deadlineMs / 1000} s`, todoOf(remote))];
  return [...(clock ? [clock] : []), ...(await within(look, deadlineMs, late))];
}

async function lookAt(remote: Remote, makeDriver: typeof driverFor): Promise<Finding[]> {
  const driver = await makeDriver({ root: nowhere, remote, network: true });
  await driver.identify();
  const found = await firstModel(driver);
  if (!found) {
    return [
      warn('remote', `${remote.name}: ${remote.url.replace(/\?.*$/s, '')} answers, and holds no models`, 'check its prefix'),
    ];
  }
  const path = `${nowhere}/${found.rel}`;
  const fingerprint = { size: found.size, mtimeNs: found.mtimeNs, ino: null };
  const source = await driver.open({ path, root: nowhere, rel: found.rel, category: null, fingerprint });
  try {
    const bytes = await source.read(new Uint8Array(Math.min(rangeBytes, found.size)), 0);
    const proof = source.proof ?? (await driver.published(path));
    const read = `${remote.name}: answers; ${formatBytes(bytes)} of ${found.rel} were read`;
    if (proof) return [ok('remote', `${read}, and ${'kind' in proof ? proof.kind : 'sha256'} is told for it`)];
    return [
      warn(
        'remote',
        `${read}; no checksum is told for it, so only its size is compared`,
        'upload with a checksum (CRC64NVME or SHA-256)',
      ),
    ];
  } finally {
    await source.close();
  }
}

interface Found {
  rel: string;
  size: number;
  mtimeNs: string;
}

async function firstModel(driver: SourceDriver): Promise<Found | null> {
  const enough = new AbortController();
  let found: Found | null = null;
  const listing = driver.list(nowhere, {
    signal: enough.signal,
    onBatch({ rels, sizes, mtimesNs }) {
      const index = rels.findIndex(isModelName);
      if (found || index < 0) return;
      found = { rel: rels[index] ?? '', size: sizes[index] ?? 0, mtimeNs: String(mtimesNs[index]) };
      enough.abort();
    },
  });
  await listing.catch((error) => {
    if (!found) throw error;
  });
  return found;
}

/** The time of the server, from any of its answers; null when it states none. */
async function clockFinding(remote: Remote): Promise<Finding | null> {
  const url = remote.scheme === 's3' ? (remote.endpoint ?? 'https://s3.amazonaws.com') : null;
  if (url === null) return null;
  const answer = await fetch(url, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(5_000) }).catch(() => null);
  const told = Date.parse(answer?.headers.get('date') ?? '');
  const skewMs = Math.abs(Date.now() - told);
  if (!(skewMs > mostSkewMs)) return null;
  const says = `${remote.name}: this machine's clock and the server's are ${Math.round(skewMs / 60_000)} minutes apart: requests are refused`;
  return fail('remote', says, 'set the clock, for example with NTP');
}

function todoOf({ scheme }: Remote): string {
  if (scheme === 's3') return 'check endpoint, bucket and credentials (AWS_ACCESS_KEY_ID, ~/.aws/credentials, profile=)';
  if (scheme === 'hf') return 'check the name, and HF_TOKEN for what is private or gated';
  return scheme === 'civitai' ? 'check the number, and CIVITAI_API_TOKEN' : 'check the address';
}
