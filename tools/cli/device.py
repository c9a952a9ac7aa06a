# The programs that the command line runs on the board, as text. They are compiled there, so they are short
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# Byte 6 asks for the next piece of what is being sent: four digits, how many bytes follow, and these. Byte 30 begins a line that is
# a note for the command line: a Python literal. What is kept from one program to the next is in the global _p.

# The board, its firmware and its heap.
PROBE = """
import sys, gc
gc.collect()
i = sys.implementation
print(repr((i[0], tuple(i[1])[:3], getattr(i, "_mpy", 0), sys.platform, getattr(i, "_machine", ""), list(sys.path), gc.mem_free())))
"""

# (bytes of a block, blocks free) where PATH is, or will be.
FREE = """
import os
p = PATH
while True:
    try:
        s = os.statvfs(p or ".")
        print(repr((s[1] or s[0], s[3])))
        break
    except OSError:
        if not p:
            raise
        p = p.rpartition("/")[0] or ("/" if p[:1] == "/" and p != "/" else "")
"""

# The files of a folder: [(name, size, SHA-256 or "")]; [] when there is none. DIGEST: work that out, too.
LIST = """
import os
from binascii import hexlify
def _digest(path):
    try:
        from hashlib import sha256
    except ImportError:
        return ""
    h = sha256()
    b = bytearray(512)
    v = memoryview(b)
    with open(path, "rb") as f:
        while True:
            n = f.readinto(b)
            if not n:
                return hexlify(h.digest()).decode()
            h.update(v[:n])
def _list(folder, digest):
    try:
        names = sorted(os.listdir(folder or "."))
    except OSError:
        return
    for name in names:
        path = folder + "/" + name if folder else name
        s = os.stat(path)
        if not s[0] & 0x4000:
            print("\\x1e" + repr((name, s[6], _digest(path) if digest else "")))
_list(FOLDER, DIGEST)
"""

# Receives files: "size sha256 path", then the contents in base64, in pieces; an empty piece ends it. A file is written beside its
# place, read back and compared, and only then takes its name.
RECEIVE = """
import os, sys
from binascii import a2b_base64, hexlify
_in = sys.stdin.buffer.read
def _ask():
    sys.stdout.write("\\x06")
    return _in(int(_in(4)))
def _check(path, digest):
    try:
        from hashlib import sha256
    except ImportError:
        return
    h = sha256()
    b = bytearray(512)
    v = memoryview(b)
    with open(path, "rb") as f:
        while True:
            n = f.readinto(b)
            if not n:
                break
            h.update(v[:n])
    if hexlify(h.digest()).decode() != digest:
        raise ValueError("SHA-256 differs")
def _put(n, digest, path):
    for i in range(1, len(path)):
        if path[i] == "/":
            try:
                os.mkdir(path[:i])
            except OSError:
                pass
    part = path + "~"
    try:
        with open(part, "wb") as f:
            while n > 0:
                data = a2b_base64(_ask())
                if not data or f.write(data) != len(data):
                    raise OSError(28)
                n -= len(data)
        _check(part, digest)
        os.rename(part, path)
    except:
        try:
            os.remove(part)
        except OSError:
            pass
        raise
def _receive():
    while True:
        line = _ask().decode()
        if not line:
            return
        n, digest, path = line.split(" ", 2)
        _put(int(n), digest, path)
_receive()
"""

REMOVE = """
import os
os.remove(PATH)
"""

# Errors become notes: with what their class and text do not tell, and as text that no "\\x04" can break.
PRELUDE = """
import gc, sys
from binascii import a2b_base64
_p = {}
def _note(v):
    print("\\x1e" + repr(v))
def _guard(f, *args):
    try:
        return f(*args)
    except Exception as e:
        gc.collect()
        d = {"heap": gc.mem_free()}
        for name in ("status", "asked", "free", "largest"):
            if hasattr(e, name):
                d[name] = getattr(e, name)
        if "pool" in _p:
            d["pool"] = len(_p["pool"])
        _note(("error", type(e).__name__, str(e), list(getattr(e, "frames", ())), d))
class _Line:  # a stream that comes over the line of the REPL; an empty piece ends it
    left = b""
    def readinto(self, b):
        if not self.left:
            sys.stdout.write("\\x06")
            self.left = a2b_base64(sys.stdin.buffer.read(int(sys.stdin.buffer.read(4))))
        n = min(len(b), len(self.left))
        b[:n] = self.left[:n]
        self.left = self.left[n:]
        return n
"""

