import { randomFillSync } from 'node:crypto';
import { closeSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import type { DailyTotals } from '../src/api/stats.ts';
import { Catalog } from '../src/catalog/catalog.ts';
import { systemClock } from '../src/runtime/clock.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;
const dayMs = 86_400_000;

/** A model of the library: its path, its size, and its number of loads. */
export interface SampleModel {
  rel: string;
  bytes: number;
  /** 0: not cached. */
  loads: number;
}

/** A library like that of a hobbyist, with small files in the place of large copies. */
export const sampleModels: readonly SampleModel[] = [
  { rel: 'checkpoints/sd_xl_base_1.0.safetensors', bytes: 138 * MiB, loads: 41 },
  { rel: 'checkpoints/juggernautXL_v9.safetensors', bytes: 132 * MiB, loads: 18 },
  { rel: 'diffusion_models/flux1-dev-fp8.safetensors', bytes: 220 * MiB, loads: 63 },
  { rel: 'diffusion_models/wan2.2_t2v_high_noise_14B_fp8.safetensors', bytes: 96 * MiB, loads: 7 },
  { rel: 'text_encoders/t5xxl_fp8_e4m3fn.safetensors', bytes: 98 * MiB, loads: 63 },
  { rel: 'text_encoders/clip_l.safetensors', bytes: 24 * MiB, loads: 70 },
  { rel: 'vae/ae.safetensors', bytes: 32 * MiB, loads: 66 },
  { rel: 'vae/sdxl_vae_fp16_fix.safetensors', bytes: 17 * MiB, loads: 44 },
  { rel: 'loras/flux/film-grain.safetensors', bytes: 18 * MiB, loads: 12 },
  { rel: 'loras/flux/watercolour-v2.safetensors', bytes: 18 * MiB, loads: 5 },
  { rel: 'loras/sdxl/detail-tweaker-xl.safetensors', bytes: 22 * MiB, loads: 26 },
  { rel: 'controlnet/controlnet-union-sdxl-promax.safetensors', bytes: 60 * MiB, loads: 9 },
  { rel: 'upscale_models/4x-UltraSharp.pth', bytes: 26 * MiB, loads: 31 },
  { rel: 'checkpoints/sd3.5_large.safetensors', bytes: 16 * GiB, loads: 0 },
  { rel: 'checkpoints/dreamshaperXL_lightning.safetensors', bytes: 6656 * MiB, loads: 0 },
  { rel: 'diffusion_models/qwen_image_edit_2509_fp8.safetensors', bytes: 19 * GiB, loads: 0 },
  { rel: 'diffusion_models/hunyuan_video_t2v_720p_bf16.safetensors', bytes: 24 * GiB, loads: 0 },
  { rel: 'text_encoders/umt5_xxl_fp16.safetensors', bytes: 10854 * MiB, loads: 0 },
  { rel: 'clip_vision/clip_vision_h.safetensors', bytes: 1228 * MiB, loads: 0 },
  { rel: 'loras/sdxl/tiny-style.safetensors', bytes: 3 * MiB, loads: 0 },
  ...Array.from({ length: 60 }, (_, index) => {
    return {
      rel: `loras/archive/style-${String(index + 1).padStart(3, '0')}.safetensors`,
      bytes: (140 + index) * MiB,
      loads: 0,
    };
  }),
];

/** Writes the files: those that will be cached with bytes of their own, the others without taking room. */
export function writeSampleModels(root: string): void {
  const chunk = Buffer.alloc(MiB);
  for (const { rel, bytes, loads } of sampleModels) {
    const path = join(root, rel);
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(path, 'w');
    for (let at = 0; loads > 0 && at < bytes; at += chunk.length) writeSync(file, randomFillSync(chunk));
    ftruncateSync(file, bytes);
    closeSync(file);
  }
}

/** A month of use, written into the catalog of a daemon that does not run. */
export function writeSampleMonth(catalog: string, now = Date.now()): void {
  const database = new Database(catalog);
  const insert = database.prepare('INSERT OR REPLACE INTO daily VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
  for (let ago = 29; ago >= 0; ago -= 1) {
    const { day, hits, misses, hitBytes, missBytes, bytesCopied, evictions, evictedBytes, secondsSaved } = sampleDay(ago, now);
    if (hits + misses > 0)
      insert.run(day, hits, misses, hitBytes, missBytes, bytesCopied, evictions, evictedBytes, secondsSaved);
  }
  database.close();
}

/** Loads of a month, of one model after the other in sittings of some eight, from a NAS. Written as `writeSampleMonth` is. */
export function writeSampleLoads(path: string, root: string, now = Date.now()): void {
  using catalog = new Catalog(path, systemClock);
  const loaded = sampleModels.filter(({ bytes }) => bytes < GiB);
  for (let k = 0; k < 600; k += 1) {
    const sitting = Math.floor(k / 20);
    const { rel, bytes: size } = loaded[(sitting * 13 + ((k * k) % 8)) % loaded.length] as SampleModel;
    const category = rel.split('/')[0] ?? null;
    const from = { medium: 'nas', sourceSpeed: 110e6, tier: null, reason: 'QUEUED', seconds: size / 110e6 } as const;
    const at = now - (30 - sitting) * dayMs + (k % 20) * 240_000 + dayMs / 2;
    catalog.loads.note({ at, path: join(root, rel), category, size, ...from, prompt: null, nodeClass: null });
  }
}

/** Busy at weekends, idle on some days, and better with time. */
function sampleDay(ago: number, now: number): DailyTotals {
  const at = new Date(now - ago * dayMs);
  const wave = 0.5 + 0.5 * Math.sin(ago * 1.7) ** 2;
  const loads = at.getUTCDay() === 3 ? 0 : Math.round((at.getUTCDay() % 6 === 0 ? 70 : 28) * wave);
  const hits = Math.round(loads * Math.min(0.97, 0.55 + (30 - ago) * 0.018));
  const misses = loads - hits;
  return {
    day: at.toISOString().slice(0, 10),
    hits,
    misses,
    hitBytes: hits * 6200 * MiB,
    missBytes: misses * 6200 * MiB,
    bytesCopied: Math.round(misses * 0.8) * 6200 * MiB,
    evictions: Math.round(misses / 3),
    evictedBytes: misses * 2 * GiB,
    secondsSaved: hits * 38,
  };
}
