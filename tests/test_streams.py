# Loading from streams of every temper, without memory, and from damaged bytes: typed errors, and nothing leaks
# MIT license; Copyright (c) 2026 the pitwasm authors

import ast
import json
from pathlib import Path

from tests.binary import DEVICE, EVERYTHING, HEAD, MEMORY, L, run, s, u
from tools import suite
from tools.mp import MicroPython


def test_every_allocation_may_fail(mp: MicroPython) -> None:
    run(
        mp,
        f"""
data = bytes.fromhex({EVERYTHING.hex()!r})
pool = Pool(8192)
for lazy in (False, True):
    n = 0
    while True:
        n += 1
        pool.fail_at = n
        found = outcome(pool, data, lazy=lazy, names=True)
        check(pool)
        if not found:
            break
        assert found[0] == "PoolExhausted"
    assert 20 < n < 60 and pool.fail_at, n
# And for want of room, down to the smallest pool that it fits into.
fits = [size for size in range(256, 4096, 8) if not outcome(Pool(size), data)]
assert fits == list(range(fits[0], 4096, 8)) and fits[0] < 2700, fits[0]
""",
    )


def test_streams(mp: MicroPython) -> None:
    """However the bytes come, the pool ends up the same, and no more is asked for than the module has (and whether it ends)."""
    run(
        mp,
        f"""
import io
data = bytes.fromhex({EVERYTHING.hex()!r})
def image(source):
    pool = Pool(8192)
    decode.load(pool, source, "x")
    return bytes(pool.buf[:12]) + bytes(pool.buf[HEADER:])
want = image(data)
assert image(bytearray(data)) == image(memoryview(data)) == image(memoryview(b"?" + data)[1:]) == image(io.BytesIO(data)) == want
for chunk, idle in ((1, 0), (2, 0), (3, 0), (7, 0), (24, 0), (25, 1), (100, 3), (1000, 9)):
    stream = Stream(data, chunk, idle)
    assert image(stream) == want
    assert stream.at == len(data) and stream.asked == len(data) + 1
""",
    )


def test_streams_that_fail(mp: MicroPython) -> None:
    run(
        mp,
        f"""
import time
data = bytes.fromhex({EVERYTHING.hex()!r})
pool = Pool(8192)
for at in range(0, len(data), 5):
    found = outcome(pool, Stream(data, 50, 0, at))
    assert found[0] == "LoadError" and found[1].startswith("source failed: OSError(5,)"), found
    assert at <= found[4] + 300
try:
    decode.load(pool, Stream(data, 1, 0, 9), "m")
except PitwasmError as exc:
    assert isinstance(exc.__cause__, OSError)

class Odd:
    def __init__(self, result):
        self.result = result
    def readinto(self, view):
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result
for result in (-1, 5, 1 << 40, "4", b"", 1.5):
    found = outcome(pool, Odd(result))
    assert found[:2] == ["LoadError", "source failed: readinto() gave %r" % (result,)], found
started = time.ticks_ms()
assert outcome(pool, Odd(None))[:2] == ["LoadError", "source failed: no data for 1000 ms"]
assert 900 < time.ticks_diff(time.ticks_ms(), started) < 5000
for error in (ValueError("x"), KeyboardInterrupt(), MemoryError()):
    try:
        decode.load(pool, Odd(error), "m")
        assert False
    except BaseException as exc:
        assert exc is error and pool.used == 0
for bad in (None, 5, object(), open):
    try:
        decode.load(pool, bad)
        assert False
    except TypeError:
        assert pool.used == 0
try:
    decode.load(pool, Stream(data), "m", True)
    assert False
except TypeError:
    assert pool.used == 0
""",
    )


def test_a_stream_is_never_held(mp: MicroPython) -> None:
    """Long custom sections and segments go past, or straight to where they belong: the pool needs little besides them."""
    custom = b"\0" + u(100006) + s("large")
    data = b"\x0b" + u(5007) + b"\1\0\x41\0\x0b" + u(5000)
    run(
        mp,
        f"""
class Long:
    # head, custom section of 100,000 bytes, memory, a segment of 5,000 bytes
    parts = [{HEAD!r}, {custom!r}, 100000, {MEMORY + data!r}, 5000]
    def __init__(self):
        self.left = list(self.parts)
    def readinto(self, view):
        if not self.left:
            return 0
        part = self.left.pop(0)
        size = part if isinstance(part, int) else len(part)
        n = min(len(view), size)
        if isinstance(part, int):
            view[:n] = b"#" * n
            rest = part - n
        else:
            view[:n] = part[:n]
            rest = part[n:]
        if size > n:
            self.left.insert(0, rest)
        return n
import gc
pool = Pool(6144)
gc.collect()
before = gc.mem_alloc()
mod = decode.load(pool, Long())
gc.collect()
assert gc.mem_alloc() - before < 500
assert pool.used < 5000 + 400 and pool.high < 5000 + 1000
seg = cell(pool, cell(pool, mod + {L["M_DATAS"]}))
assert bytes(pool.buf[seg + {L["DS_BYTES"]} : seg + {L["DS_BYTES"]} + 5000]) == b"#" * 5000
""",
    )


def test_a_source_may_use_the_loader(mp: MicroPython) -> None:
    run(
        mp,
        f"""
data = bytes.fromhex({EVERYTHING.hex()!r})
inner = []
class Nested(Stream):
    def readinto(self, view):
        if self.reads % 37 == 5 and len(inner) < 5:
            inner.append(decode.load(pool, data, "inner"))
        return super().readinto(view)
pool = Pool(65536)
outer = decode.load(pool, Nested(data), "outer")
assert len(inner) == 5 and cell(pool, {L["P_T"]}) == 0
for mod in inner + [outer]:
    unload(pool, mod)
assert pool.used == 0
""",
    )


# ---- damage ----------------------------------------------------------------------------------------------------------------


def test_prefixes_and_mutations(mp: MicroPython, tmp_path: Path) -> None:
    """Every prefix of three modules, 200 mutations of each of these and 50 more: a typed error or a module, nothing leaks."""
    everything = tmp_path / "everything.wasm"
    everything.write_bytes(EVERYTHING)
    names = []
    for spec in suite.files(["core10", "core20"]):
        commands = json.loads(spec.path.read_text())["commands"]
        found = [spec.path.parent / c["filename"] for c in commands if c["type"] == "module" and c.get("module_type") != "text"]
        names += [path for path in found if 40 < path.stat().st_size < 12000]
    names = names[:: max(1, len(names) // 50)]
    large = sorted(names, key=lambda path: path.stat().st_size)[-12:-10]
    done = mp.run([DEVICE / "loading.py", "1", "200", everything, *large, *names], paths=[DEVICE], timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    tally = dict(ast.literal_eval(done.stdout))
    assert sum(tally.values()) == 200 * (3 + len(names)) and min(tally["LoadError"], tally["ValidationError"], tally["loaded"]) > 100, tally
