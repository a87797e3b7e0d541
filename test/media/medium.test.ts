import { tmpdir } from 'node:os';
import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { media } from '../../src/core/types.ts';
import { hasStableInodes, isNetworkFileSystem, isPseudoFileSystem } from '../../src/media/file-systems.ts';
import type { Sysfs } from '../../src/media/linux-disk.ts';
import { detectMedium, isNetwork, knownVolumes, linuxMedium, volumeMedium, windowsMedium } from '../../src/media/medium.ts';
import { parseMountInfo } from '../../src/media/mount-table.ts';
import { macVolumes, windowsVolumes } from '../../src/media/volumes.ts';

// Captured from machines with these disks: path -> content of a file, or `-> real path`.
const captured: Record<string, string> = {
  '/sys/dev/block/8:1': '-> /sys/devices/pci0000:00/ata1/host0/target0:0:0/0:0:0:0/block/sda/sda1',
  '/sys/class/block/sda1': '-> /sys/devices/pci0000:00/ata1/host0/target0:0:0/0:0:0:0/block/sda/sda1',
  '/sys/class/block/sda': '-> /sys/devices/pci0000:00/ata1/host0/target0:0:0/0:0:0:0/block/sda',
  '/sys/devices/pci0000:00/ata1/host0/target0:0:0/0:0:0:0/block/sda/sda1/partition': '1\n',
  '/sys/devices/pci0000:00/ata1/host0/target0:0:0/0:0:0:0/block/sda/queue/rotational': '1\n',
  '/sys/devices/pci0000:00/ata1/host0/target0:0:0/0:0:0:0/block/sda/device/vendor': 'ATA     \n',
  '/sys/devices/pci0000:00/ata1/host0/target0:0:0/0:0:0:0/block/sda/device/model': 'WDC WD80EFAX-68L\n',
  '/sys/dev/block/8:16': '-> /sys/devices/pci0000:00/ata2/block/sdb',
  '/sys/class/block/sdb': '-> /sys/devices/pci0000:00/ata2/block/sdb',
  '/sys/devices/pci0000:00/ata2/block/sdb/queue/rotational': '0\n',
  '/sys/devices/pci0000:00/ata2/block/sdb/device/vendor': 'ATA     \n',
  '/sys/dev/block/8:32': '-> /sys/devices/vmbus/block/sdc',
  '/sys/devices/vmbus/block/sdc/queue/rotational': '0\n',
  '/sys/devices/vmbus/block/sdc/device/vendor': 'Msft    \n',
  '/sys/devices/vmbus/block/sdc/device/model': 'Virtual Disk    \n',
  '/sys/dev/block/8:48': '-> /sys/devices/platform/host3/session1/target3:0:0/3:0:0:0/block/sdd',
  '/sys/devices/platform/host3/session1/target3:0:0/3:0:0:0/block/sdd/queue/rotational': '1\n',
  '/sys/dev/block/259:2': '-> /sys/devices/pci0000:00/nvme/nvme0/nvme0n1/nvme0n1p2',
  '/sys/devices/pci0000:00/nvme/nvme0/nvme0n1/nvme0n1p2/partition': '2\n',
  '/sys/class/block/nvme0n1': '-> /sys/devices/pci0000:00/nvme/nvme0/nvme0n1',
  '/sys/dev/block/254:0': '-> /sys/devices/pci0000:00/virtio1/block/vda',
  '/sys/devices/pci0000:00/virtio1/block/vda/queue/rotational': '0\n',
  '/sys/dev/block/179:1': '-> /sys/devices/platform/mmc0/block/mmcblk0/mmcblk0p1',
  '/sys/devices/platform/mmc0/block/mmcblk0/mmcblk0p1/partition': '1\n',
  '/sys/devices/platform/mmc0/block/mmcblk0/queue/rotational': '0\n',
  '/sys/dev/block/253:0': '-> /sys/devices/virtual/block/dm-0',
  '/sys/devices/virtual/block/dm-0/slaves/sda1': '',
  '/sys/devices/virtual/block/dm-0/slaves/nvme0n1': '',
  '/sys/dev/block/253:1': '-> /sys/devices/virtual/block/dm-1',
  '/sys/class/block/dm-1': '-> /sys/devices/virtual/block/dm-1',
  '/sys/devices/virtual/block/dm-1/slaves/md0': '',
  '/sys/class/block/md0': '-> /sys/devices/virtual/block/md0',
  '/sys/devices/virtual/block/md0/slaves/sdb': '',
  '/sys/devices/virtual/block/md0/slaves/nvme0n1': '',
  '/dev/mapper/crypt': '-> /dev/dm-1',
  '/dev/sda1': '-> /dev/sda1',
  '/sys/dev/block/7:0': '-> /sys/devices/virtual/block/loop0',
  '/sys/devices/virtual/block/loop0/loop/backing_file': '/srv/disk.img\n',
  '/sys/dev/block/7:1': '-> /sys/devices/virtual/block/loop1',
  '/sys/devices/virtual/block/loop1/loop/backing_file': '/mnt/nas/disk.img\n',
  '/sys/dev/block/7:2': '-> /sys/devices/virtual/block/loop2',
  '/sys/dev/block/43:0': '-> /sys/devices/virtual/block/nbd0',
};

