# The loader: what it makes of modules, what it refuses and how it says so
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# The official suite's malformed and invalid modules are in test_spec.py; here are places, texts and records.

import ast
from functools import cache

import pytest

from tests.binary import (
    EVERYTHING,
    EXTERN,
    F32,
    F64,
    FUNC,
    HEAD,
    I32,
    I64,
    MEMORY,
    NOTHING,
    ONE,
    L,
    code,
    exports,
    i32,
    run,
    s,
    section,
    types,
    u,
    vec,
)  # fmt: skip
from tools import suite
from tools.mp import MicroPython

# ---- what is refused -------------------------------------------------------------------------------------------------------

# name: sections behind the head (or a whole file), error, text, function, offset
REFUSED: dict[str, tuple[bytes, str, str, int | None, int]] = {}


def refused(name: str, data: bytes, text: str, offset: int, error: str = "LoadError", function: int | None = None) -> None:
    REFUSED[name] = (data, error, text, function, offset)


def invalid(name: str, data: bytes, text: str, offset: int, function: int | None = None) -> None:
    refused(name, data, text, offset, "ValidationError", function)


refused("nothing", b"!", "unexpected end", 0)
refused("magic cut", b"!\0as", "unexpected end", 3)
refused("magic", b"!\0asn", "magic header not detected", 4)
refused("version cut", b"!\0asm\1\0\0", "unexpected end", 7)
refused("version", b"!\0asm\2\0\0\0", "unknown binary version", 8)
refused("section id", b"\x0e\0", "malformed section id", 10)
refused("section without size", b"\1", "unexpected end", 9)
refused("section size cut", b"\1\x80", "unexpected end", 9)
refused("section size long", b"\1\x80\x80\x80\x80\x80\0", "integer representation too long", 9)
refused("section size large", b"\1\x80\x80\x80\x80\x10", "integer too large", 9)
refused("section order", MEMORY + NOTHING, "unexpected content after last section in the type section", 15)
refused("section twice", NOTHING + NOTHING, "unexpected content after last section in the type section", 16)
refused("data count behind code", section(10, b"\0") + section(12, b"\0"), "unexpected content after last section", 13)
refused("section too long", section(1, b"\0\0"), "section size mismatch in the type section", 11)
refused("section too short", section(1, b"\1\x60\0"), "unexpected end of section or function in the type section", 13)
refused("custom section", section(0, b"\2\xc3\x28"), "malformed UTF-8 encoding in the custom section", 13)
refused("custom section name", section(0, b"\3ab"), "length out of bounds in the custom section", 11)
invalid("exceptions", section(13, b"\0"), "exceptions are not supported in the tag section", 10)
refused("type form", section(1, b"\1\x5f\0\0"), "malformed definition type in the type section", 12)
refused("value type", types((b"\x60", b"")), "malformed value type in the type section", 15)
invalid("value type of 3.0", types((b"\x7b", b"")), "value type 7b is not supported in the type section", 15)
refused("import kind", section(2, b"\1\0\0\4\0"), "malformed import kind in the import section", 14)
invalid("import type", NOTHING + section(2, b"\1\0\0\0\1"), "unknown type 1 in the import section", 21)
refused("import name", section(2, b"\1\0\2\xed\xa0\0\0"), "malformed UTF-8 encoding in the import section", 15)
invalid("function type", section(3, b"\1\0"), "unknown type 0 in the function section", 12)
refused("function without body", ONE, "function and code section have inconsistent lengths", 18)
refused("body without function", code(b""), "function and code section have inconsistent lengths in the code section", 11)
refused("table type", section(4, b"\1\x7f\0\0"), "malformed reference type in the table section", 12)
refused("limits", section(4, b"\1\x70\4\0"), "malformed limits flags in the table section", 13)
invalid("limits order", section(4, b"\1\x70\1\2\1"), "size minimum must not be greater than maximum in the table section", 15)
invalid("memory size", section(5, b"\1\0" + u(65537)), "memory size must be at most 65536 pages (4GiB) in the memory section", 15)
invalid("memories", section(5, b"\2\0\0\0\0"), "multiple memories in the memory section", 13)
refused("mutability", section(6, b"\1\x7f\2"), "malformed mutability in the global section", 13)
invalid("constant type", section(6, b"\1\x7f\0\x42\0\x0b"), "type mismatch in the global section", 16)
invalid("constants", section(6, b"\1\x7f\0\x41\0\x41\0\x0b"), "type mismatch in the global section", 18)
invalid("not constant", section(6, b"\1\x7f\0\x41\0\x45\x0b"), "constant expression required in the global section", 16)
refused("not an instruction", section(6, b"\1\x7f\0\x27"), "illegal opcode 27 in the global section", 14)
refused("constant", section(6, b"\1\x7f\0\x41\xff\xff\xff\xff\x0f\x0b"), "integer too large in the global section", 19)
refused("i64 constant", section(6, b"\1\x7e\0\x42" + b"\x80" * 10 + b"\0\x0b"), "integer representation too long in the", 24)
invalid("initial global", section(6, b"\2\x7f\0\x41\0\x0b\x7f\0\x23\0\x0b"), "unknown global 0 in the global section", 20)
invalid("initial function", section(6, b"\1\x70\0\xd2\0\x0b"), "unknown function 0 in the global section", 15)
invalid("export", exports(("a", 2, 0)), "unknown memory 0 in the export section", 15)
invalid("export twice", MEMORY + exports(("a", 2, 0), ("b", 2, 0), ("a", 2, 0)), "duplicate export name in the export", 26)
refused("export kind", exports(("a", 4, 0)), "malformed export kind in the export section", 14)
invalid("start", types((b"", b"\x7f")) + section(3, b"\1\0") + section(8, b"\0"), "start function in the start section", 22)
invalid("start index", section(8, b"\0"), "unknown function 0 in the start section", 11)
refused("elements", section(9, b"\1\x08"), "malformed elements segment kind in the element section", 12)
invalid("elements' table", section(9, b"\1\0\x41\0\x0b\0"), "unknown table 0 in the element section", 12)
invalid("elements' type", section(4, b"\1\x6f\0\0") + section(9, b"\1\0\x41\0\x0b\0"), "type mismatch in the element section", 21)
invalid("element", section(4, b"\1\x70\0\0") + section(9, b"\1\0\x41\0\x0b\1\7"), "unknown function 7 in the element section", 23)
refused("element kind", section(9, b"\1\1\1\0"), "malformed element kind in the element section", 13)
refused("data count", section(12, b"\1"), "data count and data section have inconsistent lengths", 11)
refused("data count differs", section(12, b"\1") + section(11, b"\0"), "data count and data section have inconsistent", 14)
refused("data", section(11, b"\1\3"), "malformed data segment kind in the data section", 12)
invalid("data's memory", section(11, b"\1\2\1\x41\0\x0b\0"), "unknown memory 1 in the data section", 13)
refused("data bytes", MEMORY + section(11, b"\1\0\x41\0\x0b\5abc"), "unexpected end of section or function in the data", 21)
refused("body size", ONE + section(10, b"\1\3\0\x0b"), "unexpected end of section or function", 22, function=0)
refused("body without end", ONE + section(10, b"\1\2\0\1"), "unexpected end", 24, function=0)
invalid("body", ONE + code(b"\x41\0"), "type mismatch", 25, function=0)
invalid("second body", NOTHING + section(3, b"\2\0\0") + code(b"", b"\x1a"), "type mismatch", 27, function=1)
refused("opcode", ONE + code(b"\xff"), "illegal opcode", 23, function=0)


