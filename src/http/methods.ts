import type { FastifyInstance } from 'fastify';

/** The methods of each route, for requests with another one. */
export class Methods {
  readonly #routes: { url: string; form: RegExp; method: string }[] = [];

  /** Notes the routes that are added from here on. */
  constructor(app: FastifyInstance) {
    app.addHook('onRoute', ({ url, method }) => {
      const form = new RegExp(`^${url.replaceAll('.', '\\.').replaceAll(/:\w+/g, '[^/]+').replaceAll('*', '.*')}/?$`);
      this.#routes.push(...[method].flat().map((one) => ({ url, form, method: one })));
    });
  }

  /** Those that a path has; none when it is not there. A name in a route goes before a parameter. */
  of(path: string): string[] {
    const named = this.#routes.filter(({ url }) => url === path);
    const routes = named.length > 0 ? named : this.#routes.filter(({ form }) => form.test(path));
    return [...new Set(routes.map(({ method }) => method))].sort();
  }
}
