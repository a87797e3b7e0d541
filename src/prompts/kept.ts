import type { PromptAnswer, PromptOutput, PromptValue } from '../api/prompts.ts';
import type { ComfyuiServer } from '../comfyui/server.ts';
import { CacheError } from '../core/errors.ts';
import type { Memo } from '../memo/memo.ts';
import type { Made, MadeFile } from './outputs.ts';

/** A file of a result; without a hash if its bytes could not be kept. */
export interface KeptOutput extends MadeFile {
  contentType: string;
  size: number | null;
  sha256: string | null;
}

/** The kept outputs of a run: nodes have their names in the structure, so that any prompt that computes the same can use them. */
export interface KeptPrompt {
  promptId: string;
  outputs: KeptOutput[];
  values: PromptValue[];
}

/** Takes the files of a run from ComfyUI. @returns why they are not all kept, or null. @throws CacheError when one cannot be had */
export async function takeFiles(
  { server, memo }: { server: ComfyuiServer; memo: Memo },
  { files }: Made,
  signal: AbortSignal,
): Promise<{ outputs: KeptOutput[]; why: string | null }> {
  const outputs: KeptOutput[] = [];
  let why: string | null = null;
  for (const file of files) {
    const answer = await server.view(file, signal);
    const contentType = answer.headers['content-type'] ?? 'application/octet-stream';
    const told = answer.headers['content-length'];
    const size = told === undefined ? null : Number(told);
    try {
      const blob = await memo.blobs.store({ bytes: answer, size, sha256: null });
      outputs.push({ ...file, contentType, size: blob?.seal.size ?? size, sha256: blob?.sha256 ?? null });
      if (!blob) why ??= 'results are not kept now';
    } catch (error) {
      if (!isNoRoom(error)) throw server.brokenOff(error);
      outputs.push({ ...file, contentType, size, sha256: null });
      why ??= error.message;
    } finally {
      answer.destroy();
    }
  }
  return { outputs, why };
}

function isNoRoom(error: unknown): error is CacheError {
  return error instanceof CacheError && (error.code === 'NO_SPACE' || error.code === 'BODY_TOO_LARGE');
}

/** The JSON text of kept outputs, as the value of a result. */
export function textOf({ promptId, outputs, values }: KeptPrompt): string {
  const files = outputs.map(({ sha256, ...file }) => ({ ...file, blob: { $blob: sha256 } }));
  return JSON.stringify({ promptId, outputs: files, values });
}

/** Parses such a value. */
export function keptIn(value: unknown): KeptPrompt {
  const { promptId, outputs, values } = value as Omit<KeptPrompt, 'outputs'> & {
    outputs: (Omit<KeptOutput, 'sha256'> & { blob: { $blob: string } })[];
  };
  return { promptId, values, outputs: outputs.map(({ blob, ...file }) => ({ ...file, sha256: blob.$blob })) };
}

/** The same with other names of nodes. */
export function renamed(kept: KeptPrompt, nameOf: (node: string) => string): KeptPrompt {
  const named = <Of extends { node: string }>(one: Of): Of => ({ ...one, node: nameOf(one.node) });
  return { ...kept, outputs: kept.outputs.map(named), values: kept.values.map(named) };
}

/** The answer to a client. */
export function answerOf(
  kept: KeptPrompt,
  about: Pick<PromptAnswer, 'reason' | 'why' | 'stored' | 'key' | 'ageMs'>,
  pathOf: (sha256: string) => string | null,
): PromptAnswer {
  const outputs = kept.outputs.map((output): PromptOutput => {
    const path = output.sha256 === null ? null : pathOf(output.sha256);
    return { ...output, path };
  });
  return { ...about, promptId: kept.promptId, outputs, values: kept.values };
}
