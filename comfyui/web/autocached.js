import { api } from '../../scripts/api.js';
import { app } from '../../scripts/app.js';
import { MemoMarks } from './memo.js';
import { Panel } from './panel.js';
import { createRoutes } from './routes.js';
import { textOf, Watch } from './watch.js';
import { badgeText, summarize } from './words.js';

const id = 'autocached';
const badgeSetting = 'autocached.Badge';
const secondsSetting = 'autocached.PollSeconds';
const usualSeconds = 5;

/** Whether the frontend is ready: before that it logs an error for each access to the graph. */
let started = false;
/** While the tab is open. */
let panel = null;
/** The marks of nodes whose outputs were kept. */
let markStyle = null;

const ask = (path, options) => (api?.fetchApi ? api.fetchApi(path, options) : fetch(path, options));
const routes = createRoutes(ask, isEmbeddedElsewhere());
const watch = new Watch({
  routes,
  workflow: openWorkflow,
  wanted: () => started && !document.hidden && (panel !== null || setting(badgeSetting, true)),
  seconds: () => setting(secondsSetting, usualSeconds),
  now: () => performance.now(),
});

const marks = new MemoMarks({
  graph: () => app.graph ?? null,
  isShown: () => app.canvas?.graph?.isRootGraph !== false,
  paint(rules) {
    markStyle ??= document.head.appendChild(document.createElement('style'));
    markStyle.textContent = rules;
  },
  changed: () => panel?.update(),
});

app?.registerExtension?.({
  name: id,
  settings: [
    {
      id: badgeSetting,
      category: [id, 'Sidebar', 'Badge'],
      name: 'Badge on the icon of the sidebar',
      tooltip: 'How many models of the open workflow are not on the fast disk, and how far their copies are.',
      sortOrder: 2,
      type: 'boolean',
      defaultValue: true,
      // The frontend calls this before the new value can be read.
      onChange: () => setTimeout(badgeChanged),
    },
    {
      id: secondsSetting,
      category: [id, 'Sidebar', 'PollSeconds'],
      name: 'Seconds between looks while nothing is copied',
      tooltip: 'While models are copied their progress is shown every second.',
      sortOrder: 1,
      type: 'slider',
      attrs: { min: 2, max: 60, step: 1 },
      defaultValue: usualSeconds,
    },
  ],
  setup: start,
  // Another workflow was opened, or a tab with one.
  afterConfigureGraph: () => watch.workflowChanged(),
});

function start() {
  const manager = app.extensionManager;
  if (!manager?.registerSidebarTab) return;
  addStyle();
  manager.registerSidebarTab({
    id,
    icon: 'pi pi-bolt',
    title: id,
    tooltip: 'Where the models of this workflow are',
    type: 'custom',
    render: open,
    destroy: close,
  });
  watch.subscribe(showBadge);
  watch.subscribe(() => panel?.update());
  document.addEventListener('visibilitychange', () => void watch.tick());
  for (const event of ['graphChanged', 'promptQueued', 'execution_success']) {
    api.addEventListener?.(event, () => watch.workflowChanged());
  }
  marks.listen(api);
  app.canvas?.canvas?.addEventListener?.('litegraph:set-graph', () => marks.graphChanged());
  started = true;
  void watch.tick();
}

function open(container) {
  panel = new Panel(watch, { routes, marks, runFresh, foresee });
  container.replaceChildren(panel.root);
  panel.update();
  void watch.refresh();
}

/** Runs the open workflow although outputs of its nodes are kept. */
async function runFresh() {
  const done = await routes.change({ fresh: api.clientId ?? '' });
  if (done) await app.queuePrompt?.(0);
  return done;
}

function close() {
  panel = null;
}

function badgeChanged() {
  if (!started) return;
  showBadge();
  void watch.tick();
}

function showBadge() {
  const { alive, mode, models, copies } = watch.view;
  const shown = alive && mode !== 'off' && setting(badgeSetting, true);
  // The frontend watches its own object of the tab, and shows its changes.
  const tabs = app.extensionManager.getSidebarTabs?.() ?? app.extensionManager.sidebarTab?.sidebarTabs;
  const tab = Array.isArray(tabs) ? tabs.find((one) => one.id === id) : undefined;
  if (tab) tab.iconBadge = shown ? badgeText(summarize(models, copies)) : '';
}

/** The open workflow in the daemon's form; null when the frontend does not give it. */
function openWorkflow() {
  try {
    const graph = app.rootGraph ?? app.graph;
    return textOf(graph.serialize());
  } catch {
    return null;
  }
}

/**
 * The nodes of the open workflow that need not run, because their outputs are kept; null when the frontend does not give its prompt. Only
 * on request, because reading inputs of some nodes has effects, such as taking a picture.
 */
async function foresee() {
  try {
    const { output } = await app.graphToPrompt();
    const kept = await routes.foresee(JSON.stringify({ prompt: output }));
    return { of: Object.keys(output).length, names: kept.map((node) => output[node]?._meta?.title ?? `#${node}`) };
  } catch {
    return null;
  }
}

function setting(name, usual) {
  try {
    return app.extensionManager.setting.get(name) ?? usual;
  } catch {
    return usual;
  }
}

function addStyle() {
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.href = new URL('./autocached.css', import.meta.url).href;
  document.head.append(link);
}

/** Whether this is in a page of another site, where a click may not be what the user intended. */
function isEmbeddedElsewhere() {
  try {
    return window.top.location.origin !== window.location.origin;
  } catch {
    return true;
  }
}
