import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CacheError, sentenceOf } from '../core/errors.ts';
import { packageDir } from '../runtime/package.ts';
import { readSmallFileSync } from '../runtime/small-file.ts';
import { decodeUtf8 } from '../runtime/utf8.ts';
import { ltxPresets } from './ltx/presets.ts';
import type { Preset } from './preset.ts';
import { presetOfFile } from './prompt-file.ts';

const mostBytes = 4 * 2 ** 20;
/** The form of a name, which is used in addresses and on command lines. */
const nameForm = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

const ownFiles = join(packageDir, 'config', 'presets');

/** A preset's name and, for an unusable file, the reason. */
export interface Listed {
  name: string;
  preset: Preset | null;
  /** `user`: a file of the state directory. */
  origin: 'built-in' | 'user';
  problem: string | null;
}

/**
 * All presets: those for LTX, those of `config/presets`, and the user's own in `presets` of the state directory. A file of the user
 * counts from the next request on; it cannot take the name of another preset.
 */
export class Library {
  readonly #userFiles: string | null;

  /** @param stateDir null = only the built-in presets */
  constructor(stateDir: string | null) {
    this.#userFiles = stateDir && join(stateDir, 'presets');
  }

  list(): Listed[] {
    const ltx = ltxPresets.map((preset): Listed => ({ name: preset.name, preset, origin: 'built-in', problem: null }));
    const files = namesIn(ownFiles).map((name) => listed(ownFiles, name, 'built-in'));
    const taken = new Set([...ltx, ...files].map(({ name }) => name));
    const dir = this.#userFiles;
    const own = dir === null ? [] : namesIn(dir).map((name) => listed(dir, name, 'user', taken));
    return [...ltx, ...files, ...own];
  }

  /** @throws CacheError NOT_FOUND, or BAD_REQUEST with the fault of its file */
  find(name: string): Preset {
    const known = ltxPresets.find((preset) => preset.name === name);
    if (known) return known;
    const dir = [ownFiles, this.#userFiles].find((one) => one !== null && namesIn(one).includes(name));
    if (dir && nameForm.test(name)) return readPreset(dir, name);
    throw new CacheError('NOT_FOUND', `there is no preset ${name}`, { hint: '`autocached preset list` shows them' });
  }
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir)
      .filter((file) => file.endsWith('.json'))
      .map((file) => basename(file, '.json'))
      .sort();
  } catch {
    return [];
  }
}

function listed(dir: string, name: string, origin: Listed['origin'], taken?: ReadonlySet<string>): Listed {
  try {
    if (!nameForm.test(name))
      throw new CacheError('BAD_REQUEST', 'a name has letters, digits, dots, dashes and underscores only');
    if (taken?.has(name)) throw new CacheError('BAD_REQUEST', 'a preset of autocached has this name');
    return { name, preset: readPreset(dir, name), origin, problem: null };
  } catch (error) {
    return { name, preset: null, origin, problem: sentenceOf(error) };
  }
}

/** @throws CacheError BAD_REQUEST */
function readPreset(dir: string, name: string): Preset {
  const path = join(dir, `${name}.json`);
  try {
    return presetOfFile(name, decodeUtf8(readSmallFileSync(path, mostBytes), path));
  } catch (error) {
    if (error instanceof CacheError) throw error;
    throw new CacheError('BAD_REQUEST', `the preset ${name} cannot be read: ${sentenceOf(error)}`, { cause: error });
  }
}
