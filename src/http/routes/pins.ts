import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { PinAnswer, PinnedAnswer } from '../../api/pins.ts';
import { meaning, type PinRules } from '../../catalog/pin-rules.ts';
import { toCacheError } from '../../core/errors.ts';
import type { Entry } from '../../core/types.ts';
import { withCompanions } from '../../placement/beside.ts';
import { name, parse } from '../parse.ts';
import { type SelectServices, select, selectBody } from '../select.ts';
import type { Services } from '../services.ts';
import { viewOf } from '../views.ts';

export const pinBody = selectBody.extend({ categories: z.array(name).max(1000).optional() });

type PinServices = SelectServices & Pick<Services, 'leases' | 'clock' | 'tiers'>;

/** Pins: single files, and directories, globs and categories with all files that come later. */
export function pinRoutes(app: FastifyInstance, services: PinServices): void {
  const { catalog } = services;

  app.get(
    '/api/cache/pins',
    (): PinnedAnswer => ({ directories: catalog.entries.pinnedDirectories(), ...catalog.entries.pins.rules() }),
  );

  app.post('/api/cache/pin', async (request): Promise<PinAnswer> => {
    const { below = [], globs = [], categories = [], ...named } = parse(pinBody, request.body);
    const rules = { globs, categories };
    const single = isAny(named) || !isAny({ below, globs, categories }) ? (await select(services, named)).entries : [];
    const inside = await selectBelow(below);
    if (isAny(rules)) catalog.entries.pins.set(rules, true);
    // A rule may come before its files.
    const found = await foundBy(globs, true);
    const held = each([...inside.entries, ...found, ...meantBy(rules)]);
    catalog.transaction(() => {
      for (const directory of inside.directories) catalog.entries.setPinnedBelow(directory, true);
      for (const entry of withCompanions(held, catalog)) catalog.entries.setHeld(entry, true);
      for (const entry of withCompanions(single, catalog)) catalog.entries.setPinned(entry.id, true);
    });
    const entries = each([...single, ...held]).map((entry) => viewOf({ ...entry, pinned: true }, services));
    return { entries, directories: inside.directories, ...rules, kept: [] };
  });

  app.post('/api/cache/unpin', async (request): Promise<PinAnswer> => {
    const { below = [], globs = [], categories = [], ...named } = parse(pinBody, request.body);
    const rules = catalog.entries.pins.rules();
    const ended = {
      globs: globs.filter((glob) => rules.globs.includes(glob)),
      categories: categories.filter((category) => rules.categories.includes(category)),
    };
    // Filters that are no rules choose among the files pinned by name.
    const others = {
      globs: globs.filter((glob) => !ended.globs.includes(glob)),
      categories: categories.filter((category) => !ended.categories.includes(category)),
    };
    const single = isAny(named) || !isAny({ below, globs, categories }) ? (await select(services, named)).entries : [];
    const inside = await selectBelow(below);
    const chosen = each([...single, ...(await foundBy(others.globs, false)), ...meantBy(others)]);
    const released = each([...inside.entries, ...meantBy(ended)]).filter(({ id }) => !chosen.some((entry) => entry.id === id));
    if (isAny(ended)) catalog.entries.pins.set(ended, false);
    const kept = catalog.transaction(() => {
      for (const directory of inside.directories) catalog.entries.setPinnedBelow(directory, false);
      for (const entry of withCompanions(chosen, catalog)) catalog.entries.setPinned(entry.id, false);
      const held = withCompanions(released, catalog).filter((entry) => catalog.entries.setHeld(entry, false));
      return released.filter(({ id }) => held.some((entry) => entry.id === id));
    });
    const view = (pinned: boolean) => (entry: Entry) => viewOf({ ...entry, pinned }, services);
    const gone = [...chosen, ...released.filter((entry) => !kept.includes(entry))];
    return { entries: gone.map(view(false)), directories: inside.directories, globs, categories, kept: kept.map(view(true)) };
  });

  function meantBy(rules: PinRules): Entry[] {
    return isAny(rules) ? catalog.entries.list({}).filter(meaning(rules)) : [];
  }

  async function selectBelow(below: string[]) {
    return below.length === 0 ? { entries: [], directories: [] } : select(services, { below });
  }

  /** @param mayBeNone whether a glob without a match is allowed */
  async function foundBy(globs: string[], mayBeNone: boolean): Promise<Entry[]> {
    if (globs.length === 0) return [];
    const { entries } = await select(services, { globs }).catch((error) => {
      if (toCacheError(error).code !== 'NOT_FOUND' || !mayBeNone) throw error;
      return { entries: [] };
    });
    return entries;
  }
}

function isAny(lists: object): boolean {
  return Object.values(lists).some((list: unknown) => Array.isArray(list) && list.length > 0);
}

function each(entries: readonly Entry[]): Entry[] {
  return [...new Map(entries.map((entry) => [entry.id, entry])).values()];
}
