import type { Series } from './series.ts';
import type { StatsServices } from './stats.ts';

type Farm = NonNullable<StatsServices['farm']>;

const of =
  (read: (farm: Farm) => [Record<string, string>, number][]) =>
  (_stats: unknown, { farm }: StatsServices) =>
    farm ? read(farm) : [];

/** The figures of a farm; none when it is off. They contain no address and no path. */
export const farmSeries: readonly Series[] = [
  {
    counts: true,
    name: 'autocached_farm_origin_bytes_total',
    help: 'Bytes of models that this host has read from their origins for the farm',
    labels: [],
    read: of(({ figures }) => [[{}, figures.originBytes]]),
  },
  {
    counts: true,
    name: 'autocached_farm_peer_bytes_total',
    help: 'Bytes of models received from other hosts (in), and given to them (out)',
    labels: ['direction'],
    read: of(({ figures }) => [
      [{ direction: 'in' }, figures.receivedBytes],
      [{ direction: 'out' }, figures.givenBytes],
    ]),
  },
  {
    counts: true,
    name: 'autocached_farm_claims_total',
    help: 'Questions for a part of an origin to read, by their answer',
    labels: ['outcome'],
    read: of(({ claims }) => Object.entries(claims).map(([outcome, count]) => [{ outcome }, count])),
  },
  {
    counts: true,
    name: 'autocached_farm_peer_errors_total',
    help: 'Requests to other hosts that ended without all chunks',
    labels: ['why'],
    read: of(({ peerErrors }) => Object.entries(peerErrors).map(([why, count]) => [{ why }, count])),
  },
  {
    name: 'autocached_farm_hosts',
    help: 'Known hosts of the farm, this one among them',
    labels: [],
    read: of(({ size }) => [[{}, size]]),
  },
  {
    name: 'autocached_farm_directory_up',
    help: 'Whether the Redis of the farm is asked (1), or left out (0)',
    labels: [],
    read: of(({ isDirectoryUp }) => [[{}, Number(isDirectoryUp)]]),
  },
  ...(
    [
      ['bytes', 'Bytes in the store that hosts share copies in'],
      ['reserved', 'Bytes on their way there'],
      ['limit', 'Most bytes in it'],
    ] as const
  ).map(
    ([key, help]): Series => ({
      name: `autocached_shared_${key === 'bytes' ? 'bytes' : `${key}_bytes`}`,
      help,
      labels: [],
      read: (_stats, { sharedStore }) => (sharedStore ? [[{}, sharedStore.view()[key]]] : []),
    }),
  ),
  {
    counts: true,
    name: 'autocached_shared_transferred_bytes_total',
    help: 'Bytes that this host has written to that store (out), and read from it (in)',
    labels: ['direction'],
    read: (_stats, { sharedStore }) => {
      if (!sharedStore) return [];
      const { readBytes, writtenBytes } = sharedStore.view();
      return [
        [{ direction: 'in' }, readBytes],
        [{ direction: 'out' }, writtenBytes],
      ];
    },
  },
];
