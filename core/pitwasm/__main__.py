# The command line: micropython -m pitwasm [OPTIONS] app.wasm [ARGS...]
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Status 0: ran; 1: did not load, or trapped (one line on stderr); 2: wrong usage. A program's own, when it has one (WASI).

import gc
import sys
import time

from micropython import const

from . import layout
from .application import parse
from .errors import Exit, PitwasmError, Trap
from .handles import exports
from .pool import get32
from .runtime import Runtime

_USAGE = (
    "usage: micropython -m pitwasm [--invoke NAME] [--modules DIR] [--uart PATH] [--dir HOST[::GUEST]] [--env NAME=VALUE]\n"
    "       [--pool BYTES] [--fuel N] [--bits] [--stats] app.wasm [ARGS...]"
)
_POOL = const(1 << 20)  # the pool when none is asked for, or what is there
_STACK = const(16)  # part of the pool that is stack: one in so many


class Usage(Exception):
    pass


def options(args):
    """({name: value}, what is left from the first word that is no option on)."""
    found: dict = {"--invoke": None, "--pool": None, "--fuel": None, "--bits": False, "--stats": False}
    for name in ("--dir", "--env", "--modules", "--uart"):
        found[name] = []
    i = 0
    while i < len(args) and args[i][:2] == "--":
        name, _, value = args[i].partition("=")
        i += 1
        if name not in found:
            raise Usage("unknown option %s" % name)
        if found[name] is False:
            if _:
                raise Usage("%s takes no value" % name)
            found[name] = True
            continue
        if not _:
            if i == len(args):
                raise Usage("%s needs a value" % name)
            value = args[i]
            i += 1
        if isinstance(found[name], list):
            if name == "--env" and value.find("=") < 1:
                raise Usage("--env: '%s' is not NAME=VALUE" % value)
            found[name].append(value)
        else:
            found[name] = value if name == "--invoke" else number(name, value)
    if i == len(args):
        raise Usage("no module given")
    return found, args[i:]


def number(name, text):
    """A count, also in K and M."""
    unit = {"K": 10, "M": 20}.get(text[-1:].upper(), 0)
    try:
        n = int(text[:-1] if unit else text, 0) << unit
        if n >= 0:
            return n
    except ValueError:
        pass
    raise Usage("%s: '%s' is not a number" % (name, text))


def show(bits, kind, raw):
    """A result as VALUE:TYPE."""
    if kind[0] == "i":
        size = int(kind[1:])
        text = str(bits - (1 << size) if bits >> size - 1 else bits)
    elif kind == "f32" or kind == "f64":
        if raw:
            text = "0x%08x" % bits if kind == "f32" else "0x%08x%08x" % (bits >> 32, bits & 0xFFFFFFFF)
        else:
            from .numbers import f32_str, f64_str

            text = (f32_str if kind == "f32" else f64_str)(bits)
    else:
        text = "%d" % bits if bits else "null"
    return text + ":" + kind


