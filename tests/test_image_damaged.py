# Prepared images: what is damaged, foreign or hostile is refused and harms nothing
# MIT license; Copyright (c) 2026 the pitwasm authors

import hashlib

from tests.binary import L
from tests.images import ALL, OTHER, PREPARE
from tests.wat import assemble

# good() says that what was loaded before works, and that nothing else is in the pool.
GOOD = """
host(rt)
keep = new("other")
keep.exports.same(3)
used = rt.pool.used
def good():
    return keep.exports.same(3) == 3 and rt.pool.used == used and rt.pool.largest()[1] > %d
"""


def test_cut_anywhere(run, images) -> None:
    images(all=ALL, other=OTHER)
    out = run(
        PREPARE
        + GOOD % 150_000
        + """
data = made("all")
kinds = {}
for n in range(len(data)):
    for source in (data[:n], BytesIO(data[:n])):
        try:
            rt.load(source, "cut")
            kind = "loaded"
        except LoadError as exc:
            kind = exc.text[:14]
        kinds[kind] = kinds.get(kind, 0) + 1
    assert good(), n
print(sorted(kinds), len(data))
for source in (data + b"x", BytesIO(data + b"x")):
    print(error(rt.load, source, "long"))
"""
    )
    assert out[0].startswith("['damaged image:', 'unexpected end'") and "loaded" not in out[0]
    assert [line.partition(" it ")[0] for line in out[1:]] == ["LoadError: long: damaged image:"] * 2


def test_any_bit_flipped(run, images) -> None:
    """Bits of the digests, too: the checksum covers them. Without its magic it is no WebAssembly either."""
    images(all=ALL, other=OTHER)
    out = run(
        PREPARE
        + GOOD % 150_000
        + """
data = bytearray(made("all"))
texts = {}
for n in range(8 * len(data)):
    data[n >> 3] ^= 1 << (n & 7)
    try:
        rt.load(data, "bad")
        print("loaded", n)
    except LoadError as exc:
        text = exc.text.partition(":")[0]
        texts[text] = texts.get(text, 0) + 1
    data[n >> 3] ^= 1 << (n & 7)
    if n % 64 == 0:
        assert good(), n
print(good(), "|".join(sorted(texts)))
print(rt.load(data, "good").name)
"""
    )
    assert out[-1] == "good" and out[-2].startswith("True ") and "damaged image" in out[-2] and not out[:-2]


def test_other_versions(run, images) -> None:
    """Refused with a sentence that says what to do."""
    images(one=OTHER)
    out = run(
        PREPARE
        + """
for field, value in ((%(IH_FORMAT)d, 2), (%(IH_CODE)d, 1), (%(IH_MACHINE)d, 4), (%(IH_NATIVE)d, 8)):
    data = bytearray(made("one"))
    data[field : field + 4] = bytes((value, 0, 0, 0))
    print(error(rt.load, sealed(data), "old"))
    print(error(prepare.verify, sealed(data)))
"""
        % L
    )
    again = "make it again from the .wasm: python -m tools.aot"
    texts = [
        f"the image has format 2, this pitwasm loads format 1; {again}",
        f"the image was made by another version of pitwasm, with other code words; {again}",
        *["damaged image: its header makes no sense"] * 2,  # a machine without code, code without a machine
    ]
    assert out == [line for text in texts for line in (f"LoadError: old: {text}", f"LoadError: {text}")]


