import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PromptAnswer } from '../../src/api/prompts.ts';
import { fakeComfyui } from '../helpers/comfyui-server.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** An image of one colour, which is saved. */
export function imagePrompt({
  color = 1,
  prefix = 'image',
  save = 'save',
}: {
  color?: number;
  prefix?: string;
  save?: string;
} = {}) {
  return {
    start: { class_type: 'EmptyImage', inputs: { width: 8, height: 8, batch_size: 1, color } },
    [save]: { class_type: 'SaveImage', inputs: { images: ['start', 0], filename_prefix: prefix } },
  };
}

interface Told {
  status: number;
  mark: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: an answer, or an error
  body: any;
}

/** A daemon, a ComfyUI that a test commands, and requests as programs send them. */
export async function promptsRig(files: Record<string, number> = {}, settings: Record<string, string> = {}) {
  const input = join(tempDir(), 'input');
  mkdirSync(input);
  const comfyui = await fakeComfyui({ input });
  const daemon = await runDaemon(files, { AUTOCACHE_COMFYUI_URL: comfyui.url, ...settings });
  const send = (body: unknown, { signal }: { signal?: AbortSignal } = {}) =>
    fetch(`${daemon.client.daemon.url}/api/prompts/run`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${readFileSync(join(daemon.stateDir, 'token'), 'utf8').trim()}`,
        'content-type': 'application/json',
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...(signal && { signal }),
    });
  const run = async (prompt: object, more: object = {}): Promise<Told> => {
    const answer = await send({ prompt, ...more });
    return { status: answer.status, mark: answer.headers.get('x-autocached'), body: await answer.json() };
  };
  const kept = async () => (await daemon.client.stats()).memo.current_items;
  return { input, comfyui, daemon, send, run, kept };
}

/** The bytes of the files of an answer. */
export function bytesOf({ outputs }: PromptAnswer): string[] {
  return outputs.map(({ path }) => readFileSync(path ?? '').toString());
}
