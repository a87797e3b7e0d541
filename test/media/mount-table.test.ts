import { describe, expect, it } from 'vitest';
import { findMount, parseMountInfo } from '../../src/media/mount-table.ts';

const table = parseMountInfo(`22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
36 27 8:17 / /mnt/hdd rw,noatime shared:12 - xfs /dev/sdb1 rw
37 27 0:52 / /mnt/my\\040nas\\134x rw - nfs4 nas:/export/my\\040models rw,vers=4.2
38 27 0:60 / /mnt/auto rw,relatime shared:3 - autofs systemd-1 rw,fd=52
39 38 0:61 / /mnt/auto rw,relatime shared:4 master:1 - cifs //nas/models rw,vers=3.1.1
40 39 0:62 / /mnt/auto/deep rw - fuse.sshfs user@host:/ rw
41 36 8:33 /sub /mnt/hdd/bind rw - ext4 /dev/sdc1 rw
this line is not a mount
42 36 0:70 / /mnt/hdd/bind rw - tmpfs tmpfs rw
`);

describe('the mount table', () => {
  it('keeps spaces and backslashes of a share whose name has them', () => {
    expect(findMount(table, '/mnt/my nas\\x/a.safetensors')).toMatchObject({ type: 'nfs4', source: 'nas:/export/my models' });
  });

  it.each([
    ['/', '/'],
    ['/home/u/models/a.ckpt', '/'],
    ['/mnt/hdd', '/mnt/hdd'],
    ['/mnt/hdd/models/../models/a', '/mnt/hdd'],
    // Longest does not mean longest string: a neighbour whose name begins alike is another directory.
    ['/mnt/hdd2/a', '/'],
    ['/mnt/auto/deep/a', '/mnt/auto/deep'],
    ['/mnt/auto/deeper/a', '/mnt/auto'],
  ])('finds where %s lies', (path, mountPoint) => {
    expect(findMount(table, path)?.mountPoint).toBe(mountPoint);
  });

  it('takes the share over the automount point it is mounted on', () => {
    expect(findMount(table, '/mnt/auto/a')?.type).toBe('cifs');
  });

  it('takes the last of two mounts on one place', () => {
    expect(findMount(table, '/mnt/hdd/bind/a')?.type).toBe('tmpfs');
  });

  it('does not find a mount that a later one on its parent has hidden', () => {
    const hidden = parseMountInfo(`1 0 8:1 / / rw - ext4 /dev/sda1 rw
2 1 0:50 / /mnt rw - nfs nas:/a rw
3 2 0:51 / /mnt/models rw - nfs nas:/b rw
4 2 8:2 / /mnt rw - ext4 /dev/sda2 rw`);
    expect(findMount(hidden, '/mnt/models/a')).toMatchObject({ id: 4 });
  });

  it('finds nothing in an empty table, as on macOS and Windows', () => {
    expect(findMount([], '/a')).toBeNull();
  });
});