const sysfs: Sysfs = {
  read: (path) => captured[path] ?? null,
  list: (path) => Object.keys(captured).flatMap((key) => (posix.dirname(key) === path ? [posix.basename(key)] : [])),
  real: (path) => captured[path]?.replace('-> ', '') ?? null,
};

const mounts = parseMountInfo(`1 0 259:2 / / rw - ext4 /dev/nvme0n1p2 rw
2 1 8:1 / /hdd rw - ext4 /dev/sda1 rw
3 1 8:16 / /sata rw - xfs /dev/sdb rw
4 1 8:32 / /hyperv rw - ext4 /dev/sdc rw
5 1 8:48 / /iscsi rw - ext4 /dev/sdd rw
6 1 254:0 / /virtio rw - ext4 /dev/vda rw
7 1 179:1 / /card rw - ext4 /dev/mmcblk0p1 rw
8 1 253:0 / /mixed rw - ext4 /dev/mapper/mixed rw
9 1 253:1 / /raid rw - ext4 /dev/mapper/raid rw
10 1 0:40 / /btrfs rw - btrfs /dev/sda1 rw
11 1 0:41 / /btrfs-crypt rw - btrfs /dev/mapper/crypt rw
12 1 7:0 / /image rw - ext4 /dev/loop0 rw
13 1 7:1 / /nas-image rw - ext4 /dev/loop1 rw
14 1 7:2 / /lost-image rw - ext4 /dev/loop2 rw
15 1 43:0 / /nbd rw - ext4 /dev/nbd0 rw
16 1 0:50 / /mnt/nas rw - nfs4 nas:/export rw
17 1 0:51 / /mnt/win rw - 9p C:\\134 rw,aname=drvfs
18 1 0:52 / /mnt/ssh rw - fuse.sshfs me@nas:/models rw
19 1 0:53 / /mnt/smb rw - cifs //nas/models rw
20 1 0:54 / /ram rw - tmpfs tmpfs rw
21 1 0:55 / /pool rw - zfs pool/models rw
22 1 8:99 / /gone rw - ext4 /dev/sdz1 rw
23 1 8:17 / /ntfs rw - fuseblk /dev/sda1 rw
24 1 0:56 / /auto rw - autofs systemd-1 rw
`);

