import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CacheError } from '../../core/errors.ts';
import { writePrivately } from '../../runtime/private-file.ts';
import type { Identity } from './llama-server.ts';

const form = z.object({
  name: z.string(),
  /** A name in the directory that the server saves slots to. */
  file: z.string().regex(/^autocached-[\w.-]+\.kv$/),
  model: z.string(),
  shape: z.string(),
  build: z.string(),
  prompt: z.string(),
  tokens: z.number(),
  bytes: z.number(),
  /** Wall-clock ms. */
  savedAt: z.number(),
});

/** A slot that was saved. Its prompt is needed to prove that it is reused. */
export type SavedSlot = z.infer<typeof form>;

const nameForm = /^[A-Za-z0-9][\w.-]{0,63}$/;

/** The records of saved slots: a file for each, in the state directory, for this user alone. */
export class SavedSlots {
  readonly #dir: string;

  constructor(stateDir: string) {
    this.#dir = join(stateDir, 'kv');
  }

  /** The file of a slot by its name, model, build and prompt. @throws CacheError BAD_REQUEST for an invalid name */
  fileOf(name: string, { model, shape, build }: Identity, prompt: string): string {
    if (!nameForm.test(name))
      throw new CacheError('BAD_REQUEST', `${name} is no name`, {
        hint: 'letters, digits, dots, hyphens, underscores: at most 64',
      });
    const key = hash('sha256', JSON.stringify([model, shape, build, prompt]));
    return `autocached-${name}-${key.slice(0, 32)}.kv`;
  }

  keep(slot: SavedSlot): void {
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    writePrivately(join(this.#dir, `${slot.file}.json`), `${JSON.stringify(slot)}\n`);
  }

  forget({ file }: SavedSlot): void {
    rmSync(join(this.#dir, `${file}.json`), { force: true });
  }

  /** All of them, the newest first; unreadable ones are skipped. */
  all(): SavedSlot[] {
    const names = existsSync(this.#dir) ? readdirSync(this.#dir).filter((name) => name.endsWith('.kv.json')) : [];
    return names.flatMap((name) => this.#read(join(this.#dir, name))).sort((a, b) => b.savedAt - a.savedAt);
  }

  /** The newest of this name that a server can read. @throws CacheError NOT_FOUND that names the others */
  find(name: string, { model, shape, build }: Identity): SavedSlot {
    const named = this.all().filter((slot) => slot.name === name);
    const [found] = named.filter((slot) => slot.model === model && slot.shape === shape && slot.build === build);
    if (found) return found;
    const [other] = named;
    const why = other ? `: it is of ${other.model}, llama.cpp ${other.build}` : '';
    throw new CacheError('NOT_FOUND', `nothing was saved as ${name} for ${model}, llama.cpp ${build}${why}`, {
      hint: `autocached kv save ${name} --prompt FILE`,
    });
  }

  #read(file: string): SavedSlot[] {
    try {
      return [form.parse(JSON.parse(readFileSync(file, 'utf8')))];
    } catch {
      return [];
    }
  }
}
