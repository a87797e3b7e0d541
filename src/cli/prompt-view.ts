import { SingleBar } from 'cli-progress';
import type { PromptRunProgress } from '../api/prompts.ts';
import { counted } from '../core/format.ts';
import { plain } from '../core/printable.ts';
import type { Session } from './session.ts';
import { progressBar } from './text/bar.ts';
import { shorten } from './text/fit.ts';
import { lookOf, type Screen } from './text/look.ts';

/** Shows the progress of a prompt. */
export interface PromptView extends Disposable {
  update(progress: PromptRunProgress): void;
}

/** A bar on a terminal, plain lines elsewhere; nothing with `--json`, or when nobody watches. On standard error. */
export function openPromptView(session: Session, isWatched: boolean): PromptView {
  if (session.json || !isWatched) return { update: () => {}, [Symbol.dispose]: () => {} };
  return session.err.isTTY ? bar(session.err) : lines(session.err);
}

/** One line for each node and state. */
function lines(err: Screen): PromptView {
  let told = '';
  return {
    update(progress) {
      const line = wordsOf({ ...progress, steps: 0 });
      if (line !== told) err.write(`${line}\n`);
      told = line;
    },
    [Symbol.dispose]: () => {},
  };
}

function bar(err: Screen): PromptView {
  const width = (lookOf(err).width ?? 80) - 1;
  const single = new SingleBar({
    stream: err,
    format: (_options, _params, { progress }: { progress: PromptRunProgress }) =>
      shorten(`${progressBar(shareOf(progress), 30)} ${wordsOf(progress)}`, width),
    clearOnComplete: true,
    // No mode of the terminal is switched off, since Ctrl-C would leave it off.
    linewrap: true,
    forceRedraw: true,
  });
  let isShown = false;
  return {
    update(progress) {
      if (isShown) single.update(0, { progress });
      else single.start(1, 0, { progress });
      isShown = true;
    },
    [Symbol.dispose]: () => single.stop(),
  };
}

/** Each node counts the same, since their durations are unknown. */
function shareOf({ state, done, nodes, step, steps }: PromptRunProgress): number {
  if (state === 'fetching') return 1;
  return nodes > 0 ? Math.min(1, (done + (steps > 0 ? step / steps : 0)) / nodes) : 0;
}

/** `KSampler, step 7 of 20, node 5 of 9`; `queued, 2 prompts before it`. */
function wordsOf({ state, ahead, classType, step, steps, done, nodes }: PromptRunProgress): string {
  if (state === 'starting') return 'on its way to ComfyUI';
  if (state === 'fetching') return 'done, its files are being kept';
  if (state === 'queued') return ahead === null || ahead === 0 ? 'queued' : `queued, ${counted(ahead, 'prompt')} before it`;
  const node = classType === null ? 'running' : plain(classType);
  const steady = steps > 0 ? `, step ${step} of ${steps}` : '';
  return `${node}${steady}, ${done} of ${counted(nodes, 'node')} done`;
}
