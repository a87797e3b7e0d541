import { expect, test, vi } from 'vitest';
import { MemoMarks } from '../../../comfyui/web/memo.js';

type Listener = (event: { detail: unknown }) => void;

function page() {
  const listeners = new Map<string, Listener>();
  const nodes: Record<number, { title?: string; size: number[]; onDrawForeground?: (context: unknown) => void }> = {
    1: { title: 'Encode', size: [200, 50] },
    12: { size: [100, 50], onDrawForeground: vi.fn() },
  };
  const graph = { getNodeById: (id: string) => nodes[Number(id)], setDirtyCanvas: vi.fn() };
  const changed = vi.fn();
  const marks = new MemoMarks({ graph: () => graph, changed });
  marks.listen({ addEventListener: (name: string, listener: Listener) => void listeners.set(name, listener) });
  const tell = (name: string, detail: unknown) => listeners.get(name)?.({ detail });
  const drawn = (id: number) => {
    const context = { save: vi.fn(), restore: vi.fn(), fillText: vi.fn() };
    nodes[id]?.onDrawForeground?.(context);
    return context.fillText.mock.calls.map(([text]) => text);
  };
  return { marks, nodes, changed, tell, drawn };
}

test('nodes that did not have to run say so until the next run, and draw what they drew', () => {
  const { marks, nodes, changed, tell, drawn } = page();
  const before = nodes[12]?.onDrawForeground;
  tell('autocached.memo', { prompt_id: 'p', nodes: ['1', '12:3', '99'] });
  expect(marks.count).toBe(3);
  expect(marks.names).toEqual(['Encode', '#12:3', '#99']);
  expect([drawn(1), drawn(12)]).toEqual([['from memo'], ['from memo']]);
  expect(before).toHaveBeenCalledOnce();
  expect(changed).toHaveBeenCalledOnce();
  tell('execution_start', { prompt_id: 'q' });
  expect(marks.count).toBe(0);
  expect([nodes[1]?.onDrawForeground, nodes[12]?.onDrawForeground]).toEqual([undefined, before]);
});

test('nodes that are elements of the page are marked by a rule of style, while their graph is on the screen', () => {
  const listeners = new Map<string, Listener>();
  const painted: string[] = [];
  let isShown = true;
  const marks = new MemoMarks({
    graph: () => null,
    changed: () => {},
    isShown: () => isShown,
    paint: (rules: string) => void painted.push(rules),
  });
  marks.listen({ addEventListener: (name: string, listener: Listener) => void listeners.set(name, listener) });
  const tell = (name: string, detail: unknown) => listeners.get(name)?.({ detail });
  tell('execution_start', {});
  expect(painted).toEqual([]);
  // A node within the node 12 is shown on that; an id is never anything else in a rule.
  tell('autocached.memo', { nodes: ['start', '12:3', '7"]{}*{x:y', ''] });
  expect(painted).toEqual([
    expect.stringMatching(/^\[data-node-id="start"\]::before,\[data-node-id="12"\]::before\{content:"from memo";/),
  ]);
  isShown = false;
  marks.graphChanged();
  isShown = true;
  marks.graphChanged();
  tell('execution_start', {});
  expect(painted.slice(1)).toEqual(['', painted[0], '']);
});

test('a page without a graph, and messages of another form, are no error', () => {
  const marks = new MemoMarks({ graph: () => null, changed: () => {} });
  const listeners: Listener[] = [];
  marks.listen({ addEventListener: (_name: string, listener: Listener) => void listeners.push(listener) });
  for (const detail of [undefined, null, {}, { nodes: 'x' }, { nodes: [1] }])
    for (const listener of listeners) listener({ detail });
  marks.listen({});
  expect(marks.count).toBe(1);
});
