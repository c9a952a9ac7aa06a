# Runs commands of the official suite on the device side; driven by tools/spec.py, one JSON line for each file of commands
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Argument: bytes of pool. A job is a line on stdin: {"commands": path, "from": number, "mode": how to load, "multi_memory": bool}.
# Commands are JSON lists, one a line:
#   [n, "module", wasm, name]  [n, "define", wasm, name]  [n, "instance", definition, name]  [n, "register", as, name]
#   [n, "invalid" | "malformed" | "refused" (one of these) | "unlinkable" | "uninstantiable", wasm, text]
#   [n, "return", instance, field, arguments, expected]  [n, "trap", instance, field, arguments, text]
#   [n, "get", instance, field, expected]
# A value is its raw bits; expected may also be "c32" "c64" (canonical NaN), "a32" "a64" (arithmetic NaN), "any" (any reference
# but null) or a list of alternatives. Answers: "n" for a command that passed, "n why not" for one that failed, then
# "end <bytes the pool had in use more after everything was freed again> <high-water mark> <calls that machine code had a part in>".

import json
import sys
from io import BytesIO

import pitwasm
from pitwasm import LinkError, LoadError, PitwasmError, Trap, ValidationError

SCRATCH = 2 << 20  # bytes
STACK = 32 * 1024  # bytes of each instance
THRESHOLD = 2  # units of fuel that a function takes before "hot" makes machine code of it
RUNNING = 4 * 13  # in a tier's running state: the instance, which the way into machine code notes (layout.X_INST)
FULL = 1 << 32  # memory cap: full pages, even where __heap_base says that less will do


class Failed(Exception):
    pass


