import { join } from 'node:path';
import { vi } from 'vitest';
import type { VariantView } from '../../src/api/variants.ts';
import type { Client } from '../../src/cli/client.ts';
import { VariantClient } from '../../src/cli/variant-client.ts';
import { runDaemon } from './daemon.ts';
import { patience } from './patience.ts';
import { tinyWan, writeSafetensors } from './tiny-model.ts';

/** A daemon with one model that variants can be made of. */
export async function daemonWith(settings: Record<string, string> = {}) {
  const rig = await runDaemon({}, settings);
  const path = join(rig.root, 'diffusion_models', 'sub', 'wan ä.safetensors');
  writeSafetensors(path, tinyWan());
  return Object.assign(rig, { path });
}

/** A variant, once it is no longer on its way. @throws at once when the daemon is gone */
export function settled(client: Client, path: string): Promise<VariantView> {
  const look = async () => {
    const { variants } = await new VariantClient(client).list();
    return variants.find((one) => one.path === path && /ready|failed|stale/.test(one.state));
  };
  return vi.waitUntil(look, { timeout: patience(20_000), interval: 50 }) as Promise<VariantView>;
}
