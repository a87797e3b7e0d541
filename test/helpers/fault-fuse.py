"""A file system that shows a directory and behaves as the control file says: ok, hang, or error NUMBER. FUSE."""

import errno
import os
import sys
import time

try:
    import fusepy as fuse
except ImportError:
    import fuse

source, mount, control = sys.argv[1:4]


class Faulty(fuse.Operations):
    use_ns = True

    def __call__(self, op, path, *args):
        while True:
            with open(control) as file:
                mode = file.read().split()
            if mode[:1] == ["error"]:
                raise fuse.FuseOSError(int(mode[1]))
            if mode[:1] != ["hang"]:
                break
            time.sleep(0.02)
        return super().__call__(op, source + path, *args)

    def getattr(self, path, fh=None):
        stat = os.lstat(path)
        keys = ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid")
        return {key: getattr(stat, key) for key in keys} | {"st_mtime": stat.st_mtime_ns, "st_atime": stat.st_mtime_ns, "st_ctime": stat.st_mtime_ns}

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(path)]

    def open(self, path, flags):
        return os.open(path, os.O_RDONLY)

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def release(self, path, fh):
        os.close(fh)

    def statfs(self, path):
        stat = os.statvfs(path)
        return {key: getattr(stat, key) for key in ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_frsize", "f_files", "f_ffree")}


fuse.FUSE(Faulty(), mount, foreground=True, ro=True, attr_timeout=0, entry_timeout=0, fsname="faulty")