class Drip:
    """A stream that gives little at a time: 1, 2, 3 … 7 bytes."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.size = 0

    def readinto(self, buf):
        self.size = self.size % 7 + 1
        return self.file.readinto(memoryview(buf)[: self.size])

    def close(self):
        self.file.close()


def nan_ok(bits, kind):
    """Is it a NaN of that class? (WebAssembly 3.0, execution of floating-point operations: canonical NaNs may have either sign)"""
    quiet = 0x7FC00000 if kind[1:] == "32" else 0x7FF8000000000000
    mask = 0x7FFFFFFF if kind[1:] == "32" else 0x7FFFFFFFFFFFFFFF
    return bits & mask == quiet if kind[0] == "c" else bits & quiet == quiet


def matches(bits, expected):
    if isinstance(expected, int):
        return bits == expected
    if isinstance(expected, list):
        return any(matches(bits, one) for one in expected)
    return bits != 0 if expected == "any" else nan_ok(bits, expected)


def prepared(rt, path, native):
    """The prepared image of a module, as a stream; native: with machine code for this machine."""
    pool = rt.pool
    import pitwasm.prepare as prepare
    from pitwasm import decode
    from pitwasm.modules import unload

    with open(path, "rb") as f:
        module = decode.load(pool, f)
    stream = BytesIO()
    if native:
        from pitwasm import precompile
        from pitwasm.tier import MACHINE

        prepare.write_record(pool, module, stream, None, 0, MACHINE, precompile.native(rt, module, False))
    else:
        prepare.write_record(pool, module, stream)
    unload(pool, module)
    stream.seek(0)
    return stream


class Runner:
    def __init__(self, buf, mode, multi_memory=False):
        mode, _, native = mode.partition("+")
        self.coded = native == "image"  # images bring machine code
        how = None if self.coded else native or "never"
        self.rt = pitwasm.Runtime(
            buf, stack=STACK, multi_memory=multi_memory, native=how, native_budget=400_000, native_threshold=THRESHOLD
        )
        if self.coded:
            from pitwasm.tier import Tier

            self.rt._tier = Tier(self.rt, 400_000)  # now, so that what it takes does not look lost
        self.ran = 0  # calls that machine code had a part in
        self.mode = mode
        # Images are made in a pool of their own, by the loader, which is what says no to bad modules.
        self.scratch = pitwasm.Runtime(SCRATCH, multi_memory=multi_memory) if mode == "image" else None
        self.before = self.rt.pool.used
        self.opened = []  # (instance or None, module), oldest first
        self.nameless = None  # entry of `opened` that nothing can name once there is another module
        self.instances = {}  # name -> instance; None: the latest
        self.definitions = {}
        self.functions = {}
        module, instance = self.new("tests/device/spectest.wasm")
        self.rt.register_module("spectest", instance)

    def load(self, path):
        if self.mode == "image":
            source = prepared(self.scratch, path, self.coded)
        elif self.mode == "stream":
            source = open(path, "rb")
        elif self.mode == "drip":
            source = Drip(path)
        else:
            with open(path, "rb") as f:
                source = f.read()
        try:
            return self.rt.load(source, lazy=self.mode == "lazy")
        finally:
            if hasattr(source, "close"):
                source.close()

    def new(self, path):
        module = self.load(path)
        try:
            instance = self.rt.instantiate(module, memory_cap=FULL)
        except Exception:
            self.opened.append((None, module))
            raise
        self.opened.append((instance, module))
        return module, instance

    def close(self):
        """Free everything, oldest first (what importers still hold goes with the last of them)."""
        self.instances = self.functions = None
        for instance, _ in self.opened:
            if instance is not None:
                self.rt.deinstantiate(instance)
        for _, module in self.opened:
            self.rt.unload(module)
        left = self.rt.pool.used - self.before
        self.rt.destroy()
        return left

    def instance(self, name):
        if name not in self.instances:
            raise Failed("no instance %s" % name)
        return self.instances[name]

    def call(self, name, field, args):
        key = (name, field)
        if key not in self.functions:
            self.functions[key] = self.instance(name).exports[field]
        return self.counted(self.functions[key], args)

    def counted(self, f, args):
        rt = self.rt
        if not rt._tier:
            return f.call_bits(*args)
        from pitwasm.pool import get32, put32

        put32(rt.pool.buf, rt._tier._state + RUNNING, 0)
        try:
            return f.call_bits(*args)
        finally:
            self.ran += get32(rt.pool.buf, rt._tier._state + RUNNING) != 0

    def do_module(self, path, name):
        self.instances.pop(None, None)
        if name is not None:
            self.instances.pop(name, None)
        self.functions = {}
        self.forget()
        module, instance = self.new(path)
        if name is None:
            self.nameless = self.opened[-1]
        self.instances[None] = instance
        if name is not None:
            self.instances[name] = instance

    def forget(self):
        """Free the module before, when it has neither name nor registration; what others have of it must live on."""
        if self.nameless is not None:
            instance, module = self.nameless
            self.opened.remove(self.nameless)
            self.nameless = None
            self.rt.deinstantiate(instance)
            self.rt.unload(module)

    def do_define(self, path, name):
        try:
            module = self.load(path)
        except LinkError:
            return  # a valid module, whose imports have to be there for an instance only
        self.opened.append((None, module))
        self.definitions[name] = module

    def do_instance(self, definition, name):
        instance = self.rt.instantiate(self.definitions[definition], memory_cap=FULL)
        self.opened.insert(0, (instance, None))
        self.functions = {}
        self.instances[None] = self.instances[name] = instance

    def do_register(self, alias, name):
        self.rt.register_module(alias, self.instance(name))
        self.nameless = None

    def do_return(self, name, field, args, expected):
        self.check(self.call(name, field, args), expected)

    def do_get(self, name, field, expected):
        self.check((self.instance(name).exports[field].bits,), expected)

    def check(self, results, expected):
        if expected is None:
            return
        if len(results) != len(expected) or not all(matches(*pair) for pair in zip(results, expected)):
            raise Failed("expected %s, got %s" % (show(expected), show(results)))

    def do_trap(self, name, field, args, text):
        results = self.rejected((Trap,), text, self.call, name, field, args)
        if results is not None:
            raise Failed("expected trap '%s', got %s" % (text, show(results)))

    def do_invalid(self, path, text):
        self.not_loaded((ValidationError,), path, text)

    def do_refused(self, path, text):
        self.not_loaded((ValidationError, LoadError), path, text)

    def do_malformed(self, path, text):
        self.not_loaded((LoadError,), path, text)

    def not_loaded(self, error, path, text):
        used = self.rt.pool.used
        module = self.rejected(error, None, self.load, path)
        if module is not None:
            self.rt.unload(module)
            raise Failed("was loaded, expected '%s'" % text)
        if self.rt.pool.used != used:
            raise Failed("was refused, but %d bytes of the pool stay in use" % (self.rt.pool.used - used))

    def do_unlinkable(self, path, text):
        used = self.rt.pool.used
        opened = len(self.opened)
        if self.rejected((LinkError,), None, self.new, path) is not None:
            raise Failed("was instantiated, expected '%s'" % text)
        if len(self.opened) > opened:
            self.rt.unload(self.opened.pop()[1])
        if self.rt.pool.used != used:
            raise Failed("was refused, but %d bytes of the pool stay in use" % (self.rt.pool.used - used))

    def do_uninstantiable(self, path, text):
        if self.rejected((Trap,), text, self.new, path) is not None:
            raise Failed("was instantiated, expected trap '%s'" % text)

    def rejected(self, error, text, f, *args):
        """Call f: None when it raised exactly one of those errors (one text being the other's beginning), else what it returned."""
        try:
            result = f(*args)
        except PitwasmError as exc:
            if type(exc) not in error:
                raise Failed("expected %s, got %s: %s" % (error[0].__name__, type(exc).__name__, exc))
            # The suite says "uninitialized element 2" once and "uninitialized element" elsewhere; ours may say more at the end.
            if text is not None and not (exc.text.startswith(text) or text.startswith(exc.text)):
                raise Failed("expected '%s', got '%s'" % (text, exc.text))
            return None
        return result


def show(values):
    return "(" + ", ".join(hex(value) if isinstance(value, int) else str(value) for value in values) + ")"


def run(path, first, mode, buf, multi_memory):
    runner = Runner(buf, mode, multi_memory)
    with open(path) as f:
        for line in f:
            command = json.loads(line)
            if command[0] < first:
                continue
            try:
                getattr(runner, "do_" + command[1])(*command[2:])
                print(command[0])
            except Failed as exc:
                print(command[0], str(exc).replace("\n", " "))
            except Exception as exc:
                print(command[0], "%s: %s" % (type(exc).__name__, str(exc).replace("\n", " ")))
    try:
        left = runner.close()
    except Exception as exc:
        left = "%s:%s" % (type(exc).__name__, str(exc).replace(" ", "_"))
    print("end", left, runner.rt.pool.high, runner.ran)


def main():
    buf = bytearray(int(sys.argv[1]))
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        job = json.loads(line)
        run(job["commands"], job["from"], job["mode"], buf, job["multi_memory"])


if __name__ == "__main__":  # tests/device/board_child.py imports the rest
    main()
