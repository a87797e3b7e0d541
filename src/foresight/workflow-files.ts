import { readFile, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import type { FSWatcher } from 'chokidar';
import type { Log } from '../runtime/log.ts';

interface WorkflowFilesDeps {
  /** Called with each saved workflow. @throws when it is none */
  onSaved(text: string): Promise<unknown>;
  log: Log;
}

/** Maximum size of a workflow, bytes: nobody writes a larger one. */
const mostBytes = 16 * 2 ** 20;
/** Time without changes after which a file is read, ms. */
const usualSettleMs = 500;
/** Folders of users, and within each the one with its workflows, in a ComfyUI directory. */
const [usersFolder, workflowsFolder] = ['user', 'workflows'];

/**
 * The workflows that the users of ComfyUI directories save. Only for local disks: it calls the file system in this process, and would
 * hang with a mount.
 */
export class WorkflowFiles implements AsyncDisposable {
  readonly #deps: WorkflowFilesDeps;
  readonly #settleMs: number;
  readonly #waiting = new Map<string, NodeJS.Timeout>();
  #watcher: FSWatcher | null = null;
  #watched = '';

  constructor(deps: WorkflowFilesDeps, settleMs = usualSettleMs) {
    this.#deps = deps;
    this.#settleMs = settleMs;
  }

  /** Watches the workflows of these directories alone. Resolves when it does. */
  async watch(directories: readonly string[]): Promise<void> {
    const wanted = [...new Set(directories)].sort();
    if (wanted.join('\0') === this.#watched) return;
    this.#watched = wanted.join('\0');
    await this.#end();
    if (wanted.length === 0) return;
    // Loaded on demand: it takes 30 ms, which no start has to wait for.
    const { watch } = await import('chokidar');
    const users = wanted.map((directory) => join(directory, usersFolder));
    const watcher = watch(users, {
      ignoreInitial: true,
      persistent: false,
      ignored: (path, stats) => !users.some((top) => mayHoldWorkflows(relative(top, path), stats?.isFile() ?? false)),
    });
    this.#watcher = watcher;
    watcher.on('add', (path) => this.#changed(path));
    watcher.on('change', (path) => this.#changed(path));
    watcher.on('error', (err) => this.#deps.log.debug({ err }, 'saved workflows are not seen'));
    await new Promise<void>((resolve) => {
      watcher.once('ready', resolve);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watched = '';
    await this.#end();
  }

  async #end(): Promise<void> {
    const watcher = this.#watcher;
    this.#watcher = null;
    await watcher?.close();
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }

  #changed(path: string): void {
    clearTimeout(this.#waiting.get(path));
    const timer = setTimeout(() => {
      this.#waiting.delete(path);
      this.#read(path).catch((err) => this.#deps.log.debug({ err, path }, 'a saved workflow was not understood'));
    }, this.#settleMs);
    this.#waiting.set(path, timer.unref());
  }

  async #read(path: string): Promise<void> {
    const { size } = await stat(path);
    if (size <= mostBytes) await this.#deps.onSaved(await readFile(path, 'utf8'));
  }
}

/** Whether a path below the folders of users is one of workflows, or leads to it. */
function mayHoldWorkflows(below: string, isFile: boolean): boolean {
  const [user, folder, ...rest] = below.split(sep);
  if (user === '..') return false;
  if (folder === undefined) return !isFile;
  if (folder !== workflowsFolder) return false;
  const name = rest.at(-1) ?? '';
  return !basename(name).startsWith('.') && (!isFile || name.endsWith('.json'));
}
