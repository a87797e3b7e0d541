import type { ShimStatus } from '../comfyui-link.ts';
import { shellWord } from '../text/shell-word.ts';
import type { RunningComfyui } from './comfyui-server.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

export interface ShimFacts {
  /** State of each ComfyUI directory; an error if it is unknown. */
  shims: { dir: string; status: ShimStatus | string }[];
  running: RunningComfyui | null;
  stateDir: string;
  /** Null when none runs. */
  daemonVersion: string | null;
}

/** The resolver inside ComfyUI: installed, of this version, looking for this daemon, and loaded. */
export function shimFindings({ shims, running, stateDir, daemonVersion }: ShimFacts): Finding[] {
  const findings = shims.flatMap(({ dir, status }) => shimFinding(dir, status, { stateDir, daemonVersion }));
  if (running && !running.shimLoaded) {
    const todo = 'start ComfyUI again; if that does not help, look for "autocached" in its log';
    findings.push(fail('shim', `the ComfyUI at ${running.url} has not loaded it`, todo));
  } else if (running) {
    findings.push(ok('shim', `loaded by the ComfyUI at ${running.url}`));
  }
  return findings;
}

function shimFinding(
  dir: string,
  status: ShimStatus | string,
  { stateDir, daemonVersion }: Pick<ShimFacts, 'stateDir' | 'daemonVersion'>,
): Finding[] {
  const install = `autocached comfyui install ${shellWord(dir)}`;
  if (typeof status === 'string') return [fail('shim', `${dir}: ${status}`, install)];
  const { folder, installed, version, upToDate } = status;
  if (!installed) return [fail('shim', `not installed in ${folder}`, install)];
  const findings: Finding[] = [];
  const again = `${install}, then start ComfyUI again`;
  if (daemonVersion !== null && version !== daemonVersion) {
    findings.push(warn('shim', `${folder} is of version ${version}, the daemon of ${daemonVersion}`, again));
  } else if (!upToDate) {
    findings.push(warn('shim', `the files in ${folder} are not those of this version`, again));
  }
  if (status.stateDir !== null && status.stateDir !== stateDir) {
    findings.push(fail('shim', `${folder} looks for the daemon in ${status.stateDir}, not in ${stateDir}`, again));
  }
  return findings.length > 0 ? findings : [ok('shim', `version ${version} in ${folder}`)];
}
