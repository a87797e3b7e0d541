/** Whether version `a` is newer than `b`, as npm orders them; a trial (`1.0.0-rc.1`) is older than its release. */
export function isNewer(a: string, b: string): boolean {
  const [one, other] = [partsOf(a), partsOf(b)];
  for (const [index, number] of one.numbers.entries()) {
    const difference = number - (other.numbers[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  if (one.trial === '' || other.trial === '') return one.trial === '' && other.trial !== '';
  return one.trial.localeCompare(other.trial, 'en', { numeric: true }) > 0;
}

function partsOf(version: string): { numbers: number[]; trial: string } {
  const [release = '', ...trial] = (version.split('+')[0] ?? '').split('-');
  return { numbers: release.split('.').map(Number), trial: trial.join('-') };
}
