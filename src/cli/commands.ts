import type { Command } from 'commander';
import { describeCommands } from './describe.ts';
import { addExamples } from './examples.ts';
import type { Run } from './session.ts';

type Add = (program: Command, run: Run) => void;

/** The commands by heading, both in the order of `--help`. Only the command to run is loaded. */
const groups: Record<string, Record<string, () => Promise<Add>>> = {
  'The daemon:': {
    init: async () => (await import('./commands/init.ts')).addInit,
    start: async () => (await import('./commands/start.ts')).addStart,
    stop: async () => (await import('./commands/stop.ts')).addStop,
    restart: async () => (await import('./commands/restart.ts')).addRestart,
    service: async () => (await import('./commands/service.ts')).addService,
    upgrade: async () => (await import('./commands/upgrade.ts')).addUpgrade,
    uninstall: async () => (await import('./commands/uninstall.ts')).addUninstall,
    mode: async () => (await import('./commands/mode.ts')).addMode,
    config: async () => (await import('./commands/config.ts')).addConfig,
  },
  'What it does:': {
    status: async () => (await import('./commands/status.ts')).addStatus,
    doctor: async () => (await import('./commands/doctor.ts')).addDoctor,
    list: async () => (await import('./commands/list.ts')).addList,
    explain: async () => (await import('./commands/explain.ts')).addExplain,
    jobs: async () => (await import('./commands/jobs.ts')).addJobs,
    logs: async () => (await import('./commands/logs.ts')).addLogs,
    events: async () => (await import('./commands/events.ts')).addEvents,
    dashboard: async () => (await import('./commands/dashboard.ts')).addDashboard,
    simulate: async () => (await import('./commands/simulate.ts')).addSimulate,
    trace: async () => (await import('./commands/trace.ts')).addTrace,
    completion: async () => (await import('./commands/completion.ts')).addCompletion(addCommands),
  },
  'Files:': {
    lookup: async () => (await import('./commands/lookup.ts')).addLookup,
    warm: async () => (await import('./commands/warm.ts')).addWarm,
    analyze: async () => (await import('./commands/analyze.ts')).addAnalyze,
    pin: async () => (await import('./commands/pin.ts')).addPin,
    evict: async () => (await import('./commands/evict.ts')).addEvict,
    purge: async () => (await import('./commands/purge.ts')).addPurge,
    remote: async () => (await import('./commands/remote.ts')).addRemote,
    variant: async () => (await import('./commands/variant.ts')).addVariant,
    root: async () => (await import('./commands/root.ts')).addRoot,
    verify: async () => (await import('./commands/verify.ts')).addVerify,
    'take-over': async () => (await import('./commands/take-over.ts')).addTakeOver,
    'bring-back': async () => (await import('./commands/bring-back.ts')).addBringBack,
  },
  'Results:': {
    run: async () => (await import('./commands/run.ts')).addRun,
    memo: async () => (await import('./commands/memo.ts')).addMemo,
    kv: async () => (await import('./commands/kv.ts')).addKv,
  },
  'Several hosts:': {
    farm: async () => (await import('./commands/farm.ts')).addFarm,
  },
  'ComfyUI:': {
    preset: async () => (await import('./commands/preset.ts')).addPreset,
    comfyui: async () => (await import('./commands/comfyui.ts')).addComfyui,
  },
};

/** The first words of all commands; two of them are added by another one. */
export const commandNames: readonly string[] = [
  ...Object.values(groups).flatMap((group) => Object.keys(group)),
  'unpin',
  'man',
];

/** Adds the command that the arguments begin with; all of them when they begin with anything else, for its help or a suggestion. */
export async function addCommands(program: Command, run: Run, [first = '']: string[]): Promise<void> {
  // Programs ask for the version to check that autocached is installed.
  if (first === '--version') return;
  const named = Object.values(groups).find((group) => Object.hasOwn(group, first))?.[first];
  if (named) {
    (await named())(program, run);
    return finish(program);
  }
  for (const [heading, group] of Object.entries(groups)) {
    program.commandsGroup(heading);
    for (const add of await Promise.all(Object.values(group).map((load) => load()))) add(program, run);
  }
  finish(program);
}

function finish(program: Command): void {
  describeCommands(program);
  addExamples(program);
}
