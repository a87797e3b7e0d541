"""Results as a Python program finds and stores them: in the daemon, and in what else there is. The job is the first line of stdin, JSON."""
import http.client
import json
import multiprocessing
import os
import socket
import sys
import threading
import time

MIB = 1 << 20
VALUE = {"width": 64, "text": "x" * 200}


class Autocached:
    def __init__(self, job):
        self.connection = http.client.HTTPConnection(job["url"].split("//")[1])
        self.headers = {"Authorization": "Bearer " + job["token"], "Content-Type": "application/json"}
        self.small_body = self.body(parts="small")
        self.blob_body = self.body(parts="blob")

    def body(self, **more):
        return json.dumps(dict(more, ns="bench")).encode()

    def ask(self, path, body, method="POST"):
        self.connection.request(method, "/api/memo/" + path, body, self.headers)
        return json.loads(self.connection.getresponse().read())

    def keep(self, key, content):
        staged = self.ask("stage", json.dumps({"size": len(content), "pid": os.getpid()}).encode())
        with open(staged["path"], "r+b", buffering=0) as file:
            write(file, content)
        assert self.ask("put", self.body(parts=key, staged=staged["staged"]))["stored"]

    def prepare(self, blob):
        self.ask("put", self.body(parts="small", value=VALUE))
        self.keep("blob", blob)

    def small(self):
        return self.ask("get", self.small_body)["value"]

    def blob(self):
        return self.ask("get", self.blob_body)["path"]


def write(file, content):
    """In pieces, as the Python package and `cp` do: Linux takes longer for large ones."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest[: MIB // 2]) :]


class DiskCache:
    def __init__(self, job):
        import diskcache
        self.cache = diskcache.Cache(os.path.join(job["dir"], "diskcache"), size_limit=4096 * MIB)

    def keep(self, key, content):
        self.cache.set(key, content)

    def prepare(self, blob):
        self.cache.set("small", VALUE)
        self.keep("blob", blob)

    def small(self):
        return self.cache.get("small")

    def blob(self):
        with self.cache.get("blob", read=True) as file:
            return file.name


def make(key, _content=None):
    """Of the program itself: joblib names its folder by it."""
    return VALUE if key == "small" else _content


class Joblib:
    def __init__(self, job):
        import joblib
        self.make = joblib.Memory(os.path.join(job["dir"], "joblib"), verbose=0).cache(make, ignore=["_content"])

    def keep(self, key, content):
        self.make(key, content)

    def prepare(self, blob):
        self.make("small")
        self.make("blob", blob)

    def small(self):
        return self.make("small")

    def blob(self):
        return self.make("blob")


class Files:
    """What the disk and Python allow: nothing is named by its content, limited, or safe from a loss of power."""

    def __init__(self, job):
        self.dir = os.path.join(job["dir"], "files")
        os.makedirs(self.dir, exist_ok=True)

    def keep(self, key, content):
        with open(os.path.join(self.dir, key), "wb", buffering=0) as file:
            write(file, content)

    def prepare(self, blob):
        self.keep("small", json.dumps(VALUE).encode())
        self.keep("blob", blob)

    def small(self):
        with open(os.path.join(self.dir, "small"), "rb") as file:
            return json.load(file)

    def blob(self):
        with open(os.path.join(self.dir, "blob"), "rb") as file:
            return file.name


class Redis:
    def __init__(self, job):
        self.file = socket.create_connection(("127.0.0.1", job["redis"])).makefile("rwb")

    def ask(self, *words):
        self.file.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        self.file.flush()
        head = self.file.readline()
        if head[:1] != b"$":
            return head
        return self.file.read(int(head[1:]) + 2)[:-2]

    def keep(self, key, content):
        self.ask(b"SET", key.encode(), content)

    def prepare(self, blob):
        self.keep("small", json.dumps(VALUE).encode())
        self.keep("blob", blob)

    def small(self):
        return json.loads(self.ask(b"GET", b"small"))

    def blob(self):
        return self.ask(b"GET", b"blob")


def timed(seconds, ask):
    took = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        found = ask()
        took.append(time.perf_counter() - start)
        assert found, "not found"
    return took


def hits(job, begin, results):
    store = STORES[job["store"]](job)
    store.small()
    begin.wait()
    results.put(len(timed(job["seconds"], store.small)))


def per_second(job):
    begin = multiprocessing.Barrier(job["clients"])
    results = multiprocessing.Queue()
    clients = [multiprocessing.Process(target=hits, args=(job, begin, results)) for _ in range(job["clients"])]
    for client in clients:
        client.start()
    total = sum(results.get() for _ in clients)
    for client in clients:
        client.join()
    return total / job["seconds"]


def stored(store, size, times=5):
    """Median seconds for content that is new each time."""
    took = []
    for index in range(times):
        content = os.urandom(size)
        start = time.perf_counter()
        store.keep("large %d" % index, content)
        took.append(time.perf_counter() - start)
    return sorted(took)[times // 2]


STORES = {"autocached": Autocached, "diskcache": DiskCache, "joblib": Joblib, "redis": Redis, "files": Files}


def wait(job):
    """Many that ask for one key; when each had the result, in seconds of the clock."""
    got = []

    def ask():
        store = Autocached(job)
        assert store.ask("take", store.body(parts=job["parts"], waitMs=600000, pid=os.getpid()))["state"] == "hit"
        got.append(time.time())

    in_threads(ask, job["waiters"])
    return got


def call(job):
    """The same through the Python package, as one program does it."""
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "clients", "python"))
    import autocached

    memo = autocached.Memo("bench", state=job["stateDir"])
    got = []

    def computed():
        raise RuntimeError("it was computed a second time")

    def ask():
        memo.get_or_compute(job["parts"], computed)
        got.append(time.time())

    in_threads(ask, job["calls"])
    return got


def in_threads(work, count):
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main():
    job = json.loads(sys.stdin.readline())
    if job["store"] in ("waiters", "callers"):
        print(json.dumps(wait(job) if job["store"] == "waiters" else call(job)), flush=True)
        # The end of this program would take time from the others that wait.
        sys.stdin.read()
        return
    store = STORES[job["store"]](job)
    store.prepare(os.urandom(8 * MIB))
    small, blob = (sorted(timed(job["seconds"], ask)) for ask in (store.small, store.blob))
    print(json.dumps({
        "p50": small[len(small) // 2] * 1000,
        "p95": small[int(len(small) * 0.95)] * 1000,
        "blobP95": blob[int(len(blob) * 0.95)] * 1000,
        "perSecond": per_second(job),
        "large": stored(store, 64 * MIB),
    }))


if __name__ == "__main__":
    main()
