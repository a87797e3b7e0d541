import type { Saved } from './truth.ts';

/** One workflow with the models found in it and the true ones. Files are written `folder/name`. */
export interface Case {
  file: string;
  found: Set<string>;
  /** Why models in the file were not reported, each beginning with the model's name. */
  skipped: string[];
  saved: Saved;
  /** Null when there is no prompt of the editor; `found` are the models found in the prompt, null for a blueprint. */
  prompt: { truth: Set<string>; found: Set<string> | null } | null;
}

/** First truth: the saved files alone. It counts nodes that are never executed, so it needs the reasons beside it. */
export function reportSaved(cases: readonly Case[]): void {
  console.log('\nGround truth 1: widget values of the stock loaders in the files (not muted, not bypassed), links ignored.');
  const tally = { named: 0, hit: 0, explained: 0, reported: 0, declared: 0, declaredHit: 0 };
  for (const { file, found, skipped, saved } of cases) {
    const missed = minus(saved.loaders, found);
    const extra = minus(found, saved.loaders);
    const reasonOf = (model: string) =>
      skipped.find((why) => why.startsWith(`${bare(model)}: `))?.slice(bare(model).length + 2);
    for (const model of missed) console.log(`  ${file}: not reported ${model} (${reasonOf(model) ?? 'NO REASON GIVEN'})`);
    for (const model of extra)
      console.log(
        `  ${file}: only reported ${model} (${saved.anywhere.has(bare(model)) ? 'of another node' : 'NOT IN THE FILE'})`,
      );
    const declared = [...saved.declared].filter((model) => saved.loaders.has(model));
    tally.named += saved.loaders.size;
    tally.hit += saved.loaders.size - missed.length;
    tally.explained += missed.filter(reasonOf).length;
    tally.reported += found.size;
    tally.declared += declared.length;
    tally.declaredHit += declared.filter((model) => found.has(model)).length;
  }
  console.log(`  recall             ${share(tally.hit, tally.named)} of what loaders name`);
  console.log(
    `  recall, executed   ${share(tally.hit, tally.named - tally.explained)} without those reported as not executed, with the reason`,
  );
  console.log(
    `  properties.models  ${share(tally.declaredHit, tally.declared)} of the declared models that the loader still names`,
  );
  console.log(`  precision          ${share(tally.hit, tally.reported)} of the reported models are named by a loader`);
}

/** Second truth: the editor's prompts of the files, from the output nodes back. */
export function reportPrompts(cases: readonly Case[]): void {
  console.log('\nGround truth 2: stock loaders that are executed in the prompts that ComfyUI itself makes of the files.');
  const all = cases.flatMap(({ file, found, prompt }) =>
    prompt ? [{ file, found, truth: prompt.truth, ofPrompt: prompt.found }] : [],
  );
  compare('workflows', all);
  compare(
    'prompts',
    all.flatMap(({ file, truth, ofPrompt }) => (ofPrompt ? [{ file, truth, found: ofPrompt }] : [])),
  );
}

function compare(what: string, cases: readonly { file: string; found: Set<string>; truth: Set<string> }[]): void {
  let [hit, expected, reported] = [0, 0, 0];
  for (const { file, found, truth } of cases) {
    const missed = minus(truth, found);
    for (const model of missed) console.log(`  ${file}: MISSED ${model}`);
    for (const model of minus(found, truth)) console.log(`  ${file}: FALSE ${model}`);
    hit += truth.size - missed.length;
    expected += truth.size;
    reported += found.size;
  }
  console.log(`  analysis of ${cases.length} ${what}: recall ${share(hit, expected)}, precision ${share(hit, reported)}`);
}

function minus(some: ReadonlySet<string>, others: ReadonlySet<string>): string[] {
  return [...some].filter((one) => !others.has(one));
}

/** The name without the folder. */
function bare(model: string): string {
  return model.slice(model.indexOf('/') + 1);
}

function share(part: number, whole: number): string {
  return `${part}/${whole} = ${whole === 0 ? '-' : `${((100 * part) / whole).toFixed(2)} %`}`;
}
