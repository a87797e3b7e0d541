import { expect, test } from 'vitest';
import { VolumeReader } from '../../src/media/read-volumes.ts';
import type { BlockDevice, PhysicalDisk } from '../../src/media/volumes.ts';

const drive = { name: 'D:', mount: 'D:', fsType: 'ntfs', physical: 'Local', protocol: '', device: 'PHYSICALDRIVE0' };

/** A system whose slow programs answer when the test says so. */
function slowSystem(platform: 'darwin' | 'win32') {
  const devices = Promise.withResolvers<BlockDevice[]>();
  const disks = Promise.withResolvers<PhysicalDisk[]>();
  const asked: string[] = [];
  const ask = <T>(name: string, answer: Promise<T>) => {
    asked.push(name);
    return answer;
  };
  const reader = new VolumeReader(platform, {
    mounts: async () => '/dev/disk3s1s1 on / (apfs, local)\n//nas/models on /Volumes/models (smbfs)\n',
    blockDevices: () => ask('devices', devices.promise),
    diskLayout: () => ask('disks', disks.promise),
  });
  return { reader, devices, disks, asked };
}

test('nobody waits for PowerShell: all who ask meanwhile share one question, and hear when it is answered', async () => {
  const { reader, devices, disks, asked } = slowSystem('win32');
  const told: number[] = [];
  const end = reader.onTold(() => told.push(told.length));
  expect(await Promise.all([reader.known(), reader.known(), reader.known()])).toEqual([[], [], []]);
  expect(asked).toEqual(['devices', 'disks']);
  expect(told).toEqual([]);
  const read = reader.read();
  devices.resolve([drive]);
  disks.resolve([{ device: 'PHYSICALDRIVE0', type: 'SSD' }]);
  expect(await read).toMatchObject([{ mountPoint: 'D:', kind: 'ssd', from: 'detected' }]);
  expect(await reader.known()).toEqual(await read);
  expect(asked).toEqual(['devices', 'disks']);
  expect(told).toEqual([0]);
  // Whoever asks to be told later is told of it at once.
  reader.onTold(() => told.push(told.length));
  end();
  expect(told).toEqual([0, 1]);
});

test('where PowerShell is forbidden, it is not asked again at once, and nothing is made up', async () => {
  const { reader, devices, disks, asked } = slowSystem('win32');
  const read = reader.read();
  devices.reject(new Error('forbidden'));
  disks.reject(new Error('forbidden'));
  expect(await read).toEqual([]);
  expect(await reader.read()).toEqual([]);
  expect(asked).toEqual(['devices', 'disks']);
});

test('shares of a Mac are known before diskutil has told the kinds of its disks', async () => {
  const { reader, devices } = slowSystem('darwin');
  const kinds = async () => (await reader.known()).map(({ mountPoint, kind, from }) => `${mountPoint} ${kind} ${from}`);
  expect(await kinds()).toEqual(['/ hdd assumed', '/Volumes/models nas detected']);
  const read = reader.read();
  devices.resolve([{ ...drive, name: '/dev/disk3s1s1', physical: 'SSD' }]);
  await read;
  expect(await kinds()).toEqual(['/ ssd detected', '/Volumes/models nas detected']);
});
