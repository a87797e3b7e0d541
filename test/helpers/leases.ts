import { expect } from 'vitest';
import { endLeases } from '../../bench/installed.ts';
import type { Client } from '../../src/cli/client.ts';

/** Ends what ComfyUI keeps of a source's copy: nobody has the file open, and no prompt runs. */
export async function lapse(client: Client, source: string): Promise<void> {
  const { leases } = await client.explain(source);
  for (const { client: holder } of leases) {
    const pid = Number(/^comfyui:(\d+)/.exec(holder)?.[1]);
    await endLeases(client, { app: 'comfyui', pid }, holder.split('@')[1]);
  }
  expect((await client.explain(source)).leases).toEqual([]);
}