def make_pool(size):
    """A pool of that size, or (None) of what MicroPython's heap can spare."""
    if size is not None:
        return bytearray(size)
    gc.collect()
    size = min(_POOL, gc.mem_free() * 3 // 4)
    while True:
        try:
            return bytearray(size & -8)
        except MemoryError:
            size = size * 3 // 4
            if size < 1024:
                raise


def has(inst, name):
    """Is there an exported function of that name?"""
    found = inst._export(name)
    return found and found[0] == 0


def listing(inst):
    for name, kind, type in exports(inst.module):
        if kind == "func":
            type = "(%s) -> (%s)" % (type[0].replace(" ", ", "), type[1].replace(" ", ", "))
        elif not isinstance(type, str):
            type = " ".join([str(part) for part in type if part is not None])
        print("%s %s: %s" % (kind, name, type))


def run(opts, words):
    """Load, instantiate, call; prints the results. The exit status."""
    started = time.ticks_us()
    buf = make_pool(opts["--pool"])
    status = 0
    with Runtime(buf, stack=len(buf) // _STACK) as rt:
        name = words[0].split("/")[-1]
        lines = [open(path, "r+b") for path in opts["--uart"]]
        if lines or opts["--modules"]:
            rt.set_module_reader(reader(opts["--modules"], lines))
        try:
            with open(words[0], "rb") as file:
                module = rt.load(file, name[:-5] if name[-5:] == ".wasm" else name)
        finally:
            for line in lines:
                line.close()
        loaded = time.ticks_us()
        rt.fuel = opts["--fuel"]
        preopens = {}
        for value in opts["--dir"]:
            host, _, guest = value.partition("::")
            preopens[guest or host] = host
        rt.set_wasi_args(argv=[name] + words[1:], env=opts["--env"], preopens=preopens)
        try:
            call(rt, rt.instantiate(module), opts, words)
        except Exit as exc:
            status = exc.status & 0xFF
        if opts["--stats"]:
            stats(rt, module, time.ticks_diff(loaded, started), time.ticks_diff(time.ticks_us(), loaded), opts["--fuel"])
    return status


def reader(directories, lines):
    """Submodules come from these directories, else over these lines."""
    from .chain import Chain
    from .flash import FlashReader

    readers: list = [FlashReader(path) for path in directories]
    if lines:
        from .uart import UartReader

        readers += [UartReader(line) for line in lines]
    return Chain(*readers)


def call(rt, inst, opts, words):
    """Call the function that was asked for, or list what there is."""
    path = words[0]
    name = opts["--invoke"]
    if name is None and not has(inst, "_start"):
        if len(words) > 1:
            raise Usage("no --invoke, and %s has no _start: nothing to give arguments to" % path)
        listing(inst)
        return
    if name is not None and name[:1] != "$" and not has(inst, name):
        raise Usage("%s exports no function '%s'" % (path, name))
    f = rt.lookup_function(inst, name or "_start")
    params, results = [text.split() for text in f.type]
    args = words[1:]
    if name is None and not params:
        args = ()  # a command's arguments are for the program to ask for
    if len(args) != len(params):
        raise Usage("'%s' takes %d arguments (%s), %d given" % (name, len(params), " ".join(params), len(args)))
    for i, kind in enumerate(params):
        try:
            args[i] = parse(args[i], kind, opts["--bits"])
        except ValueError as exc:
            raise Usage(exc)
    for bits, kind in zip(f.call_bits(*args), results):
        print(show(bits, kind, opts["--bits"]))


def stats(rt, module, load, ran, fuel):
    code, words = [get32(rt.pool.buf, module._off + at) for at in (layout.M_CODEBYTES, layout.M_WORDS)]
    lines = (
        "pool: %d bytes, %d in use, %d at most" % (len(rt.pool.buf), rt.pool.used, rt.pool.high),
        "code: %d bytes of code words for %d bytes of WebAssembly" % (words, code),
        "time: %d.%03d ms to load, %d.%03d ms to run" % (load // 1000, load % 1000, ran // 1000, ran % 1000),
    )
    for line in lines:
        print(line, file=sys.stderr)
    if fuel is not None:
        print("fuel: %d of %d used" % (fuel - rt.fuel, fuel), file=sys.stderr)


def main(args):
    """The exit status."""
    try:
        opts, words = options(args)
        return run(opts, words)
    except Usage as exc:
        print("pitwasm: %s\n%s" % (exc, _USAGE), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except Trap as exc:
        text = str(exc)
        if exc.frames:
            text += ", at %s!%s+%d" % exc.frames[0]
    except PitwasmError as exc:
        text = str(exc)
    except MemoryError as exc:
        text = "MicroPython's heap is full: %s" % exc
    except OSError as exc:
        text = "cannot read %s: %s" % (words[0], exc)
    except ValueError as exc:  # a pool that is none
        text = str(exc)
    print("pitwasm: " + text.replace("\n", " "), file=sys.stderr)
    return 1


sys.exit(main(sys.argv[1:]))