def test_digests(run, images) -> None:
    """verify() reads an image through; its SHA-256 is not reckoned at each load, a pin of the file's is."""
    folder = images(one=OTHER)
    pin = hashlib.sha256((folder / "one.pwi").read_bytes()).hexdigest()
    wasm = (folder / "one.wasm").read_bytes()
    out = run(
        PREPARE
        + """
from binascii import hexlify
from pitwasm import FlashReader
data = made("one")
for source in (data, BytesIO(data), open("one.pwi", "rb")):
    digest, wasm, size = prepare.verify(source)
print(digest == data[%(IH_DIGEST)d:%(IH_SUM)d], hexlify(wasm).decode(), size)
for at in (%(IH_SOURCE)d, %(IH_DIGEST)d, len(data) - 5):
    bad = bytearray(data)
    bad[at] ^= 1
    print(error(prepare.verify, bad), "|", error(prepare.verify, BytesIO(sealed(bad))))
print(error(prepare.verify, data[:-4]), "|", error(prepare.verify, BytesIO(data[:-4])), "|", error(prepare.verify, BytesIO(data + b"x")))
print(error(prepare.verify, open("one.wasm", "rb")))
rt.set_module_reader(FlashReader("", ".pwi", pins={"one": PIN}))
print(rt.load(b"\\0asm\\1\\0\\0\\0" + IMPORTER, "main").name)
rt.set_module_reader(FlashReader("", ".pwi", pins={"one": "00"}))
rt.destroy()
rt = pitwasm.Runtime(100000)
rt.set_module_reader(FlashReader("", ".pwi", pins={"one": "00"}))
print(error(rt.load, b"\\0asm\\1\\0\\0\\0" + IMPORTER, "main"))
""".replace("PIN}", repr(pin) + "}").replace("IMPORTER", repr(assemble('(import "one" "limit" (global i32))')[8:]))
        % L
    )
    sums, digests = "LoadError: damaged image: its checksum is not right", "LoadError: damaged image: its SHA-256 is not right"
    assert out[0] == f"True {hashlib.sha256(wasm).hexdigest()} {len(wasm)}"
    assert out[1:4] == [f"{sums} | {digests}"] * 3
    assert out[4].startswith("LoadError: damaged image: it has ")
    assert out[4].endswith("| LoadError: unexpected end | LoadError: damaged image: it goes on behind its end")
    assert out[5:7] == ["LoadError: no prepared image", "main"]
    assert out[7].startswith("LoadError: one: its SHA-256 is not pinned")


# Cells that no checksum keeps a forger from; code words and the slots of types are beyond any check: he is trusted as firmware is.
HOSTILE = """
import struct
values = (0, 1, 2, 3, 7, 8, 9, 16, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFF, 0x8000000, 0x3FFFFFFF, 0x40000000, 0x7FFFFFF8,
          0x7FFFFFFF, 0x80000000, 0x80000001, 0xC0000000, 0xFFFFFFF0, 0xFFFFFFF8, 0xFFFFFFFF)
data = bytearray(made("all"))
counts = [0, 0, 0, 0]
def attempt():
    module = i = None
    try:
        module = rt.load(sealed(data), "bad")
        list(module.imports), list(module.exports)
        i = rt.instantiate(module, memory_cap=4096)
        counts[0] += 1
    except (LoadError, ValidationError):
        counts[1] += 1
    except (LinkError, Trap):
        counts[2] += 1
    except (PoolExhausted, UnicodeError):
        counts[3] += 1
    if i:
        rt.deinstantiate(i)
    if module:
        rt.unload(module)
    assert good()
def blocks():
    "Where each block's content begins, its size, its kind. The first has no head: it is the module, kind 1."
    at = %(IMAGE)d
    size = %(M_SIZE)d + 7 & -8
    kind = 1
    while True:
        yield at, size, kind
        at += size + 8
        if at >= len(data):
            return
        size = struct.unpack_from("<I", data, at - 8)[0] - 8
        kind = data[at - 4]
""" % L


def attempts(run, images, script: str) -> tuple[int, int]:
    """How many of the images that the script changes were loaded, and how many refused."""
    images(all=ALL.replace("(start $s)", ""), other=OTHER)
    out = run(PREPARE + GOOD % 150_000 + HOSTILE + script + "print(counts)\n", pool=220_000)
    loaded, refused, _, _ = eval(out[-1])
    return loaded, refused


