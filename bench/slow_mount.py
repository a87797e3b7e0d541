"""A mount of one folder that takes its time for every read: slow_mount.py FOLDER MOUNT_POINT MILLISECONDS (needs python3-fusepy)."""

import os
import sys
import time

from fusepy import FUSE, Operations


class Slow(Operations):
    def __init__(self, folder, seconds):
        self.folder = folder
        self.seconds = seconds

    def getattr(self, path, fh=None):
        stat = os.lstat(self.folder + path)
        return {key: getattr(stat, key) for key in ("st_mode", "st_size", "st_mtime", "st_ino", "st_nlink", "st_uid", "st_gid")}

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(self.folder + path)]

    def open(self, path, flags):
        return os.open(self.folder + path, os.O_RDONLY)

    def release(self, path, fh):
        os.close(fh)
        return 0

    def read(self, path, size, offset, fh):
        time.sleep(self.seconds)
        return os.pread(fh, size, offset)


folder, mount_point, milliseconds = sys.argv[1:]
FUSE(Slow(folder, float(milliseconds) / 1000), mount_point, foreground=True, ro=True)