@cache
def outcomes(mp: MicroPython) -> dict[str, list]:
    """For each case: what came of it as bytes, and as a stream that gives a byte at a time."""
    script = f"pool = Pool(4096)\ncases = {[(name, whole(name).hex()) for name in REFUSED]!r}\n"
    script += "for name, data in cases:\n    data = bytes.fromhex(data)\n"
    script += "    print(repr((name, outcome(pool, data), outcome(pool, Stream(data)))))\nassert pool.used == 0\n"
    return {name: found for name, *found in map(ast.literal_eval, run(mp, script).splitlines())}


def whole(name: str) -> bytes:
    data = REFUSED[name][0]
    return data[1:] if data[:1] == b"!" else HEAD + data


@pytest.mark.parametrize("name", REFUSED)
def test_refused(mp: MicroPython, name: str) -> None:
    _, error, text, function, offset = REFUSED[name]
    for found in outcomes(mp)[name]:
        assert found[0] == error and found[1].startswith(text), found
        assert found[2:] == ["m", function, offset], found


def test_size_beyond_the_end(mp: MicroPython) -> None:
    """Of a buffer it shows at once, of a stream when the bytes do not come."""
    data = HEAD + b"\1\7\2\x60\0\0"
    out = run(mp, f"pool = Pool(4096)\nfor src in ({data!r}, Stream({data!r})):\n    print(outcome(pool, src)[:2])")
    assert [ast.literal_eval(line) for line in out.splitlines()] == [
        ["LoadError", "length out of bounds"],
        ["LoadError", "unexpected end in the type section"],
    ]


