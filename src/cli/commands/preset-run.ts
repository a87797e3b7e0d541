import type { Command } from 'commander';
import type { CompiledAnswer } from '../../api/presets.ts';
import { Library } from '../../presets/library.ts';
import type { Preset } from '../../presets/preset.ts';
import { chooseOne, type Kind } from '../choose.ts';
import { giveImages } from '../give-images.ts';
import { type SlotFlags, slotsGiven, withSlots } from '../preset-slots.ts';
import { type Answer, exitCodes } from '../print.ts';
import { type PromptFlags, runPromptOf } from '../run-prompt.ts';
import { clientOf, type Run, type Session, stateDirOf } from '../session.ts';
import { presetMissingPage } from '../text/preset-page.ts';
import { answerOf, withPromptFlags } from './run.ts';

const more = `
An image or video that lies on this machine is given to ComfyUI; another name is
a file of its input folder.

Examples:
  autocached preset run t2v-two-stages --prompt "a lighthouse in a storm" --watch
  autocached preset run keyframe-interpolation --prompt "dawn" --image a.png@0 --image b.png@-1
  autocached preset run image-to-3d --image chair.png --out meshes`;

interface Flags extends SlotFlags, PromptFlags {
  out?: string;
}

export function addPresetRun(preset: Command, run: Run): void {
  withPromptFlags(withSlots(preset.command('run')))
    .description('have ComfyUI run a preset, or find what it gave before; lists the files that are not here')
    .addHelpText('after', more)
    .action(run(runPreset));
}

const kind: Kind<string> = { noun: 'preset', names: (name) => [name], list: 'autocached preset list' };

/** The preset that a word means. @throws CacheError as `chooseOne` */
export function presetOf(session: Session, word: string): Preset {
  const library = new Library(stateDirOf(session));
  const names = library.list().map(({ name }) => name);
  return library.find(chooseOne(word, names, kind));
}

async function runPreset(session: Session, word: string, words: string[], flags: Flags): Promise<Answer> {
  const preset = presetOf(session, word);
  const { name } = preset;
  const slots = slotsGiven(words, flags, preset);
  const client = await clientOf(session);
  const files = await giveImages(session, slots, { client, url: flags.comfyui ?? null });
  const body = { ...files.slots, check: true };
  const compiled = await client.ask<CompiledAnswer>('POST', `/api/presets/${name}`, { body });
  if (compiled.models.some(({ state }) => state !== 'here')) {
    const page: Answer['page'] = (look) => presetMissingPage(name, compiled.models, look);
    return { data: compiled, page, exitCode: exitCodes.failed };
  }
  await files.give();
  return answerOf(session, await runPromptOf(session, JSON.stringify(compiled.prompt), flags), flags.out);
}
