/** A path as one word of a command line, in the shells of Linux and macOS, in cmd.exe and in PowerShell. */
export function shellWord(path: string, platform: NodeJS.Platform = process.platform): string {
  if (/^[\w./:\\@%+,=~-]+$/.test(path) && (platform === 'win32' || !/[\\~]/.test(path))) return path;
  return platform === 'win32' ? `"${path}"` : `'${path.replaceAll("'", "'\\''")}'`;
}
