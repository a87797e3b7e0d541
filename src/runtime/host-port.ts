/** A host as addresses with a port contain it: IPv6 in brackets. */
export function inAddress(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** Such as `127.0.0.1:8389` or `[::1]:8389`. */
export function hostPort({ host, port }: { host: string; port: number }): string {
  return `${inAddress(host)}:${port}`;
}
