import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import type { RemovedVariantAnswer, VariantView } from '../../api/variants.ts';
import { CacheError } from '../../core/errors.ts';
import { type VariantForm, variantForms } from '../../core/types.ts';
import { isVariantName } from '../../variants/recipe.ts';
import { agreedOrTold } from '../confirm.ts';
import { itemsOf } from '../items.ts';
import { openJobsView } from '../jobs-view.ts';
import { itemHelp, knownItems } from '../known-items.ts';
import { variantHelp, variantOf, variantsOf } from '../known-variants.ts';
import { type Answer, exitCodes } from '../print.ts';
import { clientOf, type Run, type Session } from '../session.ts';
import { removedLine, stateText, variantLine, variantReportPage, variantsCost, variantsPage } from '../text/variants-page.ts';
import { VariantClient } from '../variant-client.ts';

interface MakeOptions {
  to?: VariantForm;
  fastMatmul?: true;
  dropUnused?: true;
  wait: boolean;
}

/** Interval between two requests for the state of a variant, ms. */
const askEveryMs = 500;
const worstLayers = 5;

/** Examples by command. */
const examples = {
  make: `
A variant is a file of its own: it is used where a workflow names it, and never
in the place of the model. docs/VARIANTS.md tells when to use which.

Examples:
  autocached variant make diffusion_models/wan.safetensors --to auto8
  autocached variant make sdxl.safetensors --to fp16 --drop-unused`,
  list: '\nExamples:\n  autocached variant list --json',
  report: '\nExamples:\n  autocached variant report wan.autocached-auto8.safetensors --all',
  rm: "\nExamples:\n  autocached variant rm wan.autocached-auto8.safetensors\n  autocached variant rm 'wan*' --yes",
};

export function addVariant(program: Command, run: Run): void {
  const variant = program.command('variant').description('smaller models, made of others on purpose');
  variant
    .command('make')
    .description('make a smaller file of a model, under a name of its own')
    .argument('<model>', itemHelp)
    .addOption(
      new Option('--to <format>', 'format of its weights; auto8 takes the better one of 8 bits for each layer').choices(
        variantForms,
      ),
    )
    .option('--fast-matmul', 'let the loader round activations to 8 bits too: faster on newer GPUs, at a cost in quality')
    .option('--drop-unused', 'leave out what ComfyUI never loads, such as EMA weights and the state of an optimizer')
    .option('--wait', 'wait until it is made', true)
    .option('--no-wait', 'return at once; variant list shows how it does')
    .addHelpText('after', examples.make)
    .action(run(make));
  variant
    .command('list')
    .description('list the variants, their sizes, and those being made')
    .addHelpText('after', examples.list)
    .action(run(list));
  variant
    .command('report')
    .description('show the rounding error of each layer, the largest first')
    .argument('<name>', variantHelp)
    .option('--all', 'all layers, not only the worst five')
    .addHelpText('after', examples.report)
    .action(run(report));
  variant
    .command('rm')
    .description('remove a variant, or end the making of one (a former one stays)')
    .argument('<name>', variantHelp)
    .option('-y, --yes', 'do not ask, on a terminal')
    .addHelpText('after', examples.rm)
    .action(run(remove));
}

async function make(session: Session, word: string, { wait, ...recipe }: MakeOptions): Promise<Answer> {
  const client = await clientOf(session);
  // No variant is made of a variant.
  const isModel = ({ name }: { name: string }) => !isVariantName(name);
  const { paths, names } = itemsOf(await knownItems([word], session, client, isModel), session);
  const model = paths[0] ?? names[0];
  if (model === undefined)
    throw new CacheError('BAD_REQUEST', `"${word}" names no single model`, { hint: 'give its path, or category/name' });
  const variants = new VariantClient(client);
  const asked = await variants.make({ model, ...recipe });
  const data = wait ? await untilMade(asked, variants, session) : asked;
  if (data.state === 'failed' || data.state === 'stale')
    throw new CacheError('CANCELLED', `no variant of ${data.source ?? model} was made: ${data.why}`);
  return { data, page: () => variantLine(data), exitCode: exitCodes.done };
}

/** @throws CacheError CANCELLED when it was removed meanwhile */
async function untilMade(asked: VariantView, variants: VariantClient, session: Session): Promise<VariantView> {
  using view = openJobsView(session);
  let told: string | null = null;
  for (let variant = asked; ; await sleep(askEveryMs)) {
    if (variant.job) view.update(variant.job);
    const waits = variant.state === 'waiting' ? variant.why : null;
    if (waits !== null && waits !== told && !session.json) session.err.write(`${stateText(variant)}\n`);
    told = waits ?? told;
    if (variant.state !== 'waiting' && variant.state !== 'making') return variant;
    const found = (await variants.list()).variants.find(({ path }) => path === asked.path);
    if (!found) throw new CacheError('CANCELLED', 'the variant was removed, or its making was cancelled');
    variant = found;
  }
}

async function list(session: Session): Promise<Answer> {
  const data = await new VariantClient(await clientOf(session)).list();
  return { data, page: (look) => variantsPage(data, look) };
}

async function report(session: Session, name: string, { all }: { all?: true }): Promise<Answer> {
  const client = new VariantClient(await clientOf(session));
  const data = await client.report((await variantOf(name, client)).path);
  return { data, page: (look) => variantReportPage(data, all ? data.layers.length : worstLayers, look) };
}

async function remove(session: Session, name: string, { yes }: { yes?: true }): Promise<Answer> {
  const client = new VariantClient(await clientOf(session));
  const chosen = await variantsOf(name, client);
  if (!yes && !(await agreedOrTold(session, variantsCost(chosen, await client.list()), 'Remove?')))
    return { data: null, page: () => 'nothing removed', exitCode: exitCodes.failed };
  const removed: RemovedVariantAnswer[] = [];
  for (const { path } of chosen) removed.push(await client.remove(path));
  const page = () => removed.map(removedLine).join('\n');
  return { data: removed.length === 1 ? removed[0] : removed, page };
}
