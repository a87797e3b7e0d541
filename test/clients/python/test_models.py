"""Live models in the memory of a process, and files from the fastest disk."""

import contextlib
import io
import os
import threading
import time
import unittest

import rig
from autocached import ModelCache, NoCopy, Resolver, get_cache
from autocached.memory import available_mb


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


class Models(unittest.TestCase):
    def setUp(self):
        self.cache = ModelCache(100, clock=Clock())

    def held(self) -> list:
        return sorted(self.cache.get_stats()["models"])

    def test_lru_eviction(self):
        for name in "abc":
            self.assertTrue(self.cache.add_model(name, name, 25))
        self.assertEqual(self.cache.get_model("a"), ("a", True))
        self.assertTrue(self.cache.add_model("d", "d", 25))
        self.assertEqual(self.held(), ["a", "c", "d"])
        self.assertEqual(self.cache.get_model("b"), (None, False))

    def test_a_model_that_is_used_often_stays_before_one_that_was_used_a_little_later(self):
        self.cache.add_model("often", 1, 30)
        self.cache.add_model("once", 2, 30)
        for _ in range(20):
            self.cache.get_model("often")
        self.cache.get_model("once")
        self.cache._clock.now += 100
        self.cache.add_model("new", 3, 40)
        self.assertEqual(self.held(), ["new", "often"])

    def test_memory_limit_enforcement(self):
        self.assertFalse(self.cache.add_model("too large", "x", 100.1))
        self.assertTrue(self.cache.add_model("whole", "x", 100))
        self.assertFalse(self.cache.add_model("too large", "x", 101))
        self.assertEqual(self.held(), ["whole"])
        for number in range(30):
            self.cache.add_model("m%d" % number, number, 7 + number % 9)
            self.assertLessEqual(self.cache.get_memory_status()["current_memory_mb"], 85)
        for size in (0, -1, float("nan"), float("inf"), "1"):
            with self.assertRaises(ValueError):
                self.cache.add_model("bad", "x", size)

    def test_the_measured_size_counts_where_less_was_told(self):
        self.assertFalse(self.cache.add_model("liar", {"weights": [bytearray(101 << 20)]}, 1))
        self.cache.add_model("small", bytes(3 << 20), 1)
        self.assertEqual(self.cache.get_memory_status()["current_memory_mb"], 3)

    def test_a_model_that_is_added_again_counts_once(self):
        for size in (40, 50, 60):
            self.cache.add_model("a", size, size)
        self.assertEqual((self.cache.get_memory_status()["current_memory_mb"], self.cache.get_stats()["evictions"]), (60, 0))
        self.assertEqual(self.cache.get_model("a"), (60, True))

    def test_cache_hit_miss_tracking(self):
        self.cache.add_model("a", 1, 10, load_seconds=3.0)
        self.cache.add_model("b", 1, 10, load_seconds=1.0)
        for name in ("a", "a", "a", "none"):
            self.cache.get_model(name)
        stats = self.cache.get_stats()
        counted = [
            stats[name] for name in ("hits", "misses", "hit_rate", "average_load_time", "cached_models", "memory_utilization")
        ]
        self.assertEqual(counted, [3, 1, "75%", 2.0, 2, 20.0])
        self.assertEqual(stats["models"]["a"]["access_count"], 3)
        self.assertTrue(self.cache.clear_model("a"))
        self.assertFalse(self.cache.clear_model("a"))
        self.assertEqual((self.cache.clear_all(), self.cache.get_memory_status()["current_memory_mb"]), (1, 0))
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            self.cache.print_stats()
        self.assertIn("hit rate 75%", said.getvalue())

    def test_70_percent_of_the_available_memory_is_the_limit_when_none_is_given(self):
        # Other programs take and give back memory meanwhile.
        self.assertAlmostEqual(ModelCache().max_memory_mb / available_mb(), 0.7, delta=0.35)
        self.assertIs(get_cache(), get_cache(5))

    def test_thread_safety(self):
        loaded = rig.Counter()

        def load(path):
            loaded(path)
            time.sleep(0.001)
            return path

        file = os.path.abspath(__file__)
        cache = ModelCache(100, loader=load, resolver=lambda name: file)
        wrong = []

        def work(seed):
            for number in range(100):
                name = "m%d" % ((seed * 7 + number) % 12)
                data, _ = cache.get_model(name)
                cache.add_model("own%d" % seed, seed, 5 + number % 20)
                used = cache.get_memory_status()["current_memory_mb"]
                if data != file or not 0 <= used <= 85:
                    wrong.append((name, data, used))
                if number % 10 == 0:
                    cache.clear_model(name)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stats = cache.get_stats()
        sizes = sum(model["size_mb"] for model in stats["models"].values())
        self.assertEqual((wrong, stats["hits"] + stats["misses"]), ([], 1000))
        self.assertAlmostEqual(stats["current_memory_mb"], sizes, places=1)

    def test_a_model_is_loaded_once_for_all_who_ask_and_an_error_is_not_kept(self):
        go, loaded, found = threading.Event(), rig.Counter(), []

        def load(path):
            loaded(path)
            go.wait()
            if loaded.count == 1:
                raise OSError("no disk")
            return "weights"

        cache = ModelCache(100, loader=load, resolver=str)

        def ask():
            try:
                found.append(cache.get_model(__file__))
            except OSError as error:
                found.append(str(error))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        while cache.get_stats()["misses"] < 8:
            pass
        go.set()
        for thread in threads:
            thread.join()
        self.assertEqual((found, loaded.count), (["no disk"] * 8, 1))
        self.assertEqual([cache.get_model(__file__) for _ in range(2)], [("weights", False), ("weights", True)])