describe('the medium of a Linux path', () => {
  it.each([
    ['/home/u/models', 'ssd', 'detected', 'nvme0n1'],
    ['/hdd/models', 'hdd', 'detected', 'sda'],
    ['/sata/models', 'ssd', 'detected', 'sdb'],
    ['/btrfs/models', 'hdd', 'detected', 'sda'],
    // LUKS over md: as fast as the two solid disks below.
    ['/btrfs-crypt/models', 'ssd', 'detected', 'nvme0n1+sdb'],
    ['/raid/models', 'ssd', 'detected', 'nvme0n1+sdb'],
    ['/mixed/models', 'hdd', 'detected', 'nvme0n1+sda'],
    ['/image/models', 'ssd', 'detected', 'nvme0n1'],
    ['/nas-image/models', 'nas', 'detected', 'nas:/export'],
    ['/iscsi/models', 'nas', 'detected', 'sdd'],
    ['/nbd/models', 'nas', 'detected', 'nbd0'],
    ['/mnt/nas/models', 'nas', 'detected', 'nas:/export'],
    ['/mnt/win/models', 'nas', 'detected', 'C:\\'],
    ['/mnt/ssh/models', 'nas', 'detected', 'me@nas:/models'],
    ['/mnt/smb/models', 'nas', 'detected', '//nas/models'],
    ['/auto/models', 'nas', 'detected', '/auto'],
    ['/ram/models', 'ssd', 'detected', 'memory'],
    // What cannot be relied on: a needless copy does less harm than a model that is never cached.
    ['/hyperv/models', 'hdd', 'assumed', 'sdc'],
    ['/virtio/models', 'hdd', 'assumed', 'vda'],
    ['/card/models', 'hdd', 'assumed', 'mmcblk0'],
    ['/lost-image/models', 'hdd', 'assumed', 'loop2'],
    ['/pool/models', 'hdd', 'assumed', null],
    ['/gone/models', 'hdd', 'assumed', null],
  ])('%s is %s (%s)', (path, kind, from, device) => {
    expect(linuxMedium(path, mounts, sysfs)).toMatchObject({ kind, from, device });
  });

  it('says so little where there is no mount table', () => {
    expect(linuxMedium('/models', [], sysfs)).toEqual({ kind: 'hdd', from: 'assumed', device: null, fileSystem: null });
  });
});

describe('file systems', () => {
  it.each([
    'nfs',
    'nfs4',
    'cifs',
    'smb3',
    'smbfs',
    '9p',
    'fuse.sshfs',
    'fuse.rclone',
    'afpfs',
    'webdav',
    'ceph',
    'vboxsf',
    'drvfs',
    'autofs',
  ])('%s can hang', (type) => {
    expect(isNetworkFileSystem(type)).toBe(true);
  });

  it.each(['ext4', 'xfs', 'btrfs', 'apfs', 'NTFS', 'fuseblk', 'tmpfs', 'zfs', 'f2fs'])('%s is local', (type) => {
    expect(isNetworkFileSystem(type)).toBe(false);
  });

  it('does not rely on inode numbers that change from mount to mount', () => {
    const stable = ['ext4', 'nfs4', 'APFS', 'ntfs', 'fuse.sshfs', 'cifs', 'smbfs', 'exfat', 'vfat', null].filter(
      hasStableInodes,
    );
    expect(stable).toEqual(['ext4', 'nfs4', 'APFS', 'ntfs']);
  });

  it('expects no models in the kernel', () => {
    expect(['proc', 'sysfs', 'cgroup2', 'squashfs', 'ext4', null].filter(isPseudoFileSystem)).toEqual([
      'proc',
      'sysfs',
      'cgroup2',
      'squashfs',
    ]);
  });
});

const mountOutput = `/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
devfs on /dev (devfs, local, nobrowse)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse, protect)
map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)
//guest@nas._smb._tcp.local/models on /Volumes/models (smbfs, nodev, nosuid, mounted by u)
nas:/export on /Volumes/my (old) export (nfs, nodev, nosuid)
/dev/disk5s2 on /Volumes/Archive (hfs, local, nodev, nosuid, journaled)
/dev/disk6s1 on /Volumes/Stick (exfat, local, nodev)
`;
const macDevice = { mount: '', fsType: '', protocol: 'Apple Fabric', physical: 'SSD' };
const mac = macVolumes(mountOutput, [
  { ...macDevice, name: '/dev/disk3s1s1', device: '/dev/disk0' },
  { ...macDevice, name: '/dev/disk3s5', device: '/dev/disk0' },
  { ...macDevice, name: '/dev/disk5s2', protocol: 'SATA', physical: 'HDD', device: '/dev/disk5' },
  { ...macDevice, name: '/dev/disk6s1', protocol: 'USB', physical: 'HDD' },
]);

