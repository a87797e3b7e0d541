/** The name of a file system that is not known yet, and may be on a network. */
export const undetermined = 'undetermined';

const exact = new Set([
  undetermined,
  'nfs',
  'nfs3',
  'nfs4',
  'cifs',
  'smb',
  'smb2',
  'smb3',
  'smbfs',
  'ncpfs',
  '9p',
  'v9fs',
  'drvfs',
  'afs',
  'afpfs',
  'ceph',
  'glusterfs',
  'lustre',
  'gpfs',
  'beegfs',
  'orangefs',
  'ocfs2',
  'davfs',
  'webdav',
  'ftp',
  'vboxsf',
  'vmhgfs',
  'prl_fs',
  'virtiofs',
  'autofs',
  'fuse',
  'osxfuse',
  'macfuse',
]);

/**
 * True for a file system whose answers come from another machine or another program, so it can hang: network protocols, FUSE
 * (`fuse.sshfs`, `fuse.rclone`, …), host shares of virtual machines, and `autofs`, which mounts one of them when touched. `fuseblk`
 * (a local disk behind ntfs-3g) is a disk.
 */
export function isNetworkFileSystem(type: string): boolean {
  const name = type.toLowerCase();
  return exact.has(name) || name.startsWith('fuse.') || name.startsWith('nfs');
}

/**
 * True when a file keeps its inode number over remounts. NFS passes on the server's; FUSE and SMB number files on first access;
 * the FAT family has no inodes at all.
 */
export function hasStableInodes(type: string | null): boolean {
  if (type === null) return false;
  const name = type.toLowerCase();
  if (name.startsWith('nfs')) return true;
  return !isNetworkFileSystem(name) && !['vfat', 'msdos', 'exfat', 'fat32', 'fat', 'overlay'].includes(name);
}

const withoutModels = new Set(
  'proc sysfs devtmpfs devpts cgroup cgroup2 mqueue debugfs tracefs securityfs configfs pstore bpf fusectl nsfs efivarfs binfmt_misc hugetlbfs squashfs'.split(
    ' ',
  ),
);

/** True for the kernel's own file systems and for read-only images of programs, which never hold models. */
export function isPseudoFileSystem(type: string | null): boolean {
  return type !== null && withoutModels.has(type);
}
