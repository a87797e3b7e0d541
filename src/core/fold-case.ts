/** Equal for all spellings of a path where the file system ignores case; macOS takes a letter with its accent in two forms, too. */
export function foldCase(path: string): string {
  return path.normalize('NFC').toLowerCase();
}
