import { BlockList, isIP } from 'node:net';

/** `other`: no public server has such an address: unspecified, multicast, reserved, addresses that represent IPv4 ones. */
export type AddressClass = 'public' | 'private' | 'loopback' | 'link-local' | 'other';

const ranges: [AddressClass, [network: string, bits: number][]][] = [
  [
    'loopback',
    [
      ['127.0.0.0', 8],
      ['::1', 128],
    ],
  ],
  [
    'private',
    [
      ['10.0.0.0', 8],
      ['172.16.0.0', 12],
      ['192.168.0.0', 16],
      ['100.64.0.0', 10],
      ['fc00::', 7],
    ],
  ],
  [
    'link-local',
    [
      ['169.254.0.0', 16],
      ['fe80::', 10],
    ],
  ],
  [
    'other',
    [
      ['0.0.0.0', 8],
      ['192.0.0.0', 24],
      ['198.18.0.0', 15],
      ['224.0.0.0', 3],
      ['::', 128],
      ['64:ff9b::', 16],
      ['2002::', 16],
      ['fec0::', 10],
      ['ff00::', 8],
    ],
  ],
];

const lists = ranges.map(([name, networks]) => {
  const list = new BlockList();
  for (const [network, bits] of networks) list.addSubnet(network, bits, network.includes(':') ? 'ipv6' : 'ipv4');
  return { name, list };
});

/** The class of an IP address. An IPv4-mapped IPv6 address has the class of the IPv4 address. */
export function addressClass(address: string): AddressClass {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  return lists.find(({ list }) => list.check(address, family))?.name ?? 'public';
}

/** The IP address in the host of a URL; null when the host is a name. */
export function literalOf({ hostname }: URL): string | null {
  const bare = hostname.replace(/^\[|\]$/g, '');
  return isIP(bare) === 0 ? null : bare;
}
