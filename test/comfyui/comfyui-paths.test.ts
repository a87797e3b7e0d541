import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { comfyuiPaths, ownPaths } from '../../src/comfyui/comfyui-paths.ts';
import { expand } from '../../src/comfyui/expand.ts';
import { readExtraPaths } from '../../src/comfyui/extra-paths.ts';
import { CacheError } from '../../src/core/errors.ts';
import { fill, tempTree } from '../sources/temp-tree.ts';

const linux = { home: '/home/u', environment: { MODELS: '/mnt/nas', EMPTY: '' }, platform: 'linux' } as const;
const windows = { home: 'C:\\Users\\u', environment: { APPDATA: 'C:\\Users\\u\\AppData' }, platform: 'win32' } as const;

/** `category path`, with `!` for a default and `?` for a folder that need not exist; those taken up by themselves left out. */
function read(text: string, variables: typeof linux | typeof windows = linux): string[] {
  const file = variables.platform === 'win32' ? 'C:\\ComfyUI\\extra_model_paths.yaml' : '/opt/ComfyUI/extra_model_paths.yaml';
  const { paths } = readExtraPaths(text, file, variables);
  return paths
    .filter(({ optional }) => !optional)
    .map(({ category, path, isDefault }) => `${isDefault ? '!' : ''}${category} ${path}`);
}

test('a # in the name of a folder is part of it, quoted or in a block', () => {
  const text = `a:
  loras: "/models/LoRA #1"
  vae: '/models/vae # old'
  checkpoints: |
    /models/My #1 models
    # /models/never
    /models/two  # the new disk
`;
  expect(read(text)).toEqual([
    'loras /models/LoRA #1',
    'vae /models/vae # old',
    'checkpoints /models/My #1 models',
    'checkpoints /models/two',
  ]);
});

test.each([
  ['Latin-1', Buffer.from('a:\n  loras: /modèles\n', 'latin1')],
  ['UTF-16', Buffer.from('\ufeffa:\n  loras: /models\n', 'utf16le')],
  ['UTF-16 without a byte order mark', Buffer.from('a:\n  loras: /models\n', 'utf16le')],
])('a file in %s is told to be saved as UTF-8, as a .env is', async (_what, bytes) => {
  const dir = tempTree({});
  writeFileSync(join(dir, 'extra_model_paths.yaml'), bytes);
  await expect(comfyuiPaths(dir, { home: '/home/u' })).rejects.toThrow(
    'extra_model_paths.yaml is not UTF-8 text; save it as UTF-8',
  );
});

test.each([
  ['a part', 'a:\n  loras: /models\0\n'],
  ['its end', 'a:\n  loras: /mod\0\0\0\0'],
  ['all', '\0'.repeat(64)],
])('a file of which a power cut has left NUL bytes in the place of %s is told as damaged', async (_what, text) => {
  const dir = tempTree({ 'extra_model_paths.yaml': text });
  await expect(comfyuiPaths(dir, { home: '/home/u' })).rejects.toThrow(
    'extra_model_paths.yaml has NUL bytes in it: it is damaged, or no text; write it anew',
  );
});

test('a byte order mark before UTF-8 is no letter', async () => {
  const dir = tempTree({ 'extra_model_paths.yaml': '\ufeffa:\n  loras: /models/é\n' });
  const paths = await comfyuiPaths(dir, { home: '/home/u' });
  expect(paths.map(({ path }) => path)).toContain('/models/é');
});

