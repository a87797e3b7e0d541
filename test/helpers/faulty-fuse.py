"""A file system with one file that can go wrong: the kernel's FUSE protocol, spoken directly, for want of any library.

Usage: faulty-fuse.py BACKING_FILE MOUNT_POINT OFFSET FAULT_FILE
Serves the backing file under its own name. While FAULT_FILE holds `eio`, reads at or after OFFSET fail; while it holds `eio-part`,
only those in the MiB after it; while it holds `hang`, they are never answered. Says `mounted` or `cannot mount: ...`, and unmounts when its standard input is closed.
"""

import ctypes
import errno
import os
import select
import struct
import sys

LOOKUP, FORGET, GETATTR, OPEN, READ, RELEASE, FLUSH, INIT, OPENDIR = 1, 2, 3, 14, 15, 18, 25, 26, 27
READDIR, RELEASEDIR, INTERRUPT, BATCH_FORGET = 28, 29, 36, 42
ROOT, FILE = 1, 2
DIRECT_IO = 1
DETACH = 2


class Server:
    def __init__(self, device, backing, offset, fault_file):
        self.device, self.offset, self.fault_file = device, offset, fault_file
        self.backing = os.open(backing, os.O_RDONLY)
        self.name = os.path.basename(backing).encode()

    def serve_one(self):
        try:
            request = os.read(self.device, 1 << 20)
        except FileNotFoundError:
            return  # Who asked has gone.
        _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
        if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
            return
        try:
            error, body = 0, self.answer(opcode, node, request[40:])
        except OSError as failure:
            error, body = -failure.errno, b""
        if body is None:
            return
        try:
            os.write(self.device, struct.pack("<IiQ", 16 + len(body), error, unique) + body)
        except FileNotFoundError:
            pass

    def answer(self, opcode, node, body):
        if opcode == INIT:
            return struct.pack("<IIIIHHIIHHI28x", 7, 31, 1 << 17, 0, 12, 9, 1 << 17, 1, 0, 0, 0)
        if opcode == LOOKUP:
            if body.rstrip(b"\0") != self.name:
                raise OSError(errno.ENOENT, "")
            return struct.pack("<QQQQII", FILE, 0, 0, 0, 0, 0) + self.attributes(FILE)
        if opcode == GETATTR:
            return struct.pack("<QII", 0, 0, 0) + self.attributes(node)
        if opcode in (OPEN, OPENDIR):
            return struct.pack("<QII", 0, DIRECT_IO, 0)
        if opcode == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return self.read(offset, size)
        if opcode in (FLUSH, RELEASE, READDIR, RELEASEDIR):
            return b""
        raise OSError(errno.ENOSYS, "")

    def read(self, offset, size):
        fault = self.fault() if offset + size > self.offset else ""
        if fault == "eio" or (fault == "eio-part" and offset < self.offset + 2**20):
            raise OSError(errno.EIO, "")
        return None if fault == "hang" else os.pread(self.backing, size, offset)

    def fault(self):
        try:
            with open(self.fault_file) as file:
                return file.read().strip()
        except FileNotFoundError:
            return ""

    def attributes(self, node):
        stat = os.fstat(self.backing)
        seconds, nanoseconds = divmod(stat.st_mtime_ns, 10**9)
        mode, size = (0o100444, stat.st_size) if node == FILE else (0o40555, 0)
        times = struct.pack("<QQQIII", seconds, seconds, seconds, nanoseconds, nanoseconds, nanoseconds)
        return struct.pack("<QQQ", node, size, size // 512) + times + struct.pack("<IIIIIII", mode, 1, 0, 0, 0, 4096, 0)


def main():
    backing, mount_point, offset, fault_file = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={device},rootmode=40000,user_id=0,group_id=0"
        if libc.mount(b"faulty", mount_point.encode(), b"fuse", 0, options.encode()) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    except OSError as error:
        print(f"cannot mount: {error}", flush=True)
        return
    server = Server(device, backing, int(offset), fault_file)
    print("mounted", flush=True)
    try:
        while True:
            ready, _, _ = select.select([device, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            server.serve_one()
    finally:
        libc.umount2(mount_point.encode(), DETACH)


main()
