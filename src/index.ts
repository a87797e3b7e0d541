/** For other Node programs: `createResolver().resolve(path)` answers where to open a model file. */
export {
  createResolver,
  type Resolution,
  type ResolveOptions,
  type Resolver,
  type ResolverOptions,
} from './client/resolver.ts';
