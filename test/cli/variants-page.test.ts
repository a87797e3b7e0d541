import { expect, test } from 'vitest';
import type { VariantView } from '../../src/api/variants.ts';
import type { Look } from '../../src/cli/text/look.ts';
import { variantsPage } from '../../src/cli/text/variants-page.ts';

const unfinished: VariantView = {
  ...{ path: '/cache/variants/diffusion_models/a.autocached-int8.safetensors', name: 'a.autocached-int8.safetensors' },
  ...{ category: 'diffusion_models', source: '/models/diffusion_models/a.safetensors', form: 'int8' },
  ...{ state: 'waiting', why: null, bytes: 0, sourceBytes: 1024, createdAt: '2026-01-01T00:00:00.000Z', job: null },
  ...{ architecture: null, leastSqnr: null, layers: null },
};

const uncoloured: Look = { width: 80, paint: (_format, text) => text };

const page = (variant: VariantView) =>
  variantsPage({ directory: '/cache/variants', bytes: 0, variants: [variant] }, uncoloured);

test('a variant that is not made is not called exact', () => {
  expect(page(unfinished)).toContain('waiting');
  expect(page(unfinished)).not.toContain('exact');
});

test('a variant from which only was left out what nobody loads is exact', () => {
  expect(page({ ...unfinished, state: 'ready', architecture: 'flux', layers: 0 })).toContain('exact');
});
