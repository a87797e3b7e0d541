import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { analyze } from '../src/workflow/analyze.ts';
import type { AnalyzeOptions, ModelUse } from '../src/workflow/types.ts';
import { type Case, reportPrompts, reportSaved } from './workflows/report.ts';
import { isBlueprint, promptTruth, savedTruth } from './workflows/truth.ts';

const usage = `How well are the models of a workflow found? Measured on the workflows that ComfyUI ships with.

  node bench/workflows.ts [--prompts DIR] DIRECTORY...

DIRECTORY holds workflows as JSON; AUTOCACHED_BENCH_WORKFLOWS names directories too (separated by "${delimiter}").
  Templates:  python3 -m venv venv && venv/bin/pip install comfyui-workflow-templates==0.11.44
              venv/lib/python3*/site-packages/comfyui_workflow_templates_json/templates
  Blueprints: the directory "blueprints" of a ComfyUI checkout
--prompts DIR  what ComfyUI's editor makes of the same files: the JSON of "await app.graphToPrompt()" in the browser, one file
               for each workflow and of the same name. The second ground truth, which knows subgraphs, bypasses and links.`;

interface Run {
  options: AnalyzeOptions;
  objectInfo: Record<string, { output_node: boolean }>;
  prompts: string | undefined;
}

function main(): number {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { prompts: { type: 'string' } } });
  const directories = [...positionals, ...(process.env['AUTOCACHED_BENCH_WORKFLOWS'] ?? '').split(delimiter)].filter(Boolean);
  const absent = [...directories, ...(values.prompts ? [values.prompts] : [])].filter((directory) => !existsSync(directory));
  if (directories.length === 0 || absent.length > 0) {
    console.error(absent.length > 0 ? `not there: ${absent.join(', ')}\n\n${usage}` : usage);
    return 2;
  }
  const objectInfoFile = new URL('../test/fixtures/comfyui/object-info-0.33.0.json.gz', import.meta.url);
  const objectInfo = JSON.parse(String(gunzipSync(readFileSync(objectInfoFile))));
  report('without object_info', directories, { options: {}, objectInfo, prompts: values.prompts });
  report('with the object_info of ComfyUI 0.33.0', directories, {
    options: { objectInfo },
    objectInfo,
    prompts: values.prompts,
  });
  return 0;
}

function report(title: string, directories: readonly string[], run: Run): void {
  const cases = directories.flatMap((directory) => readCases(directory, run));
  console.log(`\n=== ${title}: ${cases.length} workflows`);
  reportSaved(cases);
  if (run.prompts === undefined) console.log('\nGround truth 2: not given (--prompts).');
  else reportPrompts(cases);
}

function readCases(directory: string, run: Run): Case[] {
  const names = readdirSync(directory).filter((name) => name.endsWith('.json'));
  return names.flatMap((name) => {
    const workflow = JSON.parse(readFileSync(join(directory, name), 'utf8'));
    if (!Array.isArray(workflow?.nodes)) return [];
    const { models, skipped } = analyze(workflow, run.options);
    return [
      {
        file: basename(name, '.json'),
        found: files(models),
        skipped: skipped.map(({ why }) => why),
        saved: savedTruth(workflow),
        prompt: promptCase(name, run, isBlueprint(workflow)),
      },
    ];
  });
}

/** The editor gives no class to nodes that ComfyUI did not have; here they get a class unknown to the analysis. */
function promptCase(name: string, { options, objectInfo, prompts }: Run, blueprint: boolean): Case['prompt'] {
  const path = join(prompts ?? '', name);
  if (prompts === undefined || !existsSync(path)) return null;
  const { output } = JSON.parse(readFileSync(path, 'utf8'));
  const truth = promptTruth(output, { isOutput: (type) => objectInfo[type]?.output_node === true, blueprint });
  const nodes = Object.entries<object>(output).map(([id, node]) => [id, { class_type: 'not installed', ...node }]);
  return { truth, found: nodes.length === 0 || blueprint ? null : files(analyze(Object.fromEntries(nodes), options).models) };
}

function files(models: readonly ModelUse[]): Set<string> {
  return new Set(models.map(({ category, name }) => `${category}/${name}`));
}

process.exitCode = main();
