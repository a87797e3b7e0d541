"""
A loader's side of a lookup: one kept-open connection, Python's standard library, nothing clever; or, with "shim", the connection of
the ComfyUI shim, which proves each request and each answer. "clients" processes, each with "connections" threads. Prints JSON.
"""
import http.client
import importlib
import json
import multiprocessing
import os
import sys
import threading
import time
import types


def connect(url):
    host, port = url.split("//")[1].split(":")
    connection = http.client.HTTPConnection(host, int(port))
    connection.connect()
    return connection


def with_token(job):
    connection = connect(job["url"])
    headers = {"Authorization": "Bearer " + job["token"], "Content-Type": "application/json"}

    def post(body):
        connection.request("POST", "/api/lookup", body, headers)
        return json.loads(connection.getresponse().read())
    return post


def as_shim(job):
    package = types.ModuleType("shim")
    package.__path__ = [job["shim"]]
    sys.modules["shim"] = package
    daemon = importlib.import_module("shim.daemon").Daemon(job["stateDir"])
    return lambda body: daemon.post("/api/lookup", body)


def program(job, results):
    threads = [threading.Thread(target=reported, args=(job, results)) for _ in range(job.get("connections", 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def reported(job, results):
    try:
        ask(job, results)
    except Exception as error:
        results.put("a lookup failed: %r" % error)


def ask(job, results):
    post = as_shim(job) if job.get("shim") else with_token(job)
    paths = job["paths"]
    bodies = []
    for path in paths:
        stat = os.stat(path)
        bodies.append(json.dumps({"path": path, "size": stat.st_size, "mtimeNs": str(stat.st_mtime_ns),
                                  "client": {"app": "bench", "pid": os.getpid()}}).encode())
    took = []
    end = time.perf_counter() + job["seconds"]
    index = 0
    while time.perf_counter() < end:
        start = time.perf_counter()
        answer = post(bodies[index % len(bodies)])
        took.append(time.perf_counter() - start)
        if answer["reason"] != "HIT":
            results.put("expected a HIT, got %s" % answer)
            return
        index += 1
    results.put(took)


def isfile(paths, seconds):
    took = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for path in paths:
            start = time.perf_counter()
            os.path.isfile(path)
            took.append(time.perf_counter() - start)
    return took


def summary(took, seconds):
    took.sort()
    return {"p50": took[len(took) // 2] * 1000, "p99": took[int(len(took) * 0.99)] * 1000, "slowest": took[-1] * 1000, "perSecond": len(took) / seconds}


def main():
    job = json.load(sys.stdin)
    paths, seconds = job["paths"], job["seconds"]
    if job["clients"] == 0:
        print(json.dumps(summary(isfile(paths, seconds), seconds)))
        return
    results = multiprocessing.Queue()
    clients = [multiprocessing.Process(target=program, args=(job, results))
               for _ in range(job["clients"])]
    for client in clients:
        client.start()
    took = []
    for _ in range(len(clients) * job.get("connections", 1)):
        result = results.get()
        if isinstance(result, str):
            sys.exit(result)
        took += result
    for client in clients:
        client.join()
    print(json.dumps(summary(took, seconds)))


main()
