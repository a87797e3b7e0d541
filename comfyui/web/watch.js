/** Keeps the sidebar up to date, and asks only as often as it is looked at. */

/** Progress is seen at least once a second. */
const busyMs = 750;
const awayMs = 15_000;
/** Interval between two requests for a workflow's files without any sign of change, ms. */
const analyzeAgainMs = 30_000;

export class Watch {
  #deps;
  #timer = null;
  #dueAt = 0;
  #running = false;
  #changed = true;
  #analyzed = { text: '', at: Number.NEGATIVE_INFINITY, copies: '' };
  #listeners = new Set();
  /** The view from the last answers; `alive` is null before the first. */
  view = { alive: null, mayChange: false, models: [], copies: [] };

  /**
   * @param deps `routes`; `workflow()` the open workflow's text, null while there is none; `wanted()` whether the sidebar is open;
   * `seconds()` between requests while nothing happens; `now()` in ms
   */
  constructor(deps) {
    this.#deps = deps;
  }

  /** Calls `listener` with every new view. Gives the function that ends it. */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The workflow may have changed: it is checked within a second. */
  workflowChanged() {
    this.#changed = true;
    this.#schedule(busyMs);
  }

  /** Asks for everything now, because the view may be outdated. */
  async refresh() {
    this.#changed = true;
    this.#analyzed.text = '';
    await this.tick();
  }

  /** One round of requests, which plans the next one. */
  async tick() {
    if (this.#running || !this.#deps.wanted()) return;
    this.#running = true;
    clearTimeout(this.#timer);
    this.#timer = null;
    try {
      await this.#ask();
    } finally {
      this.#running = false;
    }
    for (const listener of this.#listeners) listener(this.view);
    this.#schedule(this.#pauseMs());
  }

  #pauseMs() {
    const { alive, copies } = this.view;
    const idleMs = this.#deps.seconds() * 1000;
    if (!alive) return Math.max(idleMs, awayMs);
    return copies.length > 0 || this.#changed ? busyMs : idleMs;
  }

  /** The sooner of two plans counts. */
  #schedule(ms) {
    const at = this.#deps.now() + ms;
    if (this.#timer !== null) {
      if (this.#dueAt <= at) return;
      clearTimeout(this.#timer);
    }
    this.#dueAt = at;
    this.#timer = setTimeout(() => void this.tick(), ms);
  }

  async #ask() {
    const { routes } = this.#deps;
    const state = await routes.state();
    this.view = { ...this.view, ...state, copies: state.copies ?? [], refused: state.refused === true };
    // Changes while it was away are unknown.
    if (!state.alive) this.#changed = true;
    if (!state.alive) return;
    const text = this.#due();
    if (text === null) return;
    const found = await routes.workflow(text);
    // A document that the daemon cannot read has no models that it could name.
    if (found.alive) this.view = { ...this.view, models: found.models ?? [], copies: found.copies ?? this.view.copies };
    this.view.workflow = text;
    this.#analyzed = { text, at: this.#deps.now(), copies: idsOf(this.view.copies) };
  }

  /** The workflow's text when its models should be requested again, else null. */
  #due() {
    const { workflow, now } = this.#deps;
    const { text, at, copies } = this.#analyzed;
    const moved = idsOf(this.view.copies) !== copies;
    const old = now() - at >= analyzeAgainMs;
    if (!this.#changed && !moved && !old) return null;
    this.#changed = false;
    const latest = workflow();
    return latest !== null && (moved || old || latest !== text) ? latest : null;
  }
}

/** A copy that began or ended changes the place of a model. */
function idsOf(copies) {
  return copies.map(({ id }) => id).join();
}

/** The parts of a workflow that the daemon needs, as text, without positions and looks of nodes, so that moving one changes nothing. */
export function textOf(workflow) {
  const { extra, groups, definitions, ...rest } = workflow;
  const subgraphs = definitions?.subgraphs?.map(bareGraph);
  return JSON.stringify({ workflow: { ...bareGraph(rest), ...(subgraphs && { definitions: { subgraphs } }) } });
}

function bareGraph(graph) {
  const { extra, groups, nodes = [], ...rest } = graph;
  return { ...rest, nodes: nodes.map(({ pos, size, color, bgcolor, order, ...node }) => node) };
}
