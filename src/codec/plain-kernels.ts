import type { KernelMemory, PlaneKernels } from './plane-kernels.ts';

/** The kernels in JavaScript: for runtimes without WebAssembly vectors, and as the standard that tests compare the others with. */
export function plainKernels(size: number): KernelMemory {
  const bytes = new Uint8Array(size);
  return { bytes, kernels: kernelsOver(bytes) };
}

function kernelsOver(memory: Uint8Array): PlaneKernels {
  return {
    split2: (elements, p0, p1, count) => split(memory, elements, { planes: [p0, p1], count }),
    split2R: (elements, p0, p1, count) => splitRotated(memory, elements, { planes: [p0, p1], count }),
    split4R: (elements, p0, p1, p2, p3, count) => splitRotated(memory, elements, { planes: [p0, p1, p2, p3], count }),
    splitNibbles(elements, p0, p1, count) {
      for (let i = 0; i < count; i++) {
        const [x, y] = [memory[elements + 2 * i] ?? 0, memory[elements + 2 * i + 1] ?? 0];
        memory[p0 + i] = (x & 7) | ((x >> 4) & 8) | ((y & 7) << 4) | (y & 0x80);
        memory[p1 + i] = ((x >> 3) & 15) | ((y << 1) & 0xf0);
      }
    },
    merge2: (elements, p0, p1, count) => merge(memory, elements, { planes: [p0, p1], count }),
    merge2R: (elements, p0, p1, count) => mergeRotated(memory, elements, { planes: [p0, p1], count }),
    merge4R: (elements, p0, p1, p2, p3, count) => mergeRotated(memory, elements, { planes: [p0, p1, p2, p3], count }),

    mergeNibbles(elements, p0, p1, count) {
      for (let i = 0; i < count; i++) {
        const [rest, exponent] = [memory[p0 + i] ?? 0, memory[p1 + i] ?? 0];
        memory[elements + 2 * i] = (rest & 7) | ((rest & 8) << 4) | ((exponent & 15) << 3);
        memory[elements + 2 * i + 1] = ((rest >> 4) & 7) | (rest & 0x80) | ((exponent & 0xf0) >> 1);
      }
    },

    pack(plane, packed, flags, base, count) {
      const nibble = (index: number) => Math.min(((memory[plane + index] ?? 0) - base) & 0xff, 15);
      memory.fill(0, flags, flags + Math.ceil(count / 32));
      for (let i = 0; i < count; i += 2) {
        const low = nibble(i);
        const high = nibble(i + 1);
        memory[packed + i / 2] = low | (high << 4);
        if (low === 15 || high === 15) memory[flags + (i >> 5)] = 1;
      }
    },

    mergePairs2R(elements, p0, packed, base, count) {
      mergePairsRotated(memory, elements, { planes: [p0], packed, base, count });
    },
    mergePairs4R(elements, p0, p1, p2, packed, base, count) {
      mergePairsRotated(memory, elements, { planes: [p0, p1, p2], packed, base, count });
    },
  };
}

interface Planes {
  planes: number[];
  count: number;
}

function split(memory: Uint8Array, elements: number, { planes, count }: Planes): void {
  planes.forEach((plane, k) => {
    for (let i = 0; i < count; i++) memory[plane + i] = memory[elements + i * planes.length + k] ?? 0;
  });
}

function merge(memory: Uint8Array, elements: number, { planes, count }: Planes): void {
  planes.forEach((plane, k) => {
    for (let i = 0; i < count; i++) memory[elements + i * planes.length + k] = memory[plane + i] ?? 0;
  });
}

/** Each byte moves up by one bit and takes the top bit of the byte below it; the lowest takes that of the highest. */
function splitRotated(memory: Uint8Array, elements: number, { planes, count }: Planes): void {
  const width = planes.length;
  planes.forEach((plane, k) => {
    const below = (k + width - 1) % width;
    for (let i = 0; i < count; i++) {
      const element = elements + i * width;
      memory[plane + i] = ((memory[element + k] ?? 0) << 1) | ((memory[element + below] ?? 0) >> 7);
    }
  });
}

function mergeRotated(memory: Uint8Array, elements: number, { planes, count }: Planes): void {
  const width = planes.length;
  planes.forEach((plane, k) => {
    const above = planes[(k + 1) % width] ?? 0;
    for (let i = 0; i < count; i++) {
      memory[elements + i * width + k] = ((memory[plane + i] ?? 0) >> 1) | ((memory[above + i] ?? 0) << 7);
    }
  });
}

function mergePairsRotated(
  memory: Uint8Array,
  elements: number,
  { planes, packed, base, count }: Planes & { packed: number; base: number },
): void {
  const width = planes.length + 1;
  for (let i = 0; i < count; i++) {
    const nibble = ((memory[packed + (i >> 1)] ?? 0) >> (4 * (i & 1))) & 15;
    const bytes = [...planes.map((plane) => memory[plane + i] ?? 0), (base + nibble) & 0xff];
    for (let k = 0; k < width; k++) {
      memory[elements + i * width + k] = ((bytes[k] ?? 0) >> 1) | ((bytes[(k + 1) % width] ?? 0) << 7);
    }
  }
}
