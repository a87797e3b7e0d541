import type { FastifyInstance } from 'fastify';

/** The methods of each route, for requests with another one. */
export class Methods {
  readonly #routes: { url: string; form: RegExp; method: string }[] = [];

  /** Records the routes that are added from here on. */
  constructor(app: FastifyInstance) {
    app.addHook('onRoute', ({ url, method }) => {
      const form = new RegExp(`^${url.replaceAll('.', '\\.').replaceAll(/:\w+/g, '[^/]+').replaceAll('*', '.*')}/?$`);
      this.#routes.push(...[method].flat().map((one) => ({ url, form, method: one })));
    });
  }

  /** The methods of a path; none when it does not exist. A name in a route takes precedence over a parameter. */
  of(path: string): string[] {
    const named = this.#routes.filter(({ url }) => url === path);
    const routes = named.length > 0 ? named : this.#routes.filter(({ form }) => form.test(path));
    return [...new Set(routes.map(({ method }) => method))].sort();
  }
}
