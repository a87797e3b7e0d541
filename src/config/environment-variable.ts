/** Any environment variable, for code that depends on those of other programs; null = not set. */
export function environmentVariable(name: string): string | null {
  return process.env[name] ?? null;
}
