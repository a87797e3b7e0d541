import type { Command } from 'commander';

/** Examples in the help of commands without notes; the others have theirs in the notes. */
const examples: Readonly<Record<string, readonly string[]>> = {
  stop: ['autocached stop'],
  restart: ['autocached restart', 'autocached restart --limit 300GiB'],
  mode: ['autocached mode', 'autocached mode read-only'],
  status: ['autocached status', 'autocached status --watch 5'],
  doctor: ['autocached doctor', 'autocached doctor ~/ComfyUI'],
  list: ['autocached list', 'autocached list --category loras --sort size'],
  explain: [
    'autocached explain checkpoints/sd_xl_base_1.0.safetensors',
    'autocached explain ~/ComfyUI/models/loras/detail.safetensors',
  ],
  jobs: ['autocached jobs', 'autocached jobs --pause'],
  events: ['autocached events', 'autocached events --json | jq .event'],
  logs: ['autocached logs', 'autocached logs -f'],
  dashboard: ['autocached dashboard'],
  'trace export': ['autocached trace export mine.csv.gz', 'autocached trace export | head'],
  init: ['autocached init', 'autocached init --yes --roots /mnt/nas/models --limit 200GiB'],
  completion: [
    'autocached completion bash > ~/.local/share/bash-completion/completions/autocached',
    'autocached completion zsh > ~/.zfunc/_autocached',
    'autocached completion fish > ~/.config/fish/completions/autocached.fish',
    'autocached completion powershell >> $PROFILE',
  ],
  man: ['autocached man > ~/.local/share/man/man1/autocached.1'],
  'service uninstall': ['autocached service uninstall'],
  'service status': ['autocached service status'],
  analyze: ['autocached analyze workflow.json'],
  pin: ['autocached pin checkpoints/sd_xl_base_1.0.safetensors', "autocached pin 'flux*'", 'autocached pin --category vae'],
  unpin: ['autocached unpin checkpoints/sd_xl_base_1.0.safetensors', "autocached unpin 'flux*'"],
  evict: ['autocached evict checkpoints/sd_xl_base_1.0.safetensors', "autocached evict 'loras/*'"],
  verify: ['autocached verify --all', 'autocached verify checkpoints/sd_xl_base_1.0.safetensors'],
  'memo status': ['autocached memo status'],
  'memo list': ['autocached memo list --search portrait'],
  'memo get': ['autocached memo get 3f7a…'],
  'memo explain': ['autocached memo explain 3f7a…'],
  'memo clear': ['autocached memo clear --ns thumbnails'],
  'memo invalidate': ['autocached memo invalidate --tag draft'],
  'memo verify': ['autocached memo verify'],
  'memo warm': ['autocached memo warm results.json'],
  'kv save': ['autocached kv save system-prompt'],
  'kv restore': ['autocached kv restore system-prompt'],
  'preset list': ['autocached preset list'],
  'preset show': ['autocached preset show image-to-3d'],
  'preset cache': ['autocached preset cache'],
  'comfyui install': ['autocached comfyui install ~/ComfyUI'],
  'comfyui uninstall': ['autocached comfyui uninstall ~/ComfyUI'],
  'comfyui status': ['autocached comfyui status ~/ComfyUI'],
};

/** Adds them to the help of every command below this one. */
export function addExamples(command: Command, path: readonly string[] = []): void {
  const known = examples[path.join(' ')];
  if (known) command.addHelpText('after', `\nExamples:\n${known.map((line) => `  ${line}`).join('\n')}`);
  for (const child of command.commands) addExamples(child, [...path, child.name()]);
}