describe('extra_model_paths.yaml', () => {
  it('is read as its example is written', () => {
    const text = `#Rename this to extra_model_paths.yaml
comfyui:
     base_path: /srv/ComfyUI/
     is_default: true
     checkpoints: models/checkpoints/
     configs: models/configs/
     text_encoders: |
          models/text_encoders/
          models/clip/  # legacy location still supported
     custom_nodes: custom_nodes/
     datasets: datasets/
a111:
    base_path: path/to/stable-diffusion-webui/
    checkpoints: models/Stable-diffusion
    loras: |
         models/Lora
         models/LyCORIS

empty:
`;
    expect(read(text)).toEqual([
      '!checkpoints /srv/ComfyUI/models/checkpoints',
      '!text_encoders /srv/ComfyUI/models/text_encoders',
      '!text_encoders /srv/ComfyUI/models/clip',
      'checkpoints /opt/ComfyUI/path/to/stable-diffusion-webui/models/Stable-diffusion',
      'loras /opt/ComfyUI/path/to/stable-diffusion-webui/models/Lora',
      'loras /opt/ComfyUI/path/to/stable-diffusion-webui/models/LyCORIS',
    ]);
  });

  it.each([
    ['a home folder', 'a:\n  base_path: ~/models\n  vae: vae', 'vae /home/u/models/vae'],
    ['a variable', 'a:\n  base_path: $MODELS/x\n  vae: vae', 'vae /mnt/nas/x/vae'],
    ['a variable in braces', `a:\n  base_path: "\${MODELS}/x"\n  vae: vae`, 'vae /mnt/nas/x/vae'],
    ['a variable that is not set', 'a:\n  base_path: /a/$NONE\n  vae: vae', 'vae /a/$NONE/vae'],
    ['no base path', 'a:\n  vae: my/vae', 'vae /opt/ComfyUI/my/vae'],
    ['no base path, absolute', 'a:\n  vae: /my/vae/', 'vae /my/vae'],
    ['an empty base path', 'a:\n  base_path:\n  vae: my/vae', 'vae /opt/ComfyUI/my/vae'],
    ['an absolute folder under a base path', 'a:\n  base_path: /b\n  vae: /c/vae', 'vae /c/vae'],
    ['a folder above the base path', 'a:\n  base_path: /b/c\n  vae: ../vae', 'vae /b/vae'],
    ['the base path itself', 'a:\n  base_path: /b\n  vae: .', 'vae /b'],
    ['an old category name', 'a:\n  unet: /u', 'diffusion_models /u'],
    ['the other old category name', 'a:\n  clip: /u', 'text_encoders /u'],
    ['a category of a custom node', 'a:\n  ipadapter: /u', 'ipadapter /u'],
    ['the path file of the desktop program', 'a:\n  is_default: "true"\n  download_model_base: models\n  vae: /u', '!vae /u'],
    ['a default that is none', 'a:\n  is_default: "false"\n  vae: /u', 'vae /u'],
    ['YAML 1.1', 'a:\n  is_default: yes\n  vae: /u', '!vae /u'],
    ['a category without folders', 'a:\n  loras:\n  vae: /u', 'vae /u'],
    ['Windows line ends', 'a:\r\n  base_path: /b\r\n  vae: |\r\n    one\r\n', 'vae /b/one'],
    ['a folded text', 'a:\n  vae: >-\n    /b/one\n\n    /b/two\n', 'vae /b/one,vae /b/two'],
    ['a list', 'a:\n  base_path: /b\n  vae:\n    - one\n    - two\n', 'vae /b/one,vae /b/two'],
    ['one key twice', 'a:\n  base_path: /b\n  base_path: /c\n  vae: one\n', 'vae /c/one'],
    ['a folder that looks like a number', 'a:\n  base_path: /b\n  vae: 1.50', 'vae /b/1.50'],
    ['a repeated section', 'a: &a\n  base_path: /b\n  vae: one\nb: *a\n', 'vae /b/one,vae /b/one'],
    ['a merged section', 'a: &a\n  base_path: /b\nb:\n  <<: *a\n  vae: one\n', 'vae /b/one'],
    [
      'a section merged of several',
      'a: &a\n  base_path: /b\nb: &b\n  base_path: /c\nc:\n  <<: [*a, *b]\n  vae: one\n',
      'vae /b/one',
    ],
  ])('understands %s', (_, text, expected) => {
    expect(read(text).join(',')).toBe(expected);
  });

  it.each(['', '# all of it is commented out\n', 'comfyui:\n', '---\n'])('finds nothing in %j', (text) => {
    expect(read(text)).toEqual([]);
  });

  it('understands Windows paths', () => {
    const text =
      "a:\n  base_path: D:\\AI\\models\n  vae: vae\n  loras: |\n    lora\n    E:/loras\nb:\n  base_path: '%appdata%\\x'\n  vae: y\n";
    expect(read(text, windows)).toEqual([
      'vae D:\\AI\\models\\vae',
      'loras D:\\AI\\models\\lora',
      'loras E:\\loras',
      'vae C:\\Users\\u\\AppData\\x\\y',
    ]);
  });

  it.each([
    ['line 3', 'a:\n  vae: [one\n'],
    ['line 3', 'a:\n  vae: one\n  loras: {x: y}\n'],
    ['line 1', 'just a text\n'],
    ['line 2', 'b:\n  a text\n'],
    ['line 2', 'a:\n  base_path: "C:\\models"\n'],
    ['line 2', 'a:\n\tvae: x\n'],
  ])('says in which line it cannot be read (%s)', (line, text) => {
    const error = (() => {
      try {
        read(text);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(CacheError);
    expect(error).toMatchObject({
      code: 'BAD_CONFIG',
      message: expect.stringContaining(`/opt/ComfyUI/extra_model_paths.yaml, ${line}`),
    });
  });
});

describe('extra_paths.yaml', () => {
  it('has its models in a section of their own, and takes up the standard folders by itself', () => {
    const text = `comfyui:
    base_path: /srv/ComfyUI
    output: out/
    custom_nodes: custom_nodes/
    models:
        base_path: models/
        is_default: true
        checkpoints: ckpt
`;
    const { paths, output } = readExtraPaths(text, '/opt/ComfyUI/extra_paths.yaml', linux);
    expect(output).toBe('/srv/ComfyUI/out');
    expect(paths[0]).toEqual({ path: '/srv/ComfyUI/models/ckpt', category: 'checkpoints', isDefault: true, optional: false });
    expect(paths).toContainEqual({ path: '/srv/ComfyUI/models/loras', category: 'loras', isDefault: true, optional: true });
    expect(paths).not.toContainEqual(expect.objectContaining({ path: '/srv/ComfyUI/models/checkpoints' }));
    expect(paths).not.toContainEqual(expect.objectContaining({ path: expect.stringContaining('custom_nodes') }));
    expect(paths).not.toContainEqual(expect.objectContaining({ path: '/srv/ComfyUI/loras' }));
  });
});

describe('the model folders of a ComfyUI', () => {
  const ask = async (directory: string, category: string | null) => {
    const found = await comfyuiPaths(directory, { ...linux, platform: process.platform });
    return found.filter((path) => path.category === category).map(({ path }) => path.slice(directory.length));
  };

  it('are those of a fresh one, in the order in which ComfyUI looks', async () => {
    const directory = tempTree();
    expect(await ask(directory, 'diffusion_models')).toEqual([
      '/models/unet',
      '/models/diffusion_models',
      '/output/diffusion_models',
    ]);
    expect(await ask(directory, 'text_encoders')).toEqual(['/models/text_encoders', '/models/clip', '/output/clip']);
    expect(await ask(directory, 'controlnet')).toEqual(['/models/controlnet', '/models/t2i_adapter']);
    // For the folders of custom nodes, and none of the kind that holds no weights.
    expect(await ask(directory, null)).toEqual(['/models']);
    expect([...(await ask(directory, 'configs')), ...(await ask(directory, 'custom_nodes'))]).toEqual([]);
  });

  it('are said once each, a default first', async () => {
    const directory = tempTree({
      'extra_model_paths.yaml':
        'a:\n  base_path: more\n  is_default: true\n  loras: |\n    one\n    two\n  vae: ../models/vae\n',
    });
    expect(await ask(directory, 'loras')).toEqual(['/more/two', '/more/one', '/models/loras', '/output/loras']);
    expect(await ask(directory, 'vae')).toEqual(['/models/vae', '/output/vae']);
  });

  it('come from the newer file alone when both are there', async () => {
    const directory = tempTree({ 'extra_model_paths.yaml': 'a:\n  hypernetworks: /old\n' });
    expect((await comfyuiPaths(directory, linux)).map(({ path }) => path)).toContain('/old');
    fill(directory, { 'extra_paths.yaml': 'a:\n  output: elsewhere\n  models:\n    hypernetworks: /new\n' });
    const paths = (await comfyuiPaths(directory, linux)).map(({ path }) => path);
    expect(paths).toContain('/new');
    expect(paths).toContain(`${directory}/elsewhere/checkpoints`);
    expect(paths).not.toContain('/old');
  });

  it('say which file cannot be read', async () => {
    const directory = tempTree({ 'extra_paths.yaml': null });
    await expect(comfyuiPaths(directory, linux)).rejects.toMatchObject({
      code: 'SOURCE_IO',
      message: expect.stringContaining(join(directory, 'extra_paths.yaml')),
    });
    expect((await ownPaths(directory, linux)).map(({ path }) => path)).toContain(join(directory, 'models/loras'));
  });
});

describe('variables in paths', () => {
  it.each([
    ['~', '/home/u'],
    ['~/x', '/home/u/x'],
    ['~other/x', '~other/x'],
    ['a/~', 'a/~'],
    ['$MODELS$EMPTY/x', '/mnt/nas/x'],
    ['%MODELS%', '%MODELS%'],
  ])('%s', (text, expanded) => {
    expect(expand(text, linux)).toBe(expanded);
  });

  it('are found in any case on Windows', () => {
    expect(expand('~\\x\\%AppData%\\$appdata\\%none%', windows)).toBe(
      'C:\\Users\\u\\x\\C:\\Users\\u\\AppData\\C:\\Users\\u\\AppData\\%none%',
    );
  });
});
