import { join } from 'node:path';
import { expect } from 'vitest';
import { CacheError } from '../../src/core/errors.ts';
import { Architectures } from '../../src/variants/architectures.ts';
import { headerRoom } from '../../src/variants/layout.ts';
import { planVariant } from '../../src/variants/plan.ts';
import { parseSafetensors } from '../../src/weights/safetensors.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { tinyWan, writeSafetensors } from '../helpers/tiny-model.ts';

const architectures = new Architectures();

const strangeNames = [
  '__proto__',
  'constructor',
  'blocks.0.self_attn.q.weight',
  '',
  '\u0000',
  '.weight',
  'weight',
  'a'.repeat(9000),
  '\ud800',
];
const strangeValues: unknown[] = [
  null,
  [],
  {},
  'x',
  -1,
  1e300,
  0.5,
  [1e9, 1e9],
  [-1],
  [16, 16.5],
  ['16', 16],
  [0, 0],
  [2 ** 53, 2],
];

/** The header of a real model with one thing broken, of many kinds. */
function hostile(valid: Buffer, seed: number): Buffer {
  const jsonSize = Number(valid.readBigUInt64LE(0));
  let state = seed + 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const pick = <T>(of: readonly T[]): T => of[random(of.length)] as T;
  const bytes = Buffer.from(valid.subarray(0, 8 + jsonSize));
  if (seed % 4 === 0) {
    for (let i = 0; i <= random(8); i++) bytes[random(bytes.length)] = random(256);
    return bytes;
  }
  if (seed % 4 === 1) return bytes.subarray(0, random(bytes.length));
  const header = JSON.parse(bytes.subarray(8).toString()) as Record<string, Record<string, unknown>>;
  const name = pick(Object.keys(header));
  const entry = header[name] ?? {};
  if (seed % 4 === 2) entry[pick(['dtype', 'shape', 'data_offsets', 'more'])] = pick(strangeValues);
  else
    Object.defineProperty(header, pick(strangeNames), {
      value: pick([entry, ...strangeValues]),
      enumerable: true,
      configurable: true,
    });
  const json = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(random(10) === 0 ? random(2 ** 31) : json.length));
  return Buffer.concat([size, json]);
}

/** Plans variants of so many hostile headers: each is planned, or refused with a sentence. */
export function checkHeaders(count: number): void {
  const valid = writeSafetensors(join(tempDir(), 'a.safetensors'), tinyWan());
  const dataSize = valid.length - 8 - Number(valid.readBigUInt64LE(0));
  let refused = 0;
  for (let seed = 0; seed < count; seed++) {
    const start = hostile(valid, seed);
    const fileSize = dataSize + start.length;
    try {
      const header = parseSafetensors(start, fileSize);
      for (const to of ['auto8', 'fp16'] as const) {
        const plan = planVariant(header, { to, fastMatmul: false, dropUnused: seed % 2 === 0 }, architectures);
        expect(headerRoom(plan, header.metadata)).toBeGreaterThan(0);
        expect(plan.most).toBeLessThan(4 * fileSize);
      }
    } catch (error) {
      expect(error, `seed ${seed}`).toBeInstanceOf(CacheError);
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(count / 4);
}
