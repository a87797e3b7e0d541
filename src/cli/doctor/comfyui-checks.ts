import { formatBytes } from '../../core/format.ts';
import type { RunningComfyui } from './comfyui-server.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

export interface ComfyuiFacts {
  running: RunningComfyui | null;
  /** Address from the configuration or the command line that does not answer; null when none was given. */
  silentUrl: string | null;
  /** Directories that were found, with the version that each states. */
  dirs: { dir: string; version: string | null }[];
  /** Memory of this machine, bytes. */
  ramBytes: number;
  /** Whether ComfyUI would stream weights at every use from there: from the cache, and from each disk with models. */
  fast: { cache: boolean; sources: boolean[] };
}

/** First version in which nodes run with a context that names the asking one. */
const withContext = [0, 3, 45];
/** First version in which ComfyUI looks at the disk of each model by itself. */
const withPolicy = [0, 38, 0];
/** Memory from which on pinned weights are faster than streaming them from an SSD, bytes. */
const muchMemory = 64 * 1024 ** 3;

/** The ComfyUI found, whether its flags let the resolver work, and its treatment of models on the SSD. */
export function comfyuiFindings(facts: ComfyuiFacts): Finding[] {
  const { running, silentUrl, dirs } = facts;
  const findings: Finding[] = [];
  if (silentUrl) findings.push(warn('comfyui', `none answers at ${silentUrl}`, 'start it, or correct AUTOCACHE_COMFYUI_URL'));
  if (running) {
    const { url, version, ramBytes } = running;
    const memory = ramBytes === null ? '' : `, ${formatBytes(ramBytes)} of memory`;
    findings.push(ok('comfyui', `version ${version ?? 'not known'} runs at ${url}${memory}`), ...flags(running));
  }
  for (const { dir, version } of dirs) findings.push(ok('comfyui', `${version ?? 'a base directory'} in ${dir}`));
  if (!running && dirs.length === 0) {
    const todo = 'give its directory: autocached doctor DIR, or its address: --url http://127.0.0.1:8188';
    return [...findings, warn('comfyui', 'no ComfyUI was found', todo)];
  }
  const version = running?.version ?? dirs.find((dir) => dir.version)?.version ?? null;
  if (version !== null && isBefore(version, withContext)) {
    const todo = 'update ComfyUI: with this version nodes do not wait for copies, and show no progress';
    findings.push(warn('comfyui', `version ${version} does not tell which node asks`, todo));
  }
  return [...findings, fastDisk(facts, version)];
}

function flags({ argv }: RunningComfyui): Finding[] {
  const at = argv.indexOf('--whitelist-custom-nodes');
  const listed = at < 0 ? [] : argv.slice(at + 1);
  if (argv.includes('--disable-all-custom-nodes') && !listed.includes('autocached')) {
    const todo = 'drop that flag, or add: --whitelist-custom-nodes autocached';
    return [fail('comfyui', 'it was started with --disable-all-custom-nodes, so the resolver is not loaded', todo)];
  }
  return [];
}

/**
 * ComfyUI streams weights from fast NVMe disks at every use instead of keeping them in memory. With copies on such a disk it
 * begins to do so for models whose sources are slow.
 */
function fastDisk({ running, ramBytes, fast }: ComfyuiFacts, version: string | null): Finding {
  const argv = running?.argv ?? [];
  const memory = running?.ramBytes ?? ramBytes;
  const much = memory >= muchMemory;
  if (argv.includes('--disable-fast-disk')) return ok('fast-disk', 'off by --disable-fast-disk: weights stay in memory');
  if (argv.includes('--fast-disk')) {
    const says = 'on by --fast-disk: weights are streamed from disk at every use';
    return much ? warn('fast-disk', `${says}, with ${formatBytes(memory)} of memory`, 'drop that flag') : ok('fast-disk', says);
  }
  if (version === null || isBefore(version, withPolicy)) {
    return ok('fast-disk', 'this ComfyUI keeps weights in memory wherever they lie, unless it is started with --fast-disk');
  }
  if (!fast.cache) return ok('fast-disk', 'will not switch: the cache is not on an NVMe disk that ComfyUI calls fast');
  if (fast.sources.length > 0 && fast.sources.every(Boolean)) {
    return ok('fast-disk', 'on already: the models lie on disks that ComfyUI calls fast');
  }
  const says = 'switches on for models that load from the cache: weights are streamed from the SSD at every use';
  if (!much) return ok('fast-disk', says);
  const todo = 'start ComfyUI with --disable-fast-disk, or with --high-ram, so that weights stay in memory';
  return warn('fast-disk', `${says}, which is slower with ${formatBytes(memory)} of memory`, todo);
}

function isBefore(version: string, than: readonly number[]): boolean {
  const parts = version
    .replace(/^v/, '')
    .split('.')
    .map((part) => Number.parseInt(part, 10) || 0);
  const at = than.findIndex((number, index) => (parts[index] ?? 0) !== number);
  return at >= 0 && (parts[at] ?? 0) < (than[at] ?? 0);
}