class Files(rig.DaemonTest):
    def model(self, name: str) -> str:
        path = os.path.join(self.daemon.models, name)
        with open(path, "wb") as file:
            file.write(os.urandom(100_000))
        return path

    def warmed(self, name: str) -> str:
        path = self.model(name)
        self.daemon.ask("/api/cache/warm", {"paths": [path], "wait": True})
        return path

    def test_the_path_of_a_copy_is_given(self):
        path = self.warmed("a.safetensors")
        found = Resolver(state=self.daemon.state, app="test").answer(path)
        self.assertEqual((found.tier, found.reason, os.path.basename(found.path)), ("ssd", "HIT", "a.safetensors"))
        self.assertTrue(found.path.startswith(os.path.join(self.daemon.dir, "cache", "")))
        with open(path, "rb") as source, open(found.path, "rb") as copy:
            self.assertEqual(source.read(), copy.read())

    def test_the_loader_of_a_model_cache_opens_the_copy(self):
        path = self.warmed("b.safetensors")
        opened = []

        def load(name):
            opened.append(name)
            with open(name, "rb") as file:
                return file.read()

        cache = ModelCache(10, loader=load, resolver=Resolver(state=self.daemon.state).resolve)
        self.assertEqual([cache.get_model(path)[1] for _ in range(3)], [False, True, True])
        self.assertEqual(len(opened), 1)
        self.assertTrue(opened[0].startswith(os.path.join(self.daemon.dir, "cache", "")))
        self.assertGreater(cache.get_stats()["average_load_time"], 0)
        (ssd,) = [tier for tier in self.daemon.ask("/api/cache/stats")["tiers"] if tier["tier"] == "ssd"]
        self.assertEqual((ssd["loads"], ssd["averageLoadMs"] > 0), (1, True))

    def test_the_state_directory_of_the_environment_is_found_at_the_first_use(self):
        path = self.warmed("e.safetensors")
        program = "os.environ['AUTOCACHE_STATE'] = STATE; print(resolve(sys.argv[1]))"
        self.assertEqual(self.daemon.output(program, path).strip(), Resolver(state=self.daemon.state).resolve(path))
        self.assertNotEqual(self.daemon.output(program, path).strip(), path)

    def test_a_file_of_no_model_folder_is_opened_where_it_is(self):
        found = Resolver(state=self.daemon.state).answer(__file__)
        self.assertEqual((found.path, found.reason), (__file__, "BYPASS_UNKNOWN_ROOT"))

    def test_without_the_daemon_a_sealed_copy_or_the_path_itself_is_given(self):
        daemon = rig.RealDaemon()
        self.addCleanup(daemon.end)
        self.daemon, shared = daemon, self.daemon
        path, other = self.warmed("c.safetensors"), self.model("d.safetensors")
        self.daemon = shared
        copy = Resolver(state=daemon.state).resolve(path)
        daemon.stop()
        resolver = Resolver(state=daemon.state)
        self.assertEqual([resolver.resolve(path), resolver.resolve(other)], [copy, other])
        self.assertNotEqual(copy, path)
        self.assertEqual(resolver.resolve("there/is/none"), "there/is/none")



class Placeholders(rig.DaemonTest):
    """Models that lie on a remote only."""

    def placeholder(self) -> str:
        path = os.path.join(self.temp_dir(), "far.safetensors")
        with open(path, "wb") as file:
            file.write(b"autocached placeholder: this model lies in s3://bucket.\n")
            file.truncate(100_000)
        os.chmod(path, 0)
        return path

    def test_without_a_daemon_it_is_an_error_that_says_what_to_do(self):
        with self.assertRaisesRegex(NoCopy, "far.safetensors lies on a remote only.*autocached start"):
            Resolver(state=os.path.join(self.temp_dir(), "none")).resolve(self.placeholder())

    def test_neither_is_it_taken_from_the_daemon(self):
        with self.assertRaisesRegex(NoCopy, "far.safetensors lies on a remote only"):
            Resolver(state=self.daemon.state).resolve(self.placeholder())


if __name__ == "__main__":
    unittest.main()
