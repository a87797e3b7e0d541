/** Marks the nodes of the last run that did not run because their outputs were kept, and counts them in the sidebar. */

const words = 'from memo';
const started = 'execution_start';
const given = 'autocached.memo';
const color = '#7fb2e5';
/** Above the right end of the title, as on nodes that are drawn. */
const markRule = `content:"${words}";position:absolute;bottom:100%;right:0;font-size:11px;line-height:1.4;color:${color};pointer-events:none`;

/**
 * Newer designs draw nodes as elements of the page, which come and go at any time: a CSS rule marks them all.
 * @param graph gives the graph of the workflow, or null
 * @param isShown whether that graph is on the screen, and not that of a node in it, whose ids are others
 * @param paint replaces the CSS rules
 */
export class MemoMarks {
  #graph;
  #isShown;
  #paint;
  #nodes = [];
  #rules = '';
  #changed;

  constructor({ graph, changed, isShown = () => true, paint = (_rules) => {} }) {
    this.#graph = graph;
    this.#isShown = isShown;
    this.#paint = paint;
    this.#changed = changed;
  }

  /** Listens to runs of ComfyUI's `api`. */
  listen(api) {
    api.addEventListener?.(started, () => this.#show([]));
    api.addEventListener?.(given, ({ detail }) => this.#show(Array.isArray(detail?.nodes) ? detail.nodes.map(String) : []));
  }

  /** Number of nodes of the last run that did not have to run. */
  get count() {
    return this.#nodes.length;
  }

  /** Their titles. */
  get names() {
    const graph = this.#graph();
    return this.#nodes.map((id) => nodeOf(graph, id)?.title || `#${id}`);
  }

  /** Another graph is on the screen. */
  graphChanged() {
    const ids = this.#isShown() ? this.#nodes.map(rootOf).filter((id) => /^[\w-]+$/.test(id)) : [];
    const rules = ids.length === 0 ? '' : `${ids.map((id) => `[data-node-id="${id}"]::before`).join()}{${markRule}}`;
    if (rules !== this.#rules) this.#paint(rules);
    this.#rules = rules;
  }

  #show(nodes) {
    const graph = this.#graph();
    for (const id of this.#nodes) unmark(nodeOf(graph, id));
    this.#nodes = nodes;
    for (const id of nodes) mark(nodeOf(graph, id));
    graph?.setDirtyCanvas?.(true, false);
    this.graphChanged();
    this.#changed();
  }
}

/** `12:3` is a node within the subgraph of node 12. */
function nodeOf(graph, id) {
  return graph?.getNodeById?.(rootOf(id)) ?? null;
}

function rootOf(id) {
  return id.split(':')[0];
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
  context.fillStyle = color;
  // Above the title.
  context.fillText(words, node.size[0], -36);
  context.restore();
}
