import { LRUCache } from 'lru-cache';
import type { MemoLikeness, MemoSemantic, MemoSimilarAnswer } from '../../api/memo.ts';
import type { Entry } from '../entry.ts';
import { fitsNamespace } from '../namespace-room.ts';
import type { Store } from '../store.ts';
import { type AskedText, hashesOf, rulesOf } from './asked-text.ts';
import type { Embedder } from './embedder.ts';
import { exploreChance, fewestJudged } from './explore.ts';
import { cosine } from './nearest.ts';
import { currentEntry, isRight, nearestOf, type Verdict } from './neighbours.ts';
import type { Meaning, TextHashes } from './texts.ts';

/** A question with a text, in a namespace that may compare it. */
export interface TextQuestion {
  ns: string;
  key: string;
  asked: AskedText;
}

/** An entry whose result may be served for a text. */
export interface Alike {
  entry: Entry;
  likeness: MemoLikeness;
}

export interface SimilarDeps {
  /** Null without AUTOCACHE_EMBEDDINGS_URL. */
  embedder: Pick<Embedder, 'name' | 'embed'> | null;
}

/** Default maximum share of wrong answers in `verified`. */
const usualShare = 0.01;
/** Maximum number of questions whose results are pending. */
const mostExplored = 10_000;

/**
 * Results for differently worded texts of the same meaning, for namespaces that ask for it. No threshold of similarity separates equal
 * from different meanings ("a knight fighting a dragon", "a dragon fighting a knight"), so it serves, in this order of trust: the
 * same text except for case, space and punctuation; the same words in the same order, after enough answers were judged; and, only for
 * programs that accept wrong answers, any near text.
 */
export class Similar {
  readonly #deps: SimilarDeps;
  /** Keys chosen by chance to be computed: asking again before the result comes does not draw again. */
  readonly #explored = new LRUCache<string, true>({ max: mostExplored });

  constructor(deps: SimilarDeps) {
    this.#deps = deps;
  }

  /** An entry whose result may be served; its deps are still to be looked at. Only JSON values are: pictures and other files never. */
  async servable(store: Store, question: TextQuestion): Promise<Alike | null> {
    const semantic = semanticOf(store, question.ns);
    if (!semantic) return null;
    const hashes = hashesOf(question.asked, semantic);
    const same = normalisedOf(store, question.ns, hashes, semantic);
    if (same) return { entry: same, likeness: { key: same.key, similarity: 1, by: 'normalised' } };
    if (semantic.mode === 'verified') return this.#verified(store, question, hashes, semantic);
    return semantic.mode === 'threshold' ? this.#near(store, question, semantic.threshold ?? 1) : null;
  }

