import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { soon } from '../../helpers/patience.ts';
import { tempDir } from '../../helpers/temp-dir.ts';

const web = join(import.meta.dirname, '..', '..', '..', 'comfyui', 'web');

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const model = { name: 'a', category: 'loras', reason: 'QUEUED', size: 1, tier: 'hdd', ready: false, copy: null };

/** A server of ComfyUI's frontend with the sidebar's files, and a page that loads them; `asked` are the routes it asks. */
async function loadInto(app: unknown) {
  const dir = tempDir();
  cpSync(web, join(dir, 'extensions', 'autocached'), { recursive: true });
  mkdirSync(join(dir, 'scripts'));
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  writeFileSync(join(dir, 'scripts', 'app.js'), 'export const app = globalThis.frontend.app;');
  writeFileSync(join(dir, 'scripts', 'api.js'), 'export const api = globalThis.frontend.api;');
  const asked: string[] = [];
  const events: string[] = [];
  const api = {
    fetchApi: async (path: string) => {
      asked.push(path);
      return new Response(JSON.stringify({ alive: true, mode: 'read-write', models: [model], copies: [] }));
    },
    addEventListener: (event: string) => void events.push(event),
  };
  vi.stubGlobal('frontend', { app, api });
  vi.stubGlobal('document', {
    hidden: false,
    createElement: () => ({}),
    head: { append: () => {} },
    addEventListener: () => {},
  });
  const location = { origin: 'http://127.0.0.1:8188' };
  vi.stubGlobal('window', { location, top: { location } });
  const said = ['log', 'info', 'warn', 'error'].map((level) => vi.spyOn(console, level as 'log'));
  await import(pathToFileURL(join(dir, 'extensions', 'autocached', 'autocached.js')).href);
  return { asked, events, said };
}

interface Extension {
  settings: { id: string; defaultValue: unknown; onChange?(): void }[];
  setup(): void;
}

/** A frontend of today; `tabs` is what it shows. */
function frontend() {
  const tabs: { id: string; iconBadge?: string }[] = [];
  const values: Record<string, unknown> = {};
  const extensions: Extension[] = [];
  const app = {
    registerExtension: (extension: Extension) => void extensions.push(extension),
    graph: { serialize: () => ({ nodes: [{ id: 1, type: 'LoraLoader' }] }) },
    extensionManager: {
      registerSidebarTab: (tab: { id: string }) => void tabs.push({ ...tab }),
      getSidebarTabs: () => tabs,
      setting: { get: (id: string) => values[id] },
    },
  };
  return { app, tabs, values, extensions };
}

test('a frontend of today shows the tab and its badge, and the settings say when not', async () => {
  const { app, tabs, values, extensions } = frontend();
  const { asked, events, said } = await loadInto(app);
  const [extension] = extensions;
  expect(extension?.settings.map(({ id, defaultValue }) => [id, defaultValue])).toEqual([
    ['autocached.Badge', true],
    ['autocached.PollSeconds', 5],
  ]);
  // The frontend tells a setting's value before it is ready itself.
  extension?.settings[0]?.onChange?.();
  await new Promise((resolve) => setTimeout(resolve));
  expect(asked).toEqual([]);
  extension?.setup();
  await vi.waitFor(() => expect(tabs).toMatchObject([{ id: 'autocached', type: 'custom', iconBadge: '1' }]), soon());
  expect(asked.slice(0, 2)).toEqual(['/autocached/state', '/autocached/workflow']);
  expect(events).toContain('graphChanged');
  values['autocached.Badge'] = false;
  extension?.settings[0]?.onChange?.();
  await vi.waitFor(() => expect(tabs[0]?.iconBadge).toBe(''), soon());
  for (const spy of said) expect(spy).not.toHaveBeenCalled();
});

const { app } = frontend();
const noManager = { ...app, extensionManager: undefined };
const noSidebar = { ...app, extensionManager: { setting: app.extensionManager.setting } };
const { registerSidebarTab } = app.extensionManager;
const bareManager = { ...app, graph: undefined, extensionManager: { registerSidebarTab } };
const brokenGraph = {
  ...app,
  graph: {
    serialize: () => {
      throw new Error('not now');
    },
  },
};

test.each([
  ['no app', undefined, []],
  ['an app without extensions', {}, []],
  ['no extension manager', noManager, []],
  ['no sidebar', noSidebar, []],
  ['a sidebar and nothing else', bareManager, ['/autocached/state']],
  ['a graph that cannot be read', brokenGraph, ['/autocached/state']],
])('with %s in the frontend nothing is thrown and nothing is said', async (_what, given, routes) => {
  const registered: Extension[] = [];
  const page =
    given && 'registerExtension' in given ? { ...given, registerExtension: (one: Extension) => registered.push(one) } : given;
  const { asked, said } = await loadInto(page);
  for (const extension of registered) extension.setup();
  await vi.waitFor(() => expect(asked).toEqual(routes), soon());
  for (const spy of said) expect(spy).not.toHaveBeenCalled();
});
