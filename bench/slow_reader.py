"""Reads a file from its disk over and over, at a rate."""

import os
import sys
import time

block = 1024 * 1024
path, rate = sys.argv[1], float(sys.argv[2])
fd = os.open(path, os.O_RDONLY)
size = os.fstat(fd).st_size
os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
start = time.monotonic()
done = 0
while True:
    at = done % (size - size % block)
    os.pread(fd, block, at)
    os.posix_fadvise(fd, at, block, os.POSIX_FADV_DONTNEED)
    done += block
    time.sleep(max(0, start + done / rate - time.monotonic()))
