# Runs commands of the official suite on a board, spoken to over its REPL; driven by tools/boardspec.py
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# A job is a line on stdin: {"spectest": base64, "cap": bytes of its memory, "mode": "stream" or "bytes"}, then commands as
# spec_child.py has them, with "@length" for the path of a module; its bytes follow on a line of their own, in base64.
# "stream": they are loaded as they come in.
# Answers: "n" passed, "n why not" failed, "n room …" there was no room for it; for the last command, [n, "end"], the line
# "end <bytes of the pool in use more after everything was freed> <high-water mark> <heap free> <calls that machine code had a part in>".

import gc
import json
import sys
from binascii import a2b_base64

import spec_child
from pitwasm import PoolExhausted
from spec_child import Failed

SPECTEST = "tests/device/spectest.wasm"
STACK = 3072
PIECE = 192  # bytes taken from the line at a time


class NoRoom(Exception):
    pass


class Line:
    """A module that comes in over the REPL: a stream for the loader."""

    def __init__(self, length):
        self.left = length  # bytes not yet taken from the line
        self.piece = b""
        self.at = 0

    def readinto(self, buf):
        if self.at == len(self.piece):
            n = min(self.left, PIECE)
            if not n:
                return 0
            self.piece = a2b_base64(sys.stdin.read((n + 2) // 3 * 4))
            self.left -= n
            self.at = 0
        n = min(len(buf), len(self.piece) - self.at)
        buf[:n] = memoryview(self.piece)[self.at : self.at + n]
        self.at += n
        return n

    def rest(self):
        """Take what the loader left: the next command is behind it."""
        while self.left:
            n = min(self.left, PIECE)
            sys.stdin.read((n + 2) // 3 * 4)
            self.left -= n
        sys.stdin.readline()


class Runner(spec_child.Runner):
    line = None
    spectest = cap = None

    def new(self, path):
        if path != SPECTEST:
            return spec_child.Runner.new(self, path)
        module = self.load(path)
        instance = self.rt.instantiate(module, memory_cap=self.cap)
        self.opened.append((instance, module))
        return module, instance

    def load(self, path):
        if path == SPECTEST:
            return self.rt.load(self.spectest)
        source = self.line
        if self.mode == "bytes":
            data = bytearray(source.left)
            at = 0
            while at < len(data):
                at += source.readinto(memoryview(data)[at:])
            source = data
        try:
            return self.rt.load(source)
        except PoolExhausted as exc:
            raise NoRoom(exc)

    def call(self, name, field, args):
        """Without keeping the functions: hundreds of them would break the heap into pieces."""
        return self.counted(self.instance(name).exports[field], args)

    def rejected(self, error, text, f, *args):
        try:
            return spec_child.Runner.rejected(self, error, text, f, *args)
        except Failed as exc:
            if "PoolExhausted" in str(exc):
                raise NoRoom(exc)
            raise


def run(job, buf):
    Runner.spectest = a2b_base64(job["spectest"])
    Runner.cap = job["cap"]
    runner = Runner(buf, job["mode"])
    while True:
        command = json.loads(sys.stdin.readline())
        if command[1] == "end":
            break
        if len(command) > 2 and isinstance(command[2], str) and command[2][:1] == "@":
            runner.line = Line(int(command[2][1:]))
        try:
            getattr(runner, "do_" + command[1])(*command[2:])
            answer = ""
        except Failed as exc:
            answer = " %s" % exc
        except (NoRoom, PoolExhausted, MemoryError) as exc:
            answer = " room %s" % exc
        except Exception as exc:
            answer = " %s: %s" % (type(exc).__name__, exc)
        if runner.line:
            runner.line.rest()
            runner.line = None
        print(command[0], answer.replace("\n", " "), sep="")
    try:
        left = runner.close()
    except Exception as exc:
        left = "%s:%s" % (type(exc).__name__, str(exc).replace(" ", "_"))
    high = runner.rt.pool.high
    ran = runner.ran
    del runner
    gc.collect()
    print("end", left, high, gc.mem_free(), ran)


CODE = "messages caps store translate reclaim handles events single double convert bulk"


def main(buf):
    """The caller makes the pool before it imports this, while the heap is in one piece; the rest of the code comes next."""
    spec_child.STACK = STACK
    for name in CODE.split():
        gc.collect()  # what an import leaves behind would otherwise lie between the code of this and the next
        try:
            __import__("pitwasm." + name)
        except ImportError:
            if name not in ("single", "double", "convert"):  # part of loop.mpy on Cortex-M
                raise
    gc.collect()
    while True:
        line = sys.stdin.readline().strip()
        if line == "quit":
            return
        run(json.loads(line), buf)
