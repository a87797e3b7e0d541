/** The routes of autocached in ComfyUI's server. No function throws: without an answer the daemon counts as away. */

const patienceMs = 12_000;
const away = { alive: false };

/**
 * @param ask as `fetch`, for a path below ComfyUI's own address
 * @param embedded true in a page of another site, which could trick users into clicks
 */
export function createRoutes(ask, embedded) {
  let token = null;

  const get = (path) => answerOf(ask, path, {});
  const post = (path, body, headers = {}) =>
    answerOf(ask, path, { method: 'POST', body, headers: { 'Content-Type': 'application/json', ...headers } });

  async function change(body) {
    token ??= (await post('/autocached/session', '{}')).answer.token ?? null;
    return token === null ? { status: 403, answer: away } : post('/autocached/change', body, { 'X-Autocached-Token': token });
  }

  return {
    async state() {
      const { status, answer } = await get('/autocached/state');
      if (status === 403) return { ...away, mayChange: false, refused: true };
      return { ...answer, mayChange: answer.mayChange === true && !embedded };
    },
    /** The commands that start the daemon, `{says, commands}`; null for a page that may not see them. */
    async help() {
      const { status, answer } = await get('/autocached/help');
      return status === 200 ? answer : null;
    },
    /** @param {string} body of POST /api/workflows/analyze */
    async workflow(body) {
      return (await post('/autocached/workflow', body)).answer;
    },
    /** Ids of nodes whose outputs are kept. @param {string} body `{prompt}` in ComfyUI's API form */
    async foresee(body) {
      return (await post('/autocached/foresee', body)).answer.kept ?? [];
    },
    /**
     * True when it was done. @param wanted `{mode}`, `{warm | pin | unpin: names}`, `{fresh: id}` of the page whose next prompt runs all
     * nodes, or `{free: true}`: ComfyUI unloads its models
     */
    async change(wanted) {
      const body = JSON.stringify(wanted);
      let result = await change(body);
      if (result.status === 403) {
        // ComfyUI was started again, and has another token.
        token = null;
        result = await change(body);
      }
      return result.answer.alive === true && result.answer.refused === undefined;
    },
  };
}

async function answerOf(ask, path, options) {
  try {
    const response = await ask(path, { ...options, signal: AbortSignal.timeout(patienceMs) });
    const answer = await response.json();
    return { status: response.status, answer: response.ok ? answer : away };
  } catch {
    return { status: 0, answer: away };
  }
}
