import { expect, test } from 'vitest';
import type { VariantView } from '../../src/api/variants.ts';
import type { Look } from '../../src/cli/text/look.ts';
import { variantReportPage, variantsPage } from '../../src/cli/text/variants-page.ts';
import { stateText } from '../../src/http/dashboard/variants.js';

const unfinished: VariantView = {
  ...{ path: '/cache/variants/diffusion_models/a.autocached-int8.safetensors', name: 'a.autocached-int8.safetensors' },
  ...{ category: 'diffusion_models', source: '/models/diffusion_models/a.safetensors', form: 'int8' },
  ...{ state: 'waiting', why: null, bytes: 0, sourceBytes: 1024, createdAt: '2026-01-01T00:00:00.000Z', job: null },
  ...{ architecture: null, leastSqnr: null, layers: null },
};

const uncoloured: Look = { width: 80, paint: (_format, text) => text };

const page = (variant: VariantView) =>
  variantsPage({ directory: '/cache/variants', bytes: 0, limit: 1024, variants: [variant] }, uncoloured);

test('a variant that is not made is not called exact', () => {
  expect(page(unfinished)).toContain('waiting');
  expect(page(unfinished)).not.toContain('exact');
});

test('a variant from which only was left out what nobody loads is exact', () => {
  expect(page({ ...unfinished, state: 'ready', architecture: 'flux', layers: 0 })).toContain('exact');
});

test('a variant of a model that has changed has the word of a copy of one, on every page', () => {
  const variant: VariantView = { ...unfinished, state: 'stale', why: 'its size' };
  expect(page(variant)).toContain('changed: its size');
  expect(stateText(variant)).toBe('changed: its size');
});

test('the report fits a terminal of 80 columns', () => {
  const variant: VariantView = { ...unfinished, state: 'ready', architecture: 'flux', layers: 1 };
  const layers = [{ name: 'blocks.0.self_attn.q', format: 'I8', sqnr: 41.5, worst: 0.01 }];
  const lines = variantReportPage({ variant, sha256: 'f'.repeat(64), layers }, 5, uncoloured).split('\n');
  expect(lines.filter((line) => line.includes('f'.repeat(64)))).toHaveLength(1);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
});
