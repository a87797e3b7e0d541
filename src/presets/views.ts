import type { PresetView, SlotView } from '../api/presets.ts';
import type { Listed } from './library.ts';
import type { Slot } from './slots.ts';

/** As lists show it. */
export function viewOf({ name, preset, origin, problem }: Listed): PresetView {
  const slots = preset?.slots.map(slotView) ?? [];
  return { name, description: preset?.description ?? '', families: [...(preset?.families ?? [])], origin, slots, problem };
}

export function slotView({ name, kind, meaning, default: byDefault }: Slot): SlotView {
  const value = typeof byDefault === 'bigint' ? String(byDefault) : byDefault;
  return { name, kind, meaning, required: byDefault === undefined, ...(byDefault !== undefined && { default: value }) };
}
