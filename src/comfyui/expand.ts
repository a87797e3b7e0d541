/** Values of `~` and variables in a paths file. */
export interface PathVariables {
  home: string;
  environment: Readonly<Record<string, string | undefined>>;
  platform: NodeJS.Platform;
}

/**
 * Replaces `~` and variables as Python's `expanduser` and `expandvars` do, in this order: `$name` and `${name}` everywhere,
 * `%name%` on Windows. An unset variable stays as written.
 */
export function expand(text: string, { home, environment, platform }: PathVariables): string {
  const separators = platform === 'win32' ? '/\\' : '/';
  const user = text === '~' || (text.startsWith('~') && separators.includes(text.charAt(1))) ? `${home}${text.slice(1)}` : text;
  const value = (name: string, written: string) => variable(environment, name, platform) ?? written;
  const dollars = user.replace(/\$(?:\{([^}]{0,255})\}|(\w+))/g, (written, braced?: string, plain?: string) => {
    return value(braced ?? plain ?? '', written);
  });
  return platform === 'win32' ? dollars.replace(/%([^%]+)%/g, (written, name: string) => value(name, written)) : dollars;
}

function variable(environment: PathVariables['environment'], name: string, platform: NodeJS.Platform): string | undefined {
  if (platform !== 'win32' || environment[name] !== undefined) return environment[name];
  const key = Object.keys(environment).find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : environment[key];
}
