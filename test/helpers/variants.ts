import { vi } from 'vitest';
import type { VariantView } from '../../src/api/variants.ts';
import type { Client } from '../../src/cli/client.ts';
import { VariantClient } from '../../src/cli/variant-client.ts';
import { patience } from './patience.ts';

/** A variant, once it is no longer on its way. @throws at once when the daemon is gone */
export function settled(client: Client, path: string): Promise<VariantView> {
  const look = async () => {
    const { variants } = await new VariantClient(client).list();
    return variants.find((one) => one.path === path && /ready|failed|stale/.test(one.state));
  };
  return vi.waitUntil(look, { timeout: patience(20_000), interval: 50 }) as Promise<VariantView>;
}