def test_hostile_cells(run, images) -> None:
    """Each cell but the code words', with each of these values."""
    loaded, refused = attempts(
        run,
        images,
        """
for at, size, kind in blocks():
    for cell in range(at if kind == 1 else at - 8, at + size, 4) if kind != 9 else (at - 8, at - 4):
        old = data[cell : cell + 4]
        now = struct.unpack("<I", old)[0]
        for value in values + (now + 1, now + 4, now + 8, now - 1, now - 4, now - 8, now ^ 0x80000000, now << 8, now << 16):
            data[cell : cell + 4] = struct.pack("<I", value & 0xFFFFFFFF)
            attempt()
        data[cell : cell + 4] = old
""",
    )
    assert loaded > 300 and refused > 3000


def test_hostile_bytes(run, images) -> None:
    """20,000 random changes, of one to four bytes, of all but the code words."""
    loaded, refused = attempts(
        run,
        images,
        """
state = 2026
def below(n):
    global state
    state = (state * 1103515245 + 12345) & 0x7FFFFFFF
    return (state >> 8) % n
places = []
for at, size, kind in blocks():
    if kind != 9:
        places.extend(range(at, at + size))
good_data = bytes(data)
for n in range(20000):
    for _ in range(1 + below(4)):
        data[places[below(len(places))]] = (0, 1, 0x7F, 0x80, 0xFF, below(256))[below(6)]
    attempt()
    data[:] = good_data
""",
    )
    assert loaded > 1000 and refused > 5000


def test_no_room(run, images) -> None:
    """Whichever allocation fails, and whatever the pool's size: PoolExhausted, and the pool as before."""
    images(all=ALL, other=OTHER)
    out = run(
        PREPARE
        + GOOD % 10
        + """
n = 0
while True:
    n += 1
    rt.pool.fail_at = n
    try:
        m = rt.load(made("all"), "all")
        break
    except PoolExhausted:
        assert good(), n
rt.pool.fail_at = 0
rt.unload(m)
print(n, good())
data = made("other")
sizes = {}
for size in range(256, 1400, 8):
    small = pitwasm.Runtime(size)
    before = small.pool.used
    try:
        small.load(data, "other")
        sizes[size] = True
    except PoolExhausted:
        assert small.pool.used == before and small.pool.largest()[1] == small.pool.free_bytes - 8
print(min(sizes) - len(data) < 200, len(sizes) == (1400 - min(sizes)) // 8)
"""
    )
    assert out[0].endswith(" True") and int(out[0].split()[0]) >= 2
    assert out[1] == "True True"


def test_stream_that_fails(run, images) -> None:
    images(one=OTHER)
    out = run(
        PREPARE
        + """
class Broken:
    def __init__(self, n):
        self.f = open("one.pwi", "rb"); self.left = n
    def readinto(self, view):
        if not self.left:
            raise OSError(5)
        n = self.f.readinto(view[: self.left])
        self.left -= n
        return n
class Nested:
    def __init__(self):
        self.f = open("one.pwi", "rb")
    def readinto(self, view):
        inner = pitwasm.decode.load(rt.pool, open("one.wasm", "rb"))
        n = self.f.readinto(view)
        pitwasm.modules.unload(rt.pool, inner)
        return n
zero = rt.pool.used
for n in (0, 3, 4, 99, 100, 150, 300):
    print(error(rt.load, Broken(n), "one"), rt.pool.used == zero)
m = rt.load(Nested(), "nested")
print(rt.instantiate(m).exports.same(4))
print(error(rt.load, 5, "five"), rt.pool.used > zero)
"""
    )
    assert [line.partition(" (at")[0].replace(" True", "") for line in out[:7]] == ["LoadError: one: source failed: OSError(5,)"] * 7
    assert all(line.endswith(" True") for line in out[:7])
    assert out[7:] == ["4", "TypeError: a module's source is bytes-like or has readinto() True"]
