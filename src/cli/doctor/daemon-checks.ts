import type { StatsAnswer } from '../../api/stats.ts';
import { formatBytes } from '../../core/format.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

export interface DaemonFacts {
  /** Why the configuration cannot be used; null when it can. */
  configProblem: string | null;
  /** The daemon's report on itself; null when none answers. */
  stats: StatsAnswer | null;
  /** Why none answers. */
  problem: string | null;
  /** True when a daemon is announced, and its process or address does not answer. */
  announced: boolean;
  /** The address that the settings name, and whether another program has it; null when any port will do. */
  listen: { address: string; taken: boolean } | null;
  /** Version of this program. */
  version: string;
}

/** The configuration, and the daemon itself. */
export function daemonFindings(facts: DaemonFacts): Finding[] {
  const { configProblem, stats, version } = facts;
  const findings: Finding[] = [];
  if (configProblem !== null) {
    findings.push(fail('config', configProblem, 'correct these settings: autocached config shows where each comes from'));
  }
  if (!stats) return [...findings, ...whyNone(facts)];
  const limit = stats.tiers.find(({ tier }) => tier === 'ssd')?.limit;
  const size = limit === undefined ? '' : `, limit ${formatBytes(limit)}`;
  findings.push(ok('daemon', `autocached ${stats.version} runs (pid ${stats.pid}), mode ${stats.mode}${size}`));
  if (stats.version !== version) {
    findings.push(warn('daemon', `it is version ${stats.version}, this program is ${version}`, 'autocached restart'));
  }
  for (const warning of stats.warnings) {
    findings.push(warn('daemon', warning, 'correct that setting or file: the daemon takes it up by itself'));
  }
  if (stats.mode !== 'read-write') {
    const effect = stats.mode === 'off' ? 'no copy is used' : 'no new copies are made';
    findings.push(warn('daemon', `in mode ${stats.mode} ${effect}`, 'autocached mode read-write'));
  }
  return findings;
}

function whyNone({ problem, announced, listen }: DaemonFacts): Finding[] {
  const why = problem ?? 'the daemon is not running';
  if (/another user|permission denied/i.test(why)) {
    const todo =
      'run this as the user of the daemon, or share it with a group: AUTOCACHE_GROUP for both users (docs/GUIDE.md, Two users)';
    return [fail('daemon', why, todo)];
  }
  if (announced) return [fail('daemon', why, 'end that process if it hangs, then: autocached start --detach')];
  if (listen?.taken) {
    const todo = 'set AUTOCACHE_LISTEN to another address, such as 127.0.0.1:8399';
    return [fail('daemon', `it is not running, and another program has ${listen.address}`, todo)];
  }
  return [fail('daemon', why, 'autocached start --detach')];
}