# ---- what becomes of a module ----------------------------------------------------------------------------------------------

class Image:
    """The bytes of a pool, read on the host."""

    def __init__(self, data: bytes, mod: int) -> None:
        self.data = data
        self.mod = mod

    def cell(self, off: int) -> int:
        assert off % 4 == 0
        return int.from_bytes(self.data[off : off + 4], "little")

    def half(self, off: int) -> int:
        return int.from_bytes(self.data[off : off + 2], "little")

    def __getattr__(self, name: str) -> int:
        """A field of the module record: M_name."""
        return self.cell(self.mod + L[f"M_{name}"])

    def block(self, name: str) -> bytes:
        off = getattr(self, name)
        return self.data[off : off + self.cell(off - L["BLOCK"]) - L["BLOCK"]]

    def cells(self, off: int, n: int) -> list[int]:
        return [self.cell(off + 4 * i) for i in range(n)]


def loaded(mp: MicroPython, data: bytes, options: str = "", size: int = 8192) -> Image:
    script = f"pool = Pool({size})\nmod = decode.load(pool, bytes.fromhex({data.hex()!r}), 'all'{options})\ncheck(pool)\n"
    mod, image = run(mp, script + "print(mod, pool.buf.hex())").split()
    return Image(bytes.fromhex(image), int(mod))


def test_records(mp: MicroPython) -> None:
    m = loaded(mp, EVERYTHING, ", names=True")
    assert m.cell(L["P_MODULES"]) == m.mod and m.NEXT == m.REFS == 0 and m.cell(L["P_T"]) == 0
    assert m.block("NAME")[:5] == b"\3\0all"
    assert not m.FLAGS & (L["MF_FLOAT"] | L["MF_GROWS"] | L["MF_LAZY"] | L["MF_WASI"])
    assert (m.START, m.NDATACOUNT, m.DECLARED, m.BODIES) == (2, 3, 0, 0)
    # Types: equal ones are one record.
    assert m.NTYPES == 3
    first, second, third = m.cells(m.TYPES, 3)
    assert second == third and m.cell(second + L["Y_REFS"]) == 2 and m.cell(first + L["Y_REFS"]) == 1
    assert [m.half(first + L[n]) for n in ("Y_NP", "Y_NR", "Y_PSLOTS", "Y_RSLOTS")] == [3, 2, 4, 3]
    assert m.data[first + L["Y_BYTES"] :][:5] == bytes([I32, I64, F32, F64, EXTERN])
    assert sorted([m.cell(L["P_TYPES"]), m.cell(m.cell(L["P_TYPES"]))]) == sorted([first, second])
    # Functions, tables, memories, globals.
    assert (m.NFUNCS, m.NIMPF) == (3, 1) and m.block("FTYPES")[:6] == b"\0\0\1\0\2\0"
    assert (m.NTABLES, m.NIMPT) == (2, 1)
    assert m.cells(m.TABLES, 6) == [FUNC, 1, 5, EXTERN, 0, 0xFFFFFFFF]
    assert (m.NMEMS, m.NIMPM) == (1, 1) and m.cells(m.MEMS, 4) == [0, 1, 0xFFFFFFFF, 16]
    assert (m.SAFE, m.CUT) == (65536, 0xFFFFFFFF)
    assert (m.NGLOBALS, m.NIMPG) == (5, 1)
    rows = [(*m.data[off : off + 3], *m.cells(off + L["GD_LO"], 2)) for off in range(m.GLOBALS, m.GLOBALS + 60, 12)]
    assert rows == [
        (I32, 0, 0, 0, 0),
        (I64, 1, L["CE_CONST"], 0xFFFFFFFB, 0xFFFFFFFF),
        (F64, 0, L["CE_CONST"], 0x03020100, 0x07060504),
        (FUNC, 0, L["CE_FUNC"], 2, 0),
        (I32, 0, L["CE_GLOBAL"], 0, 0),
    ]
    # Imports and exports.
    off, found = m.IMPORTS, []
    for _ in range(m.NIMPORTS):
        a, b = m.half(off + L["IM_MLEN"]), m.half(off + L["IM_FLEN"])
        name = m.data[off + L["IM_NAME"] :][: a + b]
        found.append((m.data[off], name[:a].decode(), name[a:].decode(), m.cell(off + L["IM_INDEX"])))
        off += L["IM_NAME"] + a + b + 3 & ~3
    assert found == [(0, "env", "", 0), (1, "Käse", "table", 0), (2, "env", "memory", 0), (3, "env", "base", 0)]
    off, found = m.EXPORTS, []
    for _ in range(m.NEXPORTS):
        n = m.half(off + L["EX_LEN"])
        found.append((m.data[off + L["EX_NAME"] :][:n].decode(), m.data[off], m.cell(off + L["EX_INDEX"])))
        off += L["EX_NAME"] + n + 3 & ~3
    assert found == [("f", 0, 1), ("memory", 2, 0), ("é", 3, 1), ("", 1, 1)]
    # Segments: mode, type, table, kind of offset, offset, items.
    found = []
    for seg in m.cells(m.ELEMS, m.NELEMS):
        head = m.cells(seg, 5)
        found.append((*m.data[seg : seg + 2], *head[1:4], m.cells(seg + L["ES_ITEMS"], head[4])))
    assert found == [
        (0, FUNC, 0, L["CE_GLOBAL"], 0, [1, 2]),
        (1, FUNC, 0, 0, 0, [0, 3]),
        (2, FUNC, 0, 0, 0, []),
        (0, FUNC, 0, L["CE_CONST"], 3, [3]),
        (0, EXTERN, 1, L["CE_CONST"], 100000, [0]),
    ]
    found = []
    for seg in m.cells(m.DATAS, m.NDATAS):
        head = m.cells(seg, 5)
        found.append((*head[:4], m.data[seg + L["DS_BYTES"] :][: head[4]]))
    assert found == [(0, 0, L["CE_CONST"], 8, b"hello"), (1, 0, 0, 0, b"xyz")]
    # Code: the functions one behind the other from the start of the block; names.
    entries = m.cells(m.ENTRIES, 2)
    assert entries[0] == m.CODE < entries[1] < m.CODE + m.WORDS <= m.CODE + len(m.block("CODE")) < m.CODE + m.WORDS + 8
    assert EVERYTHING[m.CODEOFF - 1 :][: m.CODEBYTES + 1] == code(b"\x41\2\x1a", b"\xd2\2\x1a")[2:]
    assert m.block("NAMES")[:6] == b"\1\1\3one"


