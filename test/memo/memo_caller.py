"""As memo-caller.ts, over plain HTTP."""
import http.client
import json
import os
import sys
import threading
import time
from urllib.parse import urlsplit

job = json.loads(sys.argv[1])
with open(os.path.join(job["stateDir"], "daemon.json")) as file:
    daemon = json.load(file)
with open(os.path.join(job["stateDir"], daemon["tokenFile"])) as file:
    token = file.read().strip()
answers = [None] * job["calls"]


def ask(connection, path, body):
    headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
    connection.request("POST", "/api/memo/" + path, json.dumps(body), headers)
    return json.loads(connection.getresponse().read())


def call(index):
    connection = http.client.HTTPConnection(urlsplit(daemon["url"]).netloc)
    question = {"ns": "flight", "parts": ["equal"]}
    taken = ask(connection, "take", dict(question, waitMs=600000, pid=os.getpid()))
    if taken["state"] == "compute":
        with open(job["log"], "a") as log:
            log.write("computed\n")
        while not os.path.exists(job["gate"]):
            time.sleep(0.02)
        value = "of %d" % os.getpid()
        ask(connection, "put", dict(question, lease=taken["lease"], value=value))
        answers[index] = value
    else:
        answers[index] = taken.get("value", taken)


threads = [threading.Thread(target=call, args=(index,)) for index in range(job["calls"])]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(answers))
