"""A file system that shows a directory and behaves as the control file says: ok, hang, slow MS, or error NUMBER [PATH]. FUSE.

The path is of a directory that fails with all below it, and is still seen in the one above. A call that fails, hangs or is slow leaves its name in CONTROL.fired.
"""

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
            if mode[:1] == ["slow"] and op == "getattr" and path != "/":
                self.note(op)
                time.sleep(int(mode[1]) / 1000)
            hangs = mode[:1] == ["hang"]
            fails = mode[:1] == ["error"] and (not mode[2:] or path.startswith(mode[2]) and (op, path) != ("getattr", mode[2]))
            if not hangs and not fails:
                break
            self.note(op)
            if fails:
                raise fuse.FuseOSError(int(mode[1]))
            time.sleep(0.02)
        return super().__call__(op, source + path, *args)

    def note(self, op):
        with open(control + ".fired", "a") as file:
            file.write(op + "\n")

    def getattr(self, path, fh=None):
        stat = os.lstat(path)
        keys = ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid")
        return {key: getattr(stat, key) for key in keys} | {"st_mtime": stat.st_mtime_ns, "st_atime": stat.st_mtime_ns, "st_ctime": stat.st_ctime_ns}

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
