import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { textOf, Watch } from '../../../comfyui/web/watch.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A watch over routes that answer what the test sets; `asked` counts the questions. */
function watched() {
  const world = {
    asked: { state: 0, workflow: [] as string[] },
    text: '{"workflow":1}' as string | null,
    looks: true,
    alive: true,
    copies: [] as { id: number }[],
    models: [{ name: 'a' }],
  };
  const routes = {
    state: async () => {
      world.asked.state += 1;
      return world.alive ? { alive: true, copies: world.copies } : { alive: false };
    },
    workflow: async (text: string) => {
      world.asked.workflow.push(text);
      return { alive: true, models: world.models, copies: world.copies };
    },
  };
  const watch = new Watch({
    routes,
    workflow: () => world.text,
    wanted: () => world.looks,
    seconds: () => 5,
    now: () => Date.now(),
  });
  return { world, watch };
}

test('while nothing happens it asks for the state alone, as often as the setting says', async () => {
  const { world, watch } = watched();
  await watch.tick();
  expect(watch.view).toMatchObject({ alive: true, models: [{ name: 'a' }] });
  await vi.advanceTimersByTimeAsync(20_000);
  expect(world.asked).toEqual({ state: 5, workflow: [world.text] });
});

test('while copies run it asks more than once a second', async () => {
  const { world, watch } = watched();
  world.copies = [{ id: 1 }];
  await watch.tick();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(world.asked.state).toBeGreaterThan(10);
  expect(world.asked.workflow).toHaveLength(1);
});

test('a copy that begins or ends has the models looked at again', async () => {
  const { world, watch } = watched();
  await watch.tick();
  world.copies = [{ id: 1 }];
  await watch.tick();
  world.copies = [];
  await watch.tick();
  await watch.tick();
  expect(world.asked.workflow).toHaveLength(3);
});

test('a workflow that has changed is looked at within a second, one that was only touched is not', async () => {
  const { world, watch } = watched();
  await watch.tick();
  watch.workflowChanged();
  await vi.advanceTimersByTimeAsync(1000);
  expect(world.asked.workflow).toHaveLength(1);
  world.text = '{"workflow":2}';
  watch.workflowChanged();
  await vi.advanceTimersByTimeAsync(1000);
  expect(world.asked.workflow).toEqual(['{"workflow":1}', '{"workflow":2}']);
});

test('models are looked at again after half a minute all the same', async () => {
  const { world, watch } = watched();
  await watch.tick();
  await vi.advanceTimersByTimeAsync(61_000);
  expect(world.asked.workflow).toHaveLength(3);
});

test('nothing is asked while nobody looks', async () => {
  const { world, watch } = watched();
  world.looks = false;
  await watch.tick();
  watch.workflowChanged();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(world.asked.state).toBe(0);
});

test('a daemon that is away is asked rarely, and all is looked at when it is back', async () => {
  const { world, watch } = watched();
  await watch.tick();
  world.alive = false;
  await watch.tick();
  expect(watch.view.alive).toBe(false);
  await vi.advanceTimersByTimeAsync(31_000);
  expect(world.asked).toMatchObject({ state: 4, workflow: { length: 1 } });
  world.alive = true;
  world.text = '{"workflow":3}';
  await vi.advanceTimersByTimeAsync(15_000);
  expect(world.asked.workflow).toEqual(['{"workflow":1}', '{"workflow":3}']);
});

test('listeners hear of every view until they end it', async () => {
  const { watch } = watched();
  const seen: unknown[] = [];
  const end = watch.subscribe((view: unknown) => seen.push(view));
  await watch.tick();
  end();
  await watch.tick();
  expect(seen).toHaveLength(1);
});

test('two ticks at once are one', async () => {
  const { world, watch } = watched();
  await Promise.all([watch.tick(), watch.tick()]);
  expect(world.asked.state).toBe(1);
});

test('where nodes stand and how they look does not count as a change', () => {
  const workflow = (changes: object) => ({
    version: 0.4,
    nodes: [{ id: 1, type: 'VAELoader', widgets_values: ['a'], ...changes }],
    links: [],
    extra: { ds: { scale: Math.random() } },
    definitions: { subgraphs: [{ id: 's', nodes: [{ id: 2, type: 'LoraLoader', ...changes }] }] },
  });
  const text = textOf(workflow({ pos: [0, 0], size: [1, 1], color: 'red' }));
  expect(textOf(workflow({ pos: [9, 9] }))).toBe(text);
  expect(textOf(workflow({ mode: 4 }))).not.toBe(text);
  expect(JSON.parse(text).workflow).toMatchObject({
    nodes: [{ type: 'VAELoader', widgets_values: ['a'] }],
    definitions: { subgraphs: [{ id: 's', nodes: [{ type: 'LoraLoader' }] }] },
  });
});
