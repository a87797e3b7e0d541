"""Mounts a file system that never answers at the given directory, until its input ends. Needs root and /dev/fuse.

It takes every request and keeps it, as a NAS that went away: who has asked waits in the kernel, and not even SIGKILL ends it. For each
it prints the id of the thread that asked.
"""
import ctypes
import os
import select
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
place = sys.argv[1].encode()
INIT, INTERRUPT = 26, 36
fuse = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0".encode()
if libc.mount(b"hung", place, b"fuse.hung", 0, options) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
print("mounted", flush=True)
while True:
    ready, _, _ = select.select([fuse, sys.stdin], [], [])
    if sys.stdin in ready:
        break
    request = os.read(fuse, 1 << 20)
    opcode, unique = struct.unpack_from("<4xIQ", request)
    (thread,) = struct.unpack_from("<32xI", request)
    if opcode == INIT:
        reply = struct.pack("<IIIIHHIIHHI28x", 7, 31, 1 << 17, 0, 12, 9, 1 << 17, 1, 0, 0, 0)
        os.write(fuse, struct.pack("<IiQ", 16 + len(reply), 0, unique) + reply)
    elif opcode != INTERRUPT:
        print(thread, flush=True)
libc.umount2(place, 2)
