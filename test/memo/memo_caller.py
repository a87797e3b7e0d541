"""As memo-caller.ts, with the Python package."""

import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "clients", "python"))
import autocached.daemon
import autocached.results

# The test counts those who wait, so nobody may ask anew meanwhile. A busy machine answers late.
autocached.results._FIRST_SLICE_SECONDS = 600.0
autocached.daemon.ANSWER_SECONDS = 60.0

job = json.loads(sys.argv[1])
answers = [None] * job["calls"]


def compute():
    with open(job["log"], "a") as log:
        log.write("computed\n")
    while not os.path.exists(job["gate"]):
        time.sleep(0.02)
    return "of %d" % os.getpid()


def call(index):
    answers[index] = autocached.Memo("flight", state=job["stateDir"]).get_or_compute(["equal"], compute)


threads = [threading.Thread(target=call, args=(index,)) for index in range(job["calls"])]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(answers))
