import { cpuUsage } from 'node:process';

/** Processor time that synchronous work takes, ms. Unlike real time it does not grow with what else the machine does. */
export function cpuTimeOf(work: () => void): number {
  const before = cpuUsage();
  work();
  const { user, system } = cpuUsage(before);
  return (user + system) / 1000;
}
