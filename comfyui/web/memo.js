/** Which nodes of the last run were not run, because their outputs were kept: a word on each of them, and a line in the sidebar. */

const words = 'from memo';
const started = 'execution_start';
const given = 'autocached.memo';

/** @param graph gives the graph on the screen, or null */
export class MemoMarks {
  #graph;
  #nodes = [];
  #changed;

  constructor({ graph, changed }) {
    this.#graph = graph;
    this.#changed = changed;
  }

  /** Hears of runs from ComfyUI's `api`. */
  listen(api) {
    api.addEventListener?.(started, () => this.#show([]));
    api.addEventListener?.(given, ({ detail }) => this.#show(Array.isArray(detail?.nodes) ? detail.nodes.map(String) : []));
  }

  /** How many nodes of the last run did not have to run. */
  get count() {
    return this.#nodes.length;
  }

  /** Their titles: newer designs of nodes show no words of others on a node. */
  get names() {
    const graph = this.#graph();
    return this.#nodes.map((id) => nodeOf(graph, id)?.title || `#${id}`);
  }

  #show(nodes) {
    const graph = this.#graph();
    for (const id of this.#nodes) unmark(nodeOf(graph, id));
    this.#nodes = nodes;
    for (const id of nodes) mark(nodeOf(graph, id));
    graph?.setDirtyCanvas?.(true, false);
    this.#changed();
  }
}

/** `12:3` is a node within the subgraph that node 12 stands for. */
function nodeOf(graph, id) {
  return graph?.getNodeById?.(Number(id.split(':')[0])) ?? null;
}

function mark(node) {
  if (node === null || node.autocachedDraws !== undefined) return;
  const before = node.onDrawForeground;
  node.autocachedDraws = before ?? null;
  node.onDrawForeground = function (context, ...more) {
    before?.call(this, context, ...more);
    draw(this, context);
  };
}

function unmark(node) {
  if (node === null || node.autocachedDraws === undefined) return;
  node.onDrawForeground = node.autocachedDraws ?? undefined;
  delete node.autocachedDraws;
}

function draw(node, context) {
  context.save();
  context.font = '11px sans-serif';
  context.textAlign = 'right';
  context.fillStyle = '#7fb2e5';
  // Above the title.
  context.fillText(words, node.size[0], -36);
  context.restore();
}
