import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { makeSafetensors, makeTensor, type NamedTensor } from '../../bench/weights.ts';
import { checkout, realDaemon, startReal } from '../helpers/real-comfyui.ts';

/** Tells what a text has become, from which ComfyUI would make an image. */
const pack = `
import hashlib


class HashConditioning:
    RETURN_TYPES = ("STRING",)
    FUNCTION = "hash"
    CATEGORY = "test"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"conditioning": ("CONDITIONING",)}}

    def hash(self, conditioning):
        return (hashlib.sha256(conditioning[0][0].float().contiguous().numpy().tobytes()).hexdigest(),)


NODE_CLASS_MAPPINGS = {"HashConditioning": HashConditioning}
`;

function prompt(text: string): object {
  return {
    clip: { class_type: 'CLIPLoader', inputs: { clip_name: 'clip_l.safetensors', type: 'stable_diffusion' } },
    text: { class_type: 'CLIPTextEncode', inputs: { clip: ['clip', 0], text } },
    hash: { class_type: 'HashConditioning', inputs: { conditioning: ['text', 0] } },
    show: { class_type: 'PreviewAny', inputs: { source: ['hash', 0] } },
  };
}

/** The text encoder of Stable Diffusion 1, with any weights. */
function clipL(): Uint8Array {
  const widths = { text: 768, inner: 3072 };
  const tensor = (name: string, ...shape: number[]): NamedTensor => ({
    ...makeTensor(
      'F16',
      shape.reduce((product, length) => product * length),
      name.length,
    ),
    name: `text_model.${name}`,
    shape,
  });
  const pair = (name: string, out: number, ...from: number[]) => [
    tensor(`${name}.weight`, out, ...from),
    tensor(`${name}.bias`, out),
  ];
  const layer = (k: number) => {
    const at = `encoder.layers.${k}`;
    return [
      ...['q', 'k', 'v', 'out'].flatMap((name) => pair(`${at}.self_attn.${name}_proj`, widths.text, widths.text)),
      ...['layer_norm1', 'layer_norm2'].flatMap((name) => pair(`${at}.${name}`, widths.text)),
      ...pair(`${at}.mlp.fc1`, widths.inner, widths.text),
      ...pair(`${at}.mlp.fc2`, widths.text, widths.inner),
    ];
  };
  return makeSafetensors([
    tensor('embeddings.token_embedding.weight', 49_408, widths.text),
    tensor('embeddings.position_embedding.weight', 77, widths.text),
    ...Array.from({ length: 12 }, (_, k) => layer(k)).flat(),
    ...pair('final_layer_norm', widths.text),
  ]);
}

describe.skipIf(!checkout)('an embedding in the text of a real ComfyUI', () => {
  test('makes the same of the text while its folder is away, also when ComfyUI is started then', async () => {
    const { installed, client } = await realDaemon({});
    const folder = join(installed.root, 'embeddings');
    for (const name of [folder, join(installed.root, 'text_encoders')]) mkdirSync(name, { recursive: true });
    writeFileSync(join(installed.root, 'text_encoders', 'clip_l.safetensors'), clipL());
    const vectors = { ...makeTensor('F32', 2 * 768, 1), name: 'emb_params', shape: [2, 768] };
    writeFileSync(join(folder, 'myemb.safetensors'), makeSafetensors([vectors]));
    const hashed = async (server: Awaited<ReturnType<typeof startReal>>, text: string) =>
      (await server.outputs(prompt(text)))['show']?.text?.[0];

    const first = await startReal(installed.dir, installed, pack);
    const plain = await hashed(first, 'cat');
    const cat = await hashed(first, 'cat embedding:myemb');
    const dog = await hashed(first, 'dog embedding:myemb');
    expect(new Set([plain, cat, dog]).size).toBe(3);
    const cached = async () => (await client.entries({ cached: true })).entries.map(({ name }) => name);
    await vi.waitFor(async () => expect(await cached()).toContain('myemb.safetensors'), { timeout: 60_000 });
    // As a share that is not mounted leaves it.
    renameSync(folder, join(installed.dir, 'unplugged'));
    mkdirSync(folder);
    // The text encoder stays loaded, and the node runs again.
    expect(await hashed(first, 'dog  embedding:myemb')).toBe(dog);
    await first.end('SIGTERM');

    await using second = await startReal(installed.dir, installed, pack);
    expect({ plain: await hashed(second, 'cat'), cat: await hashed(second, 'cat embedding:myemb') }).toEqual({ plain, cat });
  });
});