  /** The texts asked in similar words, the nearest first. @param scope null = of all scopes */
  async suggestions(
    store: Store,
    ns: string,
    { text, scope }: { text: string; scope: string | null },
    { now, most }: { now: number; most: number },
  ): Promise<MemoSimilarAnswer> {
    const semantic = semanticOf(store, ns);
    const vector = semantic && (await this.#deps.embedder?.embed(text));
    if (!vector) return { similar: [] };
    const { words } = hashesOf({ text, scope: '' }, semantic);
    const found = await this.#nearest(store, { ns, scope, vector, most });
    return {
      similar: found.map(({ entry: { key, createdAt, label }, similarity, words: others }) => {
        return { key, similarity, sameWords: others === words, ageMs: Math.max(0, now - createdAt), label };
      }),
    };
  }

  /** Remembers the text of a result that was just stored, and its judgement on its neighbour. */
  async learn(store: Store, { ns, key, asked }: TextQuestion, verdict: Verdict | null): Promise<void> {
    const semantic = semanticOf(store, ns);
    const entry = semantic && store.find(ns, key)?.entry;
    if (!entry) return;
    this.#explored.delete(key);
    const hashes = hashesOf(asked, semantic);
    store.meanings.texts.add(entry.id, ns, hashes);
    const { embedder } = this.#deps;
    const vector = semantic.mode === 'normalise' ? null : await embedder?.embed(asked.text);
    // The entry may have left meanwhile.
    const isThere = () => store.find(ns, key)?.entry.id === entry.id;
    if (!vector || !embedder || !isThere()) return;
    if (semantic.mode === 'verified' && entry.kind === 'json') {
      const near = nearestOf(store, store.meanings.texts.withWords(ns, hashes, embedder.name), vector);
      const right = near ? isRight(near.entry, entry, verdict) : false;
      if (near) store.meanings.texts.judge(near.id, { similarity: near.similarity, right });
      // A text that its neighbour answers rightly adds no knowledge, and judgements stay with one text.
      if (right) return;
    }
    // A vector counts like a result: without room for it the text is compared exactly.
    using room = await store.room.reserve(vector.byteLength, 0);
    const fits = room && (await fitsNamespace(store, { ns, key, bytes: entry.bytes + vector.byteLength }, entry));
    if (fits && isThere()) store.meanings.add(ns, embedder.name, { id: entry.id, scope: asked.scope, vector });
  }

  async #verified(
    store: Store,
    { ns, key, asked }: TextQuestion,
    hashes: TextHashes,
    { wrong = usualShare }: MemoSemantic,
  ): Promise<Alike | null> {
    const { embedder } = this.#deps;
    if (!embedder || this.#explored.has(key)) return null;
    const isKnown = () =>
      store.meanings.texts.withWords(ns, hashes, embedder.name).some(({ judged }) => judged >= fewestJudged);
    // The server is asked only if something can be served.
    const vector = isKnown() ? await embedder.embed(asked.text) : null;
    const near = vector && nearestOf(store, store.meanings.texts.withWords(ns, hashes, embedder.name), vector);
    if (!near) return null;
    const { id, entry, similarity } = near;
    if (Math.random() >= exploreChance(store.meanings.texts.judgedOf(id), similarity, wrong))
      return { entry, likeness: { key: entry.key, similarity, by: 'verified' } };
    this.#explored.set(key, true);
    return null;
  }

  async #near(store: Store, { ns, asked }: TextQuestion, threshold: number): Promise<Alike | null> {
    const vector = await this.#deps.embedder?.embed(asked.text);
    if (!vector) return null;
    const found = await this.#nearest(store, { ns, scope: asked.scope, vector, most: 10 });
    const near = found.find(({ entry, similarity }) => entry.kind === 'json' && similarity >= threshold);
    return near ? { entry: near.entry, likeness: { key: near.entry.key, similarity: near.similarity, by: 'threshold' } } : null;
  }

  async #nearest(
    store: Store,
    { ns, scope, vector, most }: { ns: string; scope: string | null; vector: Float32Array; most: number },
  ): Promise<(Meaning & { entry: Entry; similarity: number; words: string })[]> {
    const { name = '' } = this.#deps.embedder ?? {};
    const found = await store.meanings.nearest({ ns, embedder: name }, { scope, vector, most });
    // Memory holds only their ids; the rows hold the rest.
    return found.flatMap(({ id }) => {
      const row = store.meanings.texts.embedded(ns, id, name);
      const entry = row && currentEntry(store, id);
      if (!entry || row.vector.length !== vector.length || (scope !== null && row.scope !== scope)) return [];
      return [{ ...row, entry, similarity: cosine(row.vector, vector) }];
    });
  }
}

function semanticOf(store: Store, ns: string): MemoSemantic | undefined {
  return store.namespaces.of(ns).settings.semantic;
}

/** The newest result of the same text except for differences that the namespace ignores. */
function normalisedOf(store: Store, ns: string, { normal }: TextHashes, semantic: MemoSemantic): Entry | undefined {
  if (rulesOf(semantic).length === 0) return undefined;
  for (const id of store.meanings.texts.withNormal(ns, normal)) {
    const entry = currentEntry(store, id);
    if (entry?.kind === 'json') return entry;
  }
  return undefined;
}