def test_loading_and_unloading_leaves_nothing(mp: MicroPython) -> None:
    """Types are shared with other modules while these are there."""
    run(
        mp,
        f"""
data = bytes.fromhex({EVERYTHING.hex()!r})
pool = Pool(16384)
mods = [decode.load(pool, source, name, lazy, names)
    for source, name, lazy, names in ((data, "a", False, False), (data, "b", True, True), (Stream(data), None, False, True))]
y = cell(pool, cell(pool, mods[2] + {L["M_TYPES"]}) + 4)
kinds = lambda kind: len([b for b in pool.blocks() if b[2] == kind])
assert kinds({L["K_TYPE"]}) == 2 and cell(pool, y + {L["Y_REFS"]}) == 6 and kinds({L["K_WORK"]}) == 0
assert cell(pool, {L["P_MODULES"]}) == mods[2] and cell(pool, mods[2]) == mods[1]
unload(pool, mods[1])
assert cell(pool, mods[2]) == mods[0] and cell(pool, y + {L["Y_REFS"]}) == 4
unload(pool, mods[2])
unload(pool, mods[0])
assert cell(pool, {L["P_MODULES"]}) == cell(pool, {L["P_TYPES"]}) == pool.used == 0
check(pool)
""",
    )


def test_lazy_translation_gives_the_same_words(mp: MicroPython) -> None:
    paths = [suite.folder() / f"spec/core10/{name}.wasm" for name in ("float_exprs.0", "int_exprs.0", "stack.0", "forward.0")]
    paths = [path for path in paths if path.exists()] or sorted(suite.folder().rglob("forward.0.wasm"))
    assert paths
    for path in [*paths, None]:
        data = path.read_bytes() if path else EVERYTHING
        out = run(
            mp,
            f"""
data = bytes.fromhex({data.hex()!r})
pool = Pool(65536)
field = lambda mod, at: cell(pool, mod + at)
eager = decode.load(pool, data)
lazy = decode.load(pool, data, lazy=True)
n = field(eager, {L["M_NFUNCS"]}) - field(eager, {L["M_NIMPF"]})
entries = [cell(pool, field(eager, {L["M_ENTRIES"]}) + 4 * i) for i in range(n)]
entries.append(field(eager, {L["M_CODE"]}) + field(eager, {L["M_WORDS"]}))
used = pool.used
for i in range(n):
    at = field(lazy, {L["M_ENTRIES"]}) + 4 * i
    assert cell(pool, at) == {L["P_LAZY"]}
    decode.translate_function(pool, lazy, data, i + field(lazy, {L["M_NIMPF"]}))
    got, size = cell(pool, at), entries[i + 1] - entries[i]
    assert pool.buf[got : got + size] == pool.buf[entries[i] : entries[i + 1]], i
    used += pool.size_of(got) + BLOCK
    assert pool.used == used and size <= pool.size_of(got) < size + 8
assert field(lazy, {L["M_WORDS"]}) == field(eager, {L["M_WORDS"]})
unload(pool, lazy); unload(pool, eager)
assert pool.used == 0
print("ok")
""",
        )
        assert out == "ok\n"


