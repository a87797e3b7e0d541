/** Maximum number of connections to one server: that of `Pace`, and some for requests about names. */
const mostSockets = 72;

interface ProxiedOptions {
  keepAlive: boolean;
  maxSockets: number;
  /** Node's own support of proxies, which its types lack. */
  proxyEnv?: Record<string, string>;
}

/** Options for the agents of `node:http` and `node:https`. @param proxy address of an HTTP proxy; null = none */
export function agentOptions(proxy: string | null): ProxiedOptions {
  const options = { keepAlive: true, maxSockets: mostSockets };
  return proxy === null ? options : { ...options, proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } };
}
