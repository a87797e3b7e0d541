"""Loads one file as a program would: asks the daemon first when told how, then reads in large pieces or faults pages of a map."""

import json
import mmap
import os
import random
import sys
import time
import urllib.request

job = json.load(sys.stdin)


def drop_from_page_cache(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def lookup(path):
    body = json.dumps({"path": path, "waitMs": 600_000, "client": {"app": "bench", "pid": os.getpid()}}).encode()
    headers = {"Authorization": "Bearer " + job["token"], "Content-Type": "application/json"}
    request = urllib.request.Request(job["url"] + "/api/lookup", body, headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def read_in_sequence(path):
    block = bytearray(2 * 1024 * 1024)
    with open(path, "rb", buffering=0) as file:
        while file.readinto(block):
            pass


def fault_at_random(path):
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        pages = list(range(0, len(mapped), 4096))
        random.Random(4711).shuffle(pages)
        total = 0
        for page in pages:
            total += mapped[page]


for path in job["cold"]:
    drop_from_page_cache(path)
start = time.perf_counter()
answer = lookup(job["path"]) if "url" in job else {"path": job["path"], "reason": "none"}
asked = time.perf_counter()
{"sequential": read_in_sequence, "mapped": fault_at_random}[job["reader"]](answer["path"])
end = time.perf_counter()
print(json.dumps({"seconds": end - start, "waited": asked - start, "reason": answer["reason"], "path": answer["path"]}))