# A runtime in _p["rt"], with its natives granted. POOL: bytes or None; STACK; FUEL; FOLDER: of submodules; GRANTS: see grants.py.
RUNTIME = """
def _pool(n):
    import pitwasm
    stock = getattr(pitwasm, "__file__", "")[-4:] == ".mpy"
    gc.collect()
    size = n or max(16384, min(1 << 20, gc.mem_free() - (155000 if stock else 60000)))
    while True:
        try:
            return bytearray(size & -8)
        except MemoryError:
            if n or size < 8192:
                raise
            size = size * 3 // 4
def _start():
    _p["pool"] = pool = _pool(POOL)
    from pitwasm import Runtime
    rt = _p["rt"] = Runtime(pool, stack=STACK or max(1024, min(len(pool) // 16, 65536)))
    if GRANTS:
        from pitwasm.peripherals import grant
        grant(rt, **_grants())
    rt.fuel = FUEL
    from pitwasm.flash import FlashReader
    rt.set_module_reader(FlashReader(FOLDER))
def _grants():
    return eval(GRANTS, {"machine": __import__("machine")} if "machine" in GRANTS else {})
def _load(name, path):
    import time
    rt = _p["rt"]
    t = time.ticks_us()
    if path:
        with open(path, "rb") as file:
            _p["module"] = rt.load(file, name)
    else:
        _p["module"] = rt.load(_Line(), name)
    _p["load"] = time.ticks_diff(time.ticks_us(), t)
def _instance(cap, argv=None, dirs=(), env=()):
    rt = _p["rt"]
    if argv:
        rt.set_wasi_args(_p["module"], argv=argv, mapped_dirs=dirs, env=env, stdin=_Line())
    _p["inst"] = rt.instantiate(_p["module"], memory_cap=cap)
def _exports():
    for entry in _p["module"].exports:
        _note(("export",) + tuple(entry))
"""

CALL = """
def _call(name, args):
    try:
        _p["result"] = _p["rt"].lookup_function(_p["inst"], name).call_bits(*args)
        _note(("result", list(_p["result"])))
    finally:
        if _p["rt"].fuel is not None:
            _note(("fuel", _p["rt"].fuel))
def _type(name):
    _note(("type",) + tuple(_p["rt"].lookup_function(_p["inst"], name).type))
"""

# Calls until it took MS milliseconds: calls, microseconds, results.
TIME = """
def _time(name, args, ms):
    import time
    f = _p["rt"].lookup_function(_p["inst"], name)
    n = 1
    while True:
        gc.collect()
        t = time.ticks_us()
        for _ in range(n):
            r = f.call_bits(*args)
        d = time.ticks_diff(time.ticks_us(), t)
        if d >= ms * 1000 or n >= 1 << 16:
            break
        n *= max(2, min(ms * 1000 // (d + 1) + 1, 64))
    _note(("time", n, d, list(r)))
"""

# The pools that can be reached from the globals of the program and of the modules it imported: ("pool", where), then lines.
MAPS = """
def _pools(found, v, where, deep):
    kind = type(v).__name__
    if kind == "Runtime":
        v = v.pool
        kind = "Pool"
    if kind == "Pool" and hasattr(v, "blocks"):
        if not any(v is pool for pool, _ in found):
            found.append((v, where))
    elif deep and not isinstance(v, (int, str, bytes, bytearray, tuple)):
        inside = v.items() if isinstance(v, dict) else enumerate(v) if isinstance(v, list) else getattr(v, "__dict__", {}).items()
        for name, part in list(inside):
            if name not in ("_p", "found"):
                _pools(found, part, "%s.%s" % (where, name), deep - 1)
def _maps():
    found = []
    if "rt" in _p:
        found.append((_p["rt"].pool, "the module"))
    else:
        for name, v in list(globals().items()):
            if name[:2] != "__" and name != "_p":
                _pools(found, v, name, 2)
        for name, v in list(sys.modules.items()):
            if name.split(".")[0] not in ("pitwasm", "__main__"):
                _pools(found, getattr(v, "__dict__", {}), name, 2)
    for pool, where in found:
        from pitwasm import poolmap
        _note(("pool", where))
        for line in poolmap.lines(pool):
            _note(line)
"""


def program(text: str, **values: object) -> str:
    """A program with its capitals given values."""
    return "".join(f"{name} = {value!r}\n" for name, value in values.items()) + text.lstrip("\n")