# ---- memories smaller than a page ------------------------------------------------------------------------------------------

I32_CONST = b"\x7f\0"
I32_MUT = b"\x7f\1"
GROW = b"\x41\0\x40\0\x1a"


@pytest.mark.parametrize(
    "globals_, names, body, data, safe, cut",
    [
        ([], [], b"", [], 131072, None),
        ([I32_CONST + i32(3001)], ["__heap_base"], b"", [], 3008, 3008),
        ([I32_CONST + i32(3000)], ["__heap_base"], GROW, [], 3000, None),
        ([I32_CONST + i32(3000)], ["heap_base"], b"", [], 131072, None),
        ([I32_MUT + i32(3000)], ["__heap_base"], b"", [], 131072, None),
        ([I32_CONST + i32(131073)], ["__heap_base"], b"", [], 131072, None),
        ([I32_CONST + i32(-1)], ["__heap_base"], b"", [], 131072, None),
        ([I32_CONST + i32(131072)], ["__heap_base"], b"", [], 131072, 131072),
        ([b"\x7e\0\x42\1\x0b"], ["__heap_base"], b"", [], 131072, None),
        # __data_end does without a heap, but not without the stack above it.
        ([I32_CONST + i32(3000)], ["__data_end"], b"", [], 3000, 3000),
        ([I32_CONST + i32(3000), I32_MUT + i32(66560)], ["__data_end"], b"", [], 66560, 66560),
        ([I32_MUT + i32(1024), I32_CONST + i32(3000)], ["", "__data_end"], b"", [], 3000, 3000),
        ([I32_CONST + i32(3000), I32_MUT + i32(5000), I32_MUT + i32(9000)], ["__data_end"], b"", [], 5000, 5000),
        ([I32_CONST + i32(9), I32_CONST + i32(8000)], ["__data_end", "__heap_base"], b"", [], 8000, 8000),
        # Active segments have to fit; where they lie must be known.
        ([I32_CONST + i32(3000)], ["__heap_base"], b"", [b"\0" + i32(2990) + s(b"x" * 20)], 3000, 3016),
        ([I32_CONST + i32(3000)], ["__heap_base"], b"", [b"\0" + i32(1) + s(b"x" * 20)], 3000, 3000),
        ([I32_CONST + i32(3000)], ["__heap_base"], b"", [b"\0" + i32(131071) + s(b"xy")], 3000, None),
        ([I32_CONST + i32(3000)], ["__heap_base"], b"", [b"\1" + s(b"x" * 4000)], 3000, 3000),
    ],
)
def test_cut(
    mp: MicroPython, globals_: list[bytes], names: list[str], body: bytes, data: list[bytes], safe: int, cut: int | None
) -> None:
    module = HEAD + ONE + section(5, b"\1\0\2") + section(6, vec(*globals_))
    module += exports(*((name, 3, i) for i, name in enumerate(names) if name)) + code(body) + section(11, vec(*data))
    for options in ("", ", lazy=True"):
        m = loaded(mp, module, options, 16384)
        assert (m.SAFE, m.CUT) == (safe, 0xFFFFFFFF if cut is None else cut)
        assert m.FLAGS & L["MF_GROWS"] == (L["MF_GROWS"] if body else 0)
