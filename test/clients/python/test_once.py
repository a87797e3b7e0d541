"""Many who ask at once, in threads, tasks and processes; and what ends in the middle."""

import asyncio
import os
import signal
import threading
import time
import unittest

import rig

SLOW = """
    memo = Memo("shared", state=STATE)
    def compute():
        print("computing", flush=True)
        sys.stdin.readline()
        return sys.argv[1]
    print(memo.get_or_compute(["slow"], compute))
"""


class Once(rig.DaemonTest):
    def wait_for(self, name: str, count: int) -> None:
        while self.daemon.stats()[name] != count:
            time.sleep(0.01)

    def test_threads_that_ask_at_once_get_one_computation_and_a_copy_each(self):
        go, computed = threading.Event(), rig.Counter()

        @self.memo.cached
        def slow(x):
            computed(x)
            go.wait()
            return [x]

        results = []
        threads = [threading.Thread(target=lambda: results.append(slow(1))) for _ in range(20)]
        for thread in threads:
            thread.start()
        while computed.count == 0:
            pass
        go.set()
        for thread in threads:
            thread.join()
        self.assertEqual((results, computed.count), ([[1]] * 20, 1))
        self.assertEqual(len({id(result) for result in results}), 20)

    def test_tasks_that_ask_at_once_get_one_computation_and_the_loop_goes_on(self):
        computed = rig.Counter()

        async def main():
            go = asyncio.Event()

            @self.memo.cached
            async def slow(x):
                computed(x)
                await go.wait()
                return {"x": x}

            tasks = [asyncio.ensure_future(slow(1)) for _ in range(20)]
            while computed.count == 0:
                await asyncio.sleep(0)
            go.set()
            return await asyncio.gather(*tasks), await slow(1)

        self.assertEqual(asyncio.run(main()), ([{"x": 1}] * 20, {"x": 1}))
        self.assertEqual(computed.count, 1)

    def test_a_failure_is_told_to_all_who_wait_in_this_process_once(self):
        go, computed, errors = threading.Event(), rig.Counter(), []

        @self.memo.cached
        def fail():
            computed()
            go.wait()
            raise LookupError("no model")

        def ask():
            try:
                fail()
            except LookupError as error:
                errors.append(str(error))

        flights = self.memo._once()._flights._flights
        threads = [threading.Thread(target=ask) for _ in range(5)]
        for thread in threads:
            thread.start()
        while sum(flight.followers for flight in list(flights.values())) < 4:
            pass
        go.set()
        for thread in threads:
            thread.join()
        self.assertEqual((errors, computed.count), (["no model"] * 5, 1))
        self.assertRaises(LookupError, fail)
        self.assertEqual(computed.count, 2)

    def test_a_task_that_is_cancelled_leaves_the_computation_to_another(self):
        async def main():
            began, turns = asyncio.Event(), []

            @self.memo.cached
            async def slow():
                turns.append(1)
                began.set()
                if len(turns) == 1:
                    await asyncio.Event().wait()
                return "done"

            first = asyncio.ensure_future(slow())
            await began.wait()
            second = asyncio.ensure_future(slow())
            await asyncio.sleep(0)
            first.cancel()
            return await second, first.cancelled(), len(turns)

        self.assertEqual(asyncio.run(main()), ("done", True, 2))
        self.wait_for("computing", 0)

    def test_a_task_that_is_cancelled_while_it_waits_for_another_process_keeps_no_lease(self):
        holder = self.daemon.program(SLOW, "first")
        self.assertEqual(holder.stdout.readline(), "computing\n")
        shared = rig.autocached.Memo("shared", state=self.daemon.state)

        async def main():
            waiting = asyncio.ensure_future(shared.get_or_compute_async(["slow"], self.fail))
            while self.daemon.stats()["waiting"] == 0:
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])

        asyncio.run(main())
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
        # Its thread may get the lease, and gives it back.
        self.wait_for("computing", 0)
        self.assertEqual(shared.get_or_compute(["slow"], lambda: "mine"), "mine")
        shared.invalidate(all=True)

    def test_100_equal_requests_of_4_processes_are_one_computation(self):
        before = self.daemon.stats()["misses"]
        program = """
            import autocached.results, threading
            # Who has waited for a slice asks again, which is counted again; a busy machine needs longer than the first one.
            autocached.results._FIRST_SLICE_SECONDS = 60.0
            memo = Memo("hundred", state=STATE)
            @memo.cached
            def slow(x):
                print("computed")
                time.sleep(0.2)
                return x + 1
            results = []
            threads = [threading.Thread(target=lambda: results.append(slow(1))) for _ in range(25)]
            sys.stdin.readline()
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            print(sum(results))
        """
        running = [self.daemon.program(program) for _ in range(4)]
        for one in running:
            one.stdin.write("go\n")
            one.stdin.flush()
        lines = "".join(one.communicate()[0] for one in running).split()
        self.assertEqual(sorted(lines), ["50"] * 4 + ["computed"])
        self.assertEqual(self.daemon.stats()["misses"] - before, 1)

    def test_when_the_one_that_computes_is_killed_another_computes(self):
        first = self.daemon.program(SLOW, "first")
        self.assertEqual(first.stdout.readline(), "computing\n")
        second = self.daemon.program(SLOW, "second")
        self.wait_for("waiting", 1)
        first.kill()
        first.communicate()
        self.assertEqual(second.communicate("go\n")[0], "computing\nsecond\n")
        rig.autocached.Memo("shared", state=self.daemon.state).invalidate(all=True)

    def test_a_lease_is_renewed_while_the_computation_goes_on(self):
        leases = self.memo._once().results.leases
        taken = self.daemon.ask("/api/memo/take", {"ns": "renewed", "parts": [1], "leaseMs": 1000, "pid": os.getpid()})
        renewed = threading.Event()
        post, seen = leases._daemon.post, []

        def noted(route, body):
            answer = post(route, body)
            seen.append(answer)
            if len(seen) == 5:
                renewed.set()
            return answer

        leases._daemon.post = noted
        with leases.holding(taken["lease"], taken["leaseMs"]):
            renewed.wait()
        del leases._daemon.post
        self.assertEqual(seen[:5], [{"leaseMs": 1000}] * 5)

    def test_a_stale_result_is_given_at_once_and_computed_anew_behind_it(self):
        self.check_stale(lambda compute: self.memo.get_or_compute(["stale"], compute, ttl=0.001, stale="1h"))

    def test_a_stale_result_of_a_coroutine_is_given_at_once_and_computed_anew_behind_it(self):
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()

        async def get(compute):
            async def computed():
                return await asyncio.get_running_loop().run_in_executor(None, compute)

            return await self.memo.get_or_compute_async(["stale async"], computed, ttl=0.001, stale="1h")

        self.check_stale(lambda compute: asyncio.run_coroutine_threadsafe(get(compute), loop).result())
        refreshing = self.memo._once()._refreshing

        async def all_refreshed():
            while refreshing:
                await asyncio.wait(list(refreshing))

        asyncio.run_coroutine_threadsafe(all_refreshed(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def check_stale(self, get):
        self.assertEqual(get(lambda: 1), 1)
        refreshing, go = threading.Event(), threading.Event()

        def refresh():
            refreshing.set()
            go.wait()
            return 2

        # Until its millisecond is over it is fresh.
        while not refreshing.is_set():
            self.assertEqual(get(refresh), 1)
            refreshing.wait(0.01)
        # One refreshes; the others are served.
        self.assertEqual([get(self.fail) for _ in range(5)], [1] * 5)
        go.set()
        while get(lambda: 2) != 2:
            pass

    def test_a_function_that_asks_for_its_own_result_does_not_wait_for_itself(self):
        depth = []

        @self.memo.cached
        def strange(x):
            depth.append(x)
            return strange(x) if len(depth) < 3 else "end"

        self.assertEqual(strange(1), "end")

    @unittest.skipUnless(hasattr(os, "fork"), "only POSIX has fork")
    def test_a_child_that_was_forked_has_connections_and_locks_of_its_own(self):
        program = """
            import threading
            memo = Memo("forked", state=STATE)
            @memo.cached
            def add(x): return x + 1
            add(1)
            once = memo._once()
            # As if another thread held them when the process was forked.
            once._flights._lock.acquire()
            once.results.leases._changed.acquire()
            children = []
            for number in range(3):
                child = os.fork()
                if child == 0:
                    ok = [add(1), add(10 + number)] == [2, 11 + number] and not memo._once() is once
                    os._exit(0 if ok else 1)
                children.append(child)
            print([os.waitpid(child, 0)[1] for child in children])
            once._flights._lock.release()
            once.results.leases._changed.release()
            print(add(1))
        """
        self.assertEqual(self.daemon.output(program), "[0, 0, 0]\n2\n")

    def test_thread_safety(self):
        """10 processes, 100 operations each, on 20 results: each is right, and computed once."""
        program = """
            import random
            memo = Memo("safe", state=STATE)
            @memo.cached
            def square(x):
                print("computed")
                return {"x": x, "bytes": bytes([x]) * x * 100}
            chosen = random.Random(sys.argv[1])
            for _ in range(100):
                x = chosen.randrange(20)
                assert square(x) == {"x": x, "bytes": bytes([x]) * x * 100}
            print("right")
        """
        running = [self.daemon.program(program, str(seed)) for seed in range(10)]
        lines = "".join(one.communicate()[0] for one in running).split()
        self.assertEqual((lines.count("right"), lines.count("computed")), (10, 20))


if __name__ == "__main__":
    unittest.main()