describe('the medium of a macOS path', () => {
  it.each([
    ['/Users/u/ComfyUI/models', 'ssd', 'detected', '/dev/disk0'],
    ['/System/Volumes/Data/Users/u/models', 'ssd', 'detected', '/dev/disk0'],
    ['/Volumes/models/checkpoints', 'nas', 'detected', '//guest@nas._smb._tcp.local/models'],
    ['/Volumes/my (old) export/a', 'nas', 'detected', 'nas:/export'],
    ['/Volumes/Archive/a', 'hdd', 'detected', '/dev/disk5'],
    ['/Volumes/Stick/a', 'hdd', 'assumed', '/dev/disk6s1'],
    ['/Volumes/models2/a', 'ssd', 'detected', '/dev/disk0'],
  ])('%s is %s (%s)', (path, kind, from, device) => {
    expect(volumeMedium(path, mac, 'darwin')).toMatchObject({ kind, from, device });
  });

  it('says so when the system told nothing', () => {
    expect(volumeMedium('/Users/u', [], 'darwin')).toMatchObject({ kind: 'hdd', from: 'assumed' });
    expect(volumeMedium('/Users/u', macVolumes(mountOutput, []), 'darwin')).toMatchObject({ kind: 'hdd', from: 'assumed' });
  });
});

const drive = { name: 'C:', protocol: '', fsType: 'ntfs', physical: 'Local' };
const windows = windowsVolumes(
  [
    { ...drive, mount: 'C:', device: '\\\\.\\PHYSICALDRIVE1' },
    { ...drive, mount: 'D:', device: '\\\\.\\PHYSICALDRIVE0' },
    { ...drive, mount: 'E:', device: '\\\\.\\PHYSICALDRIVE2', physical: 'Removable', fsType: 'exfat' },
    { ...drive, mount: 'R:', device: '', physical: 'RAM' },
    { ...drive, mount: 'Z:', device: '', physical: 'Network' },
  ],
  [
    { device: '\\\\.\\PHYSICALDRIVE0', type: 'HD' },
    { device: '\\\\.\\PHYSICALDRIVE1', type: 'SSD' },
    { device: '\\\\.\\PHYSICALDRIVE2', type: 'Unspecified' },
  ],
);

describe('the medium of a Windows path', () => {
  it.each([
    ['C:\\ComfyUI\\models', 'ssd', 'detected', '\\\\.\\PHYSICALDRIVE1'],
    ['c:/ComfyUI/models', 'ssd', 'detected', '\\\\.\\PHYSICALDRIVE1'],
    ['D:\\models', 'hdd', 'detected', '\\\\.\\PHYSICALDRIVE0'],
    ['E:\\models', 'hdd', 'assumed', '\\\\.\\PHYSICALDRIVE2'],
    ['R:\\models', 'ssd', 'detected', 'R:'],
    ['z:\\models', 'nas', 'detected', 'Z:'],
    ['\\\\NAS\\Models\\checkpoints', 'nas', 'detected', 'nas\\models'],
    ['//nas/models/checkpoints', 'nas', 'detected', 'nas\\models'],
    ['\\\\?\\UNC\\nas\\models\\a', 'nas', 'detected', 'nas\\models'],
    ['Q:\\models', 'hdd', 'assumed', null],
  ])('%s is %s (%s)', (path, kind, from, device) => {
    expect(volumeMedium(path, windows, 'win32')).toMatchObject({ kind, from, device });
  });

  it.each([
    ['Q:\\models', 'Q:', true],
    ['q:/models', 'Q:', true],
    ['C:\\models', null, false],
    ['D:\\models', '\\\\.\\PHYSICALDRIVE0', false],
    ['R:\\models', 'R:', false],
  ])('%s, on a drive that may not be known yet, is read through %s; may it hang: %s', (path, device, mayHang) => {
    const facts = windowsMedium(
      path,
      windows.filter(({ mountPoint }) => mountPoint !== 'C:'),
    );
    expect(facts.device).toBe(device);
    expect(isNetworkFileSystem(facts.fileSystem ?? '')).toBe(mayHang);
    expect(isNetwork(facts.kind)).toBe(false);
  });

  it('passes on which drives can hang', () => {
    expect(knownVolumes(windows)).toContainEqual({ mountPoint: 'Z:', network: true });
    expect(knownVolumes(windows)).toContainEqual({ mountPoint: 'C:', network: false });
  });
});

describe('this machine', () => {
  it('is told from its own system, and the folder is named with its links followed', async () => {
    const facts = await detectMedium(tmpdir());
    expect(facts.resolved).toMatch(/^(\/|[A-Z]:)/);
    expect(media).toContain(facts.kind);
    expect(isNetwork('nas')).toBe(true);
    expect(isNetwork('ssd')).toBe(false);
  });
});
