import type { Repeatability } from '../api/memo-comfyui.ts';
import type { Entry } from './entry.ts';
import { look } from './find.ts';
import type { Manage } from './manage.ts';
import type { ManagedParts } from './managed-parts.ts';
import type { SeenOutput } from './repeatable.ts';

interface NodeOutputsDeps extends ManagedParts {
  manage: Pick<Manage, 'invalidate'>;
}

/** The facts about outputs of ComfyUI's nodes, apart from the results themselves. */
export class NodeOutputs {
  readonly #deps: NodeOutputsDeps;

  constructor(deps: NodeOutputsDeps) {
    this.#deps = deps;
  }

  /** Whether a class of ComfyUI's nodes is known to be repeatable. */
  repeatability(className: string, code: string): Repeatability {
    return this.#deps.opened.existing?.classes.of(className, code) ?? 'unknown';
  }

  /** Compares an output of a node with the known one of its key. A class that has disagreed loses all its results. */
  async see(ns: string, output: SeenOutput): Promise<Repeatability> {
    const { mode, opened, log, events, manage } = this.#deps;
    const { className, code } = output;
    const store = mode() === 'on' ? opened.store : null;
    if (!store) return 'unknown';
    const before = store.classes.of(className, code);
    const { known, differs } = store.classes.see(output);
    if (differs) store.usage.add(ns, { disagreements: 1 });
    if (known !== 'unrepeatable') return known;
    const { removed } = await manage.invalidate({ ns, tags: [`class:${className}`] }, { dryRun: false });
    if (before !== known) {
      log.warn(
        { class: className, removed },
        'a node gave another output for the same inputs; outputs of its class are not kept any more',
      );
      events.emit('memo-unrepeatable', { class: className, removed });
    }
    return known;
  }

  /** The JSON text of the newest servable result with each of these tags, by tag. Counts no use. */
  async peek(ns: string, tags: readonly string[]): Promise<Map<string, string>> {
    const { mode, opened } = this.#deps;
    const store = mode() === 'off' ? null : opened.existing;
    const texts = new Map<string, string>();
    for (const [tag, key] of store?.entries.newestTagged(ns, tags) ?? []) {
      const found = store && (await look(this.#deps, store, { ns, key, as: 'value' }));
      if (found?.text != null && isValue(found.entry)) texts.set(tag, found.text);
    }
    return texts;
  }
}

/** Whether an entry has JSON: bytes and files have none. */
function isValue({ kind }: Pick<Entry, 'kind'>): boolean {
  return kind === 'json' || kind === 'doc';
}
