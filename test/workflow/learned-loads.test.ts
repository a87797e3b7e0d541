import { expect, test, vi } from 'vitest';
import { LearnedLoads, type SavedLoad } from '../../src/workflow/learned-loads.ts';
import type { Choices } from '../../src/workflow/types.ts';

function choices(texts: Record<string, string>, numbers: Record<string, string> = {}, classType = 'AnyLoader'): Choices {
  return {
    classType,
    texts: Object.entries(texts).map(([input, value]) => ({ input, at: input, value })),
    numbers: Object.entries(numbers).map(([input, value]) => ({ input, value })),
  };
}

function create() {
  const saved = new Map<string, SavedLoad>();
  const store = {
    save: vi.fn((load: SavedLoad) => void saved.set(load.inputs, load)),
    drop: vi.fn(({ inputs }: Pick<SavedLoad, 'inputs'>) => void saved.delete(inputs)),
  };
  return { loads: new LearnedLoads([], store), saved, store };
}

const file = (name: string) => ({ category: 'loras', name });

test('what is remembered is bounded: the oldest leaves, from the store too', () => {
  const { loads, saved } = create();
  for (let number = 0; number < 2100; number++)
    loads.learnNamed('AnyLoader', { input: 'lora', value: `n${number}` }, [file(`${number}.pt`)]);
  expect(saved.size).toBe(2000);
  expect(loads.expected(choices({ lora: 'n0' }))).toEqual([]);
  expect(loads.expected(choices({ lora: 'n2099' }))).toMatchObject([{ name: '2099.pt' }]);
});

test('a run that loads what is expected writes nothing', () => {
  const { loads, store } = create();
  for (let seed = 0; seed < 5; seed++) loads.learnChosen(choices({ preset: 'a' }, { seed: String(seed) }), [file('a.pt')]);
  for (let again = 0; again < 5; again++) loads.learnNamed('AnyLoader', { input: 'lora', value: 'ink' }, [file('ink.pt')]);
  expect(store.save).toHaveBeenCalledTimes(2);
});

test('a class knows nothing of another one', () => {
  const { loads } = create();
  loads.learnChosen(choices({ preset: 'a' }), [file('a.pt')]);
  expect(loads.expected(choices({ preset: 'a' }, {}, 'OtherLoader'))).toEqual([]);
});

test('an input that decided once is never one that makes no difference', () => {
  const { loads } = create();
  loads.learnChosen(choices({ preset: 'a', size: 's' }), [file('a.pt')]);
  loads.learnChosen(choices({ preset: 'b', size: 's' }), [file('a.pt')]);
  expect(loads.expected(choices({ preset: 'c', size: 's' }))).toMatchObject([{ name: 'a.pt' }]);
  loads.learnChosen(choices({ preset: 'c', size: 's' }), [file('c.pt')]);
  expect(loads.expected(choices({ preset: 'd', size: 's' }))).toEqual([]);
  expect(loads.expected(choices({ preset: 'b', size: 's' }))).toMatchObject([{ name: 'a.pt' }]);
});

test('inputs that a store kept and that cannot be read are left out', () => {
  const load = { classType: 'AnyLoader', files: [file('a.pt')] };
  const saved = [
    { ...load, inputs: '5' },
    { ...load, inputs: '{' },
    { ...load, inputs: JSON.stringify({ texts: [['preset', 'a']], numbers: [] }) },
  ];
  const loads = new LearnedLoads(saved, { save: () => {}, drop: () => {} });
  expect(loads.expected(choices({ preset: 'a' }))).toMatchObject([{ name: 'a.pt', inputs: ['preset'] }]);
});
