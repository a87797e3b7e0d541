import type { Command } from 'commander';
import type { CompiledAnswer, GraphsAnswer } from '../../api/presets.ts';
import { toCacheError } from '../../core/errors.ts';
import { choose, compile } from '../../presets/compile.ts';
import { Library } from '../../presets/library.ts';
import { slotView, viewOf } from '../../presets/views.ts';
import type { Client } from '../client.ts';
import { withCommander } from '../options.ts';
import { type SlotFlags, slotsGiven, withOpenSlots, withSlots } from '../preset-slots.ts';
import type { Answer } from '../print.ts';
import { clientOf, type Run, type Session, stateDirOf } from '../session.ts';
import { presetCachePage, presetListPage, presetShowPage } from '../text/preset-page.ts';
import { addPresetRun, presetOf } from './preset-run.ts';

const examples = `
Your own: an API prompt with {{slots}} as presets/NAME.json in the state
directory (docs/PRESETS.md).

Examples:
  autocached preset show t2v-two-stages
  autocached preset show t2v-one-stage prompt="a fox" --json > fox.json`;

export function addPreset(program: Command, run: Run): void {
  const preset = program.command('preset').description('ready graphs for ComfyUI, with slots').addHelpText('after', examples);

  preset
    .command('list')
    .description('list the presets, and your own')
    .action(
      run(async (session): Promise<Answer> => {
        const presets = new Library(stateDirOf(session)).list().map(viewOf);
        return { data: { presets }, page: (look) => presetListPage(presets, look) };
      }),
    );

  withSlots(preset.command('show'))
    .description('show slots and files of a preset; with --json, its API prompt')
    .action(run(show));

  addPresetRun(preset, run);

  preset
    .command('cache')
    .description('show the table of compiled graphs')
    .option('--size [number]', 'print the number of graphs; with a number, set their maximum', graphCount)
    .option('--clear', 'empty it')
    .action(run(cache));
}

const graphCount = withCommander((text: string) => {
  if (!/^\d{1,5}$/.test(text)) throw new Error(`expected a whole number, got "${text}"`);
  return text;
});

/** Needs no daemon; with one, it shows the paths of the files. */
async function show(session: Session, word: string, words: string[], flags: SlotFlags): Promise<Answer> {
  const preset = presetOf(session, word);
  const { name } = preset;
  const given = withOpenSlots(slotsGiven(words, flags, preset), preset);
  const chosen = choose(preset, given);
  const here = compile(chosen);
  const client = await clientIfRunning(session);
  const found =
    client && (await client.ask<CompiledAnswer>('POST', `/api/presets/${name}`, { body: { ...given, check: true } }));
  const shown = { ...preset, family: chosen.family, values: chosen.settings, slots: preset.slots.map(slotView) };
  return {
    data: (found ?? here).prompt,
    page: (look) => presetShowPage({ ...shown, models: (found ?? here).models, lacks: found?.lacks ?? [] }, look),
  };
}

async function clientIfRunning(session: Session): Promise<Client | null> {
  try {
    const client = await clientOf(session);
    return (await client.healthy()) ? client : null;
  } catch (error) {
    if (toCacheError(error).code === 'NOT_RUNNING') return null;
    throw error;
  }
}

async function cache(session: Session, { size, clear }: { size?: string | true; clear?: true }): Promise<Answer> {
  const client = await clientOf(session);
  if (typeof size === 'string') await client.changeConfig({ preset_graphs: size });
  const removed = clear ? (await client.ask<{ removed: number }>('DELETE', '/api/presets/graphs')).removed : null;
  const data = await client.ask<GraphsAnswer>('GET', '/api/presets/graphs');
  if (size === true) return { data: { items: data.items, max: data.max }, page: () => String(data.items) };
  return {
    data: removed === null ? data : { ...data, removed },
    page: (look) => presetCachePage(data, look, Date.now()),
  };
}
