import { expect, vi } from 'vitest';
import type { VariantView } from '../../src/api/variants.ts';
import type { Client } from '../../src/cli/client.ts';
import { VariantClient } from '../../src/cli/variant-client.ts';
import { patience } from './patience.ts';

/** A variant, once it is no longer on its way. */
export async function settled(client: Client, path: string): Promise<VariantView> {
  let found: VariantView | undefined;
  await vi.waitFor(
    async () => {
      found = (await new VariantClient(client).list()).variants.find((one) => one.path === path);
      expect(found?.state).toMatch(/ready|failed|stale/);
    },
    { timeout: patience(20_000), interval: 50 },
  );
  return found as VariantView;
}
