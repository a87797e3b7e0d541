import type { ServicePlan } from '../service/plan.ts';
import type { Look } from './look.ts';

/** The steps, in order. */
export function planPage(what: 'install' | 'uninstall', plan: ServicePlan, notes: string[]): string {
  const commands = (list: string[][]) => list.map((words) => `$ ${words.map(word).join(' ')}`);
  const steps = plan[what].map(({ command }) => command);
  const parts =
    what === 'install'
      ? [...commands(plan.prepare), `write ${plan.file}:`, '', plan.text.trimEnd(), '', ...commands(steps), ...notes]
      : [...commands(steps), `remove ${plan.file}`, ...commands(plan.tidy)];
  return [`${plan.manager}; nothing is changed by --dry-run`, ...parts].join('\n');
}

/** @param difference lines that differ between the present file and the planned one */
export function statusPage(
  { manager, file, state, running }: { manager: string; file: string; state: string; running: boolean },
  difference: string[],
  { paint }: Look,
): string {
  const told = state === 'different' ? paint('yellow', 'different from what this autocached would install') : state;
  return [`${manager}: ${told}${running ? ', running' : ''}`, `  ${file}`, ...difference].join('\n');
}

function word(text: string): string {
  return /^[\w\\/:.@=+-]+$/.test(text) ? text : `'${text}'`;
}
