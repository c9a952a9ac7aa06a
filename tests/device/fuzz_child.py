# Loads and runs broken modules on the device side; driven by tools/fuzz.py, a JSON line for each job
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# {"kind": "mutations", "seed", "from", "count", "paths", "tell"} or {"kind": "prefixes", "path", "from", "to"}. Says "start n"
# before each piece of work and "bad n why" when it went wrong; at the end "end loaded, instantiated, calls, traps, results".
# Wrong is: an error that is not the runtime's own, a pool that is not as it was before, a byte written next to the pool, a good
# module that does not work any more. With "tell" also "was n [...]": the error's class, or the result of every call.

import gc
import json
import sys

import pitwasm
from mutate import Random, numbered
from pitwasm import LinkError, LoadError, OutOfFuel, PitwasmError, PoolExhausted, Trap, ValidationError

POOL = 1024 * 1024
FUEL = 2000  # backward branches and calls for each exported function
CALLS = 6  # exported functions that are called
GUARD = 4096  # bytes on either side of the pool
CLEAN = bytes(GUARD)
EXPECTED = (LinkError, LoadError, OutOfFuel, PoolExhausted, Trap, ValidationError)


class Trickle:
    """A stream that gives a few bytes at a time."""

    def __init__(self, data):
        self.data = memoryview(data)
        self.at = 0

    def readinto(self, buf):
        n = min(len(buf), 1 + self.at % 13, len(self.data) - self.at)
        buf[:n] = self.data[self.at : self.at + n]
        self.at += n
        return n


class Fuzzer:
    def __init__(self):
        # Made one after the other on a fresh heap: next to each other.
        self.guards = [bytearray(GUARD), None]
        pool = bytearray(POOL)
        self.guards[1] = bytearray(GUARD)
        self.rt = pitwasm.Runtime(pool, stack=4096)
        with open("tests/device/spectest.wasm", "rb") as f:
            self.module = self.rt.load(f)
        self.host = None
        self.refresh()
        self.rt.register_natives("env", {"print": ("(*~)", lambda view, size: None)})
        with open("samples/life/life.wasm", "rb") as f:
            self.good = f.read()
        self.before = self.state()
        self.counts = [0, 0, 0, 0, 0]
        self.told = []
        self.cap = None

    def state(self):
        pool = self.rt.pool
        return pool.used, pool.free_bytes, pool.largest()

    def refresh(self):
        """A new instance of the host module."""
        if self.host is not None:
            self.rt.deinstantiate(self.host)
        self.host = self.rt.instantiate(self.module)
        self.rt.register_module("spectest", self.host)

    def check(self):
        """None, or what is wrong with the pool."""
        if self.guards[0] != CLEAN or self.guards[1] != CLEAN:
            return "bytes next to the pool were written"
        if self.state() == self.before:
            return None
        # The host module's memory may have been grown, and its table keeps what its elements refer to alive.
        self.refresh()
        now = self.state()
        return None if now == self.before else "pool (used, free, largest) is %s, was %s" % (now, self.before)

    def healthy(self):
        """Does a good module still give the right result?"""
        instance = self.rt.instantiate(self.rt.load(self.good))
        result = instance.exports["run"](2)
        module = instance.module
        self.rt.deinstantiate(instance)
        self.rt.unload(module)
        return result

    def attempt(self, data, mode, random):
        """None when all is well, else what is wrong."""
        self.told = []
        if self.cap is not None:
            self.refresh()  # every module finds the host as it was
        try:
            self.run(data, mode, random)
        except PitwasmError as exc:
            self.told.append(type(exc).__name__)
            if type(exc) not in EXPECTED:
                return "%s: %s" % (type(exc).__name__, exc)
        except Exception as exc:
            return "%s: %s" % (type(exc).__name__, exc)
        return self.check()

    def run(self, data, mode, random):
        rt = self.rt
        module = rt.load(Trickle(data) if mode == 0 else data, lazy=mode == 2, names=mode == 1)
        self.counts[0] += 1
        try:
            rt.fuel = FUEL  # for the start function
            instance = rt.instantiate(module, memory_cap=self.cap)
            self.counts[1] += 1
            try:
                self.call_some(module, instance, random)
            finally:
                rt.deinstantiate(instance)
        finally:
            rt.fuel = None
            rt.unload(module)

    def call_some(self, module, instance, random):
        left = CALLS
        for name, kind, signature in module.exports:
            if kind != "func":
                continue
            f = instance.exports[name]
            args = [0 if "ref" in t else argument(t, random) for t in signature[0].split()]
            self.rt.fuel = FUEL
            self.counts[2] += 1
            try:
                self.told.append([name, args, f.call_bits(*args)])
                self.counts[4] += 1
            except (Trap, PoolExhausted) as exc:
                self.counts[3] += 1
                self.told.append([name, args, type(exc).__name__ if type(exc) is not Trap else exc.text])
                if hasattr(exc, "backtrace"):
                    exc.backtrace()
            left -= 1
            if not left:
                break


def argument(kind, random):
    """Small numbers and large ones, of either sign."""
    bits = random.below(16) if random.below(2) else random.next() << random.below(34) ^ random.next()
    bits = -bits if random.below(4) == 0 else bits
    return bits & (0xFFFFFFFF if kind[1:] == "32" else 0xFFFFFFFFFFFFFFFF)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def job(what, fuzzer, healthy):
    mutations = what["kind"] == "mutations"
    numbers = range(what["from"], what["from"] + what["count"]) if mutations else range(what["from"], what["to"])
    data = b"" if mutations else read(what["path"])
    for n in numbers:
        print("start", n)
        fuzzer.cap = 1 << 32 if what.get("tell") else None
        if mutations:
            broken = numbered(what["seed"], n, what["paths"], read)[1]
        else:
            broken = data[:n]
        why = fuzzer.attempt(broken, n % 3, Random(n))
        if what.get("tell"):
            print("was", n, json.dumps(fuzzer.told))
        if why is None and n % 256 == 255 and fuzzer.healthy() != healthy:
            why = "a good module gives a wrong result after it"
        if why is not None:
            print("bad", n, why.replace("\n", " "))
            fuzzer = Fuzzer()
    return fuzzer


def main():
    fuzzer = Fuzzer()
    healthy = fuzzer.healthy()
    print("ready")
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        fuzzer.counts = [0, 0, 0, 0, 0]
        fuzzer = job(json.loads(line), fuzzer, healthy)
        gc.collect()
        print("end", *fuzzer.counts)


main()
