import type { Memory, ReadMemory } from './memory.ts';
import type { PosixTier } from './tier.ts';

/** A tier whose files are in memory. */
export interface MemoryTier extends PosixTier {
  /** Reads the available memory again. */
  look(): Promise<Memory>;
}

/**
 * The tier with memory as its volume. Its free space is the available memory, so a floor of free space keeps memory free. Writes to
 * and removals from the volume since the last reading count.
 */
export async function inMemory(tier: PosixTier, read: ReadMemory): Promise<MemoryTier> {
  const heldNow = () => {
    const { size, free } = tier.capacity();
    return size - free;
  };
  let memory = await read();
  let heldThen = heldNow();
  return {
    ...tier,
    capacity: () => {
      const volume = tier.capacity();
      const left = Math.max(0, memory.available - (heldNow() - heldThen));
      // A ramfs, and a tmpfs without a size, report neither size nor use: only memory bounds them.
      if (volume.size === 0) return { size: memory.total, free: left };
      return { size: Math.min(volume.size, memory.total), free: Math.min(volume.free, left) };
    },
    look: async () => {
      memory = await read();
      heldThen = heldNow();
      return memory;
    },
  };
}
