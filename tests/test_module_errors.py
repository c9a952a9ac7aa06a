# What goes wrong between modules: WAMR's texts, the chain that led there, everything rolled back, every source given back
# MIT license; Copyright (c) 2026 the pitwasm authors

from tests.library import END, MA, MB, READER, SEED, answer
from tests.wat import assemble

WASI = '(import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))'


def imports(*names: str, more: str = "") -> str:
    """A module that imports the function f of each (and more), and exports one."""
    return "".join(f'(import "{name}" "f" (func))' for name in names) + more + '(func (export "f"))'


# Main module -> (its text, what its load ends with). What else there is: MODULES.
LOADS = {
    "one": (imports("nowhere"), "LinkError: one: unknown import nowhere (one -> nowhere.f)"),
    "two": (imports("leaf", "lost"), "LinkError: lost: unknown import nowhere (two -> lost -> nowhere.f)"),
    "env": (imports("env"), "LinkError: env: unknown import env.f (env -> env.f)"),
    "old": (imports("wasi_unstable"), "LinkError: old: unknown import wasi_unstable.f (old -> wasi_unstable.f)"),
    "empty": ('(import "" "f" (func))', "LinkError: empty: unknown import .f (empty -> .f)"),
    "field": ('(import "mB" "B9" (func))', "LinkError: field: unknown import mB.B9 (field -> mB.B9)"),
    "hidden": ('(import "mA" "A2" (func (result i32)))', "LinkError: hidden: unknown import mA.A2 (hidden -> mA.A2)"),
    "type": ('(import "mB" "B1" (func (result i64)))', "LinkError: type: incompatible import type mB.B1 (type -> mB.B1)"),
    "deep": (imports("mid"), "LinkError: wrong: incompatible import type mA.A1 (deep -> mid -> wrong -> mA.A1)"),
    "kind": ('(import "mA" "A1" (global i32))', "LinkError: kind: incompatible import type mA.A1 (kind -> mA.A1)"),
    "const": ('(import "parts" "g" (global (mut i32)))', "LinkError: const: incompatible import type parts.g (const -> parts.g)"),
    "table": ('(import "parts" "t" (table 1 externref))', "LinkError: table: incompatible import type parts.t (table -> parts.t)"),
    "native": ('(import "host" "f" (func (param i64)))', "LinkError: native: incompatible import type host.f (native -> host.f)"),
    "self": (imports("self"), "LinkError: self: found circular dependency on self (self -> self.f)"),
    "main": (imports("x"), "LinkError: y: found circular dependency on main (main -> x -> y -> main.f)"),
    "ring": (imports("r1"), "LinkError: r3: found circular dependency on r1 (ring -> r1 -> r2 -> r3 -> r1.f)"),
    "boss": (
        imports("command"),
        "LinkError: command: a command (with _start function) can not be a sub-module (boss -> command)",
    ),
    "start1": (
        '(func (export "_start") (param i32))',
        "LinkError: start1: the signature of builtin _start function is wrong",
    ),
    "start2": (
        '(func (export "_start") (result i32) (i32.const 0))',
        "LinkError: start2: the signature of builtin _start function is wrong",
    ),
    "start3": (
        '(import "leaf" "f" (func $f)) (export "_start" (func $f))',
        "LinkError: start3: the builtin _start function can not be an import function",
    ),
    "init1": (
        imports("init"),
        "LinkError: init: the signature of builtin _initialize function is wrong (init1 -> init)",
    ),
    "init2": (
        imports("init3"),
        "LinkError: init3: the builtin _initialize function can not be an import function (init2 -> init3)",
    ),
    "wasi1": (WASI + '(func (export "_start"))', "LinkError: wasi1: a module with WASI apis must export memory by default"),
    "wasi2": (imports("wasi3"), "LinkError: wasi3: a module with WASI apis must export memory by default (wasi2 -> wasi3)"),
    "broken1": (imports("cut"), "LoadError: cut: unexpected end in the code section (at byte 27) (broken1 -> cut)"),
    "broken2": (imports("text"), "LoadError: text: magic header not detected (at byte 4) (broken2 -> text)"),
    "invalid": (imports("bad"), "ValidationError: bad: function 1: type mismatch (at byte 40) (invalid -> bad)"),
}
MODULES = {
    "mA": MA,
    "mB": MB,
    "leaf": imports(),
    "lost": imports("leaf", "nowhere"),
    "mid": imports("leaf", "wrong"),
    "wrong": imports("leaf", more='(import "mA" "A1" (func (param i32)))'),
    "parts": '(global (export "g") i32 (i32.const 1)) (table (export "t") 1 funcref) (memory (export "m") 1 2)',
    "x": imports("leaf", "y"),
    "y": imports("leaf", "main"),
    "r1": imports("r2"),
    "r2": imports("r3"),
    "r3": imports("r1"),
    "command": imports("leaf") + '(func (export "_start"))',
    "init": imports() + '(func (export "_initialize") (param f32))',
    "init3": '(import "leaf" "f" (func $f)) (export "_initialize" (func $f)) (export "f" (func $f))',
    "wasi3": WASI + imports(),
}


def test_loading(run, tmp_path) -> None:
    """Whatever fails: nothing was instantiated or stays loaded, and each source that was given was given back."""
    leaf = assemble(MODULES["leaf"])
    (tmp_path / "cut.wasm").write_bytes(leaf[:-1])
    (tmp_path / "text.wasm").write_bytes(b"text")
    bad = bytearray(assemble(MODULES["leaf"] + "(func (result i32) (i32.const 0))"))
    bad[bad.index(b"\x41\x00") : bad.index(b"\x41\x00") + 2] = b"\x01\x01"
    (tmp_path / "bad.wasm").write_bytes(bad)
    out = run(
        READER
        + f"""
rt.register_natives("host", {{"f": ("(i)", lambda n: None)}})
for name in {list(LOADS)!r}:
    used = rt.pool.used
    print(error(load, name))
    if rt.pool.used != used or rt.modules() or given or log.count("+mA") > 1 or rt.find_module_registered("leaf"):
        print(name, "leaves", rt.pool.used - used, rt.modules(), given, log)
    del log[:]
print(end())
""",
        **{name: text for name, (text, _) in LOADS.items()},
        **MODULES,
    )
    assert out == [want for _, want in LOADS.values()] + [END]


def test_chains_are_attributes(run) -> None:
    out = run(
        READER
        + """
for name in ("deep", "wasi2", "one"):
    try:
        load(name)
    except LinkError as exc:
        print(exc.chain, exc.module, exc.text)
rt.set_module_reader(None)
try:
    rt.load(open("two.wasm", "rb"))
except LinkError as exc:
    print(exc)
""",
        **{name: text for name, (text, _) in LOADS.items()},
        **MODULES,
    )
    assert out == [
        "('deep', 'mid', 'wrong', 'mA.A1') wrong incompatible import type mA.A1",
        "('wasi2', 'wasi3') wasi3 a module with WASI apis must export memory by default",
        "('one', 'nowhere.f') one unknown import nowhere",
        "main: no sub module reader to load leaf (main -> leaf.f)",
    ]


def test_registering(run) -> None:
    """Texts of wasm_runtime_register_module."""
    out = run(
        READER
        + """
a, b = load("a"), load("b")
i = rt.instantiate(b)
used = rt.pool.used
for args in ((None, a), ("x", None), ("", a), ("env", a), ("wasi_snapshot_preview1", a), ("wasi_unstable", i)):
    print(error(rt.register_module, *args))
print(rt.pool.used - used)
rt.register_module("a", a)
rt.register_module("a", a)
for args in (("a", b), ("a", i), ("other", a), ("", a)):
    print(error(rt.register_module, *args))
rt.register_module("b", i)
rt.register_module("b2", i)
print(error(rt.register_module, "b", b), "|", rt.find_module_registered("b2") is b)
for name in ("", "env", "$a", "nope"):
    print(rt.find_module_registered(name))
rt.deinstantiate(i)
rt.unload(a)
print(rt.find_module_registered("a"), rt.find_module_registered("b"))
rt.register_module("a", b)
rt.unload(b)
print(error(rt.register_module, "b", b))
print(end())
""",
        a=answer("a", 1),
        b=answer("b", 2),
    )
    failed = "PitwasmError: Register module failed: "
    assert out == [
        *[failed + "module_name and module are required"] * 2,
        *[failed + "can not register as a built-in module"] * 4,
        "0",
        *[failed + "the name 'a' is taken"] * 2,
        "PitwasmError: a: Register module failed: failed to rename the module",
        failed + "can not register as a built-in module",
        failed + "the name 'b' is taken | True",
        *["None"] * 4,
        "None None",
        "PitwasmError: this module is gone",
        END,
    ]


def test_names_of_functions(run) -> None:
    """function, or $module$function; the signature when one is given."""
    out = run(
        READER
        + """
i = new("mC")
for name in ("$", "$$", "$$A1", "$mA", "$mA$", "$mA$$A1", "$mX$A1", "$mA$A2", "mA$A1", "C9"):
    print(error(rt.lookup_function, i, name))
for signature in ("()i", "()I", "(i)i", "()", "i", "", "(", None):
    f = error(rt.lookup_function, i, "$mB$B2", signature)
    print(f if isinstance(f, str) else f())
m = i.module
rt.deinstantiate(i)
print(error(rt.lookup_function, i, "$mA$A1"), "|", error(rt.lookup_function, new("plain"), "$mA$A1"))
""",
        **SEED,
        plain="",
    )
    malformed = "PitwasmError: malformed function name '%s': function or $module$function"
    assert out == [
        *[malformed % name for name in ("$", "$$", "$$A1", "$mA", "$mA$", "$mA$$A1")],
        "PitwasmError: no module 'mX' is registered",
        "PitwasmError: mA: there is no function 'A2'",
        *[f"PitwasmError: mC: there is no function '{name}'" for name in ("mA$A1", "C9")],
        "11",
        *[f"PitwasmError: mB: function 'B2' has not the signature {text}" for text in ("()I", "(i)i", "()", "i", "", "(")],
        "11",
        "PitwasmError: this instance is gone | PitwasmError: no module 'mA' is instantiated",
    ]


def test_instantiating(run) -> None:
    """A trap in one fails the whole; what was made on the way goes, the modules stay as loaded."""
    out = run(
        READER
        + """
for name in ("trap", "init", "fuel", "segment", "small", "memory", "wasi"):
    m = load(name)
    used = rt.pool.used
    rt.fuel = 1000 if name == "fuel" else None
    print(error(rt.instantiate, m), rt.pool.used - used, len(rt.instances()), len(names()))
    rt.unload(m)
print(error(rt.resume), end())
rt.fuel = None
# A registered command is no submodule, its instance is.
m = load("command")
rt.register_module("command", m)
user = load("user")
print(error(rt.instantiate, user))
i = rt.instantiate(m)
drop(rt.instantiate(user), i)
print(end())
""",
        A=answer("f", 1),
        parts='(table (export "t") 1 funcref) (memory (export "m") 1 2)',
        trap='(import "A" "f" (func (result i32))) (import "boom" "f" (func))',
        boom='(func (export "f")) (func $s unreachable) (start $s)',
        init='(import "A" "f" (func (result i32))) (import "late" "f" (func))',
        late='(func (export "f")) (func (export "_initialize") (drop (i32.div_s (i32.const 1) (i32.const 0))))',
        fuel='(import "A" "f" (func (result i32))) (import "spin" "f" (func))',
        spin='(func (export "f")) (func $s (loop (br 0))) (start $s)',
        segment='(import "A" "f" (func (result i32))) (import "parts" "t" (table 1 funcref)) (elem (i32.const 1) $f) (func $f)',
        small='(import "A" "f" (func (result i32))) (import "parts" "t" (table 2 funcref))',
        memory='(import "A" "f" (func (result i32))) (import "parts" "m" (memory 1 1))',
        wasi='(import "wasi_snapshot_preview1" "fd_wrote" (func)) (memory (export "memory") 1)',
        command='(func (export "_start")) (func (export "f"))',
        user='(import "command" "f" (func))',
    )
    assert out == [
        "Trap: boom: unreachable (trap -> boom) 0 0 3",
        "Trap: late: integer divide by zero (init -> late) 0 0 3",
        "OutOfFuel: spin: out of fuel (fuel -> spin) 0 0 3",
        "Trap: segment: out of bounds table access 0 0 3",
        "LinkError: small: incompatible import type parts.t (small -> parts.t) 0 0 3",
        "LinkError: memory: incompatible import type parts.m (memory -> parts.m) 0 0 3",
        "LinkError: wasi: unknown import wasi_snapshot_preview1.fd_wrote (wasi -> wasi_snapshot_preview1.fd_wrote) 0 0 1",
        "PitwasmError: there is no call to resume " + END,
        "LinkError: user: a command (with _start function) can not be a sub-module: command (user -> command.f)",
        END,
    ]


def test_readers_that_misbehave(run) -> None:
    """An error that says which module, nothing left in the pool, one destroyer call for every source."""
    out = run(
        READER
        + """
class Source:
    def __init__(self, *gives):
        self.gives = list(gives)
    def readinto(self, buf):
        value = self.gives.pop(0) if self.gives else 0
        if isinstance(value, BaseException):
            raise value
        if isinstance(value, bytes):
            buf[:len(value)] = value[:len(buf)]
            return min(len(value), len(buf))
        return value
class Silent:
    def readinto(self, buf):
        return None
with open("mA.wasm", "rb") as f:
    data = f.read()
def fails(exc):
    def reader(name):
        raise exc
    return reader
def gives(value):
    return lambda name: value
def attempt(reader, destroyer=None):
    seen = []
    def gone(name, source):
        seen.append(name)
        if destroyer:
            destroyer()
    rt.set_module_reader(reader, gone)
    try:
        result = load("mC")
    except BaseException as exc:
        result = "%s: %s" % (type(exc).__name__, exc)
        print(result, seen, getattr(exc, "cause", None).__class__.__name__)
    else:
        print(result, seen)
        rt.unload(result)
    assert rt.pool.used == zero and not rt.modules() and rt.pool.largest()[1] == rt.pool.free_bytes - 8
class Odd(Exception):
    pass
# It raises.
for exc in (ValueError("x"), OSError(2), Odd(), MemoryError("heap"), PitwasmError("of its own"), KeyboardInterrupt(), SystemExit(3)):
    attempt(fails(exc))
# What it gives is none.
for value in (7, object(), [], data[:20], "text", b"", Source(), Source(data[:4]), Source(-1), Source(1000), Source("x")):
    attempt(gives(value))
# Sources that fail, or never say a thing.
for value in (Source(data[:4], OSError(5)), Source(data[:4], ValueError("x")), Source(KeyboardInterrupt()), Silent()):
    attempt(gives(value))
# The destroyer raises, also when loading has failed already.
attempt(gives(data), lambda: 1 // 0)
attempt(gives(b"x"), lambda: 1 // 0)
attempt(gives(data), lambda: fails(PitwasmError("keeps it"))("x"))
""",
        **{name: SEED[name] for name in ("mC", "mA")},
    )
    failed = "LinkError: mA: the module reader failed: %s (mC -> mA) [] %s"
    source = "LinkError: mA: cannot read what the module reader gave: %s (mC -> mA) ['mA'] %s"
    wrong = "LoadError: mA: %s (mC -> mA) ['mA'] NoneType"
    none = "TypeError: a module's source is bytes-like or has readinto()"
    assert [line.replace("object ", "") for line in out] == [
        failed % ("ValueError: x", "ValueError"),
        failed % ("OSError: [Errno 2] ENOENT", "OSError"),
        failed % ("Odd: ", "Odd"),
        "MemoryError: heap [] NoneType",
        "PitwasmError: mA: of its own (mC -> mA) [] NoneType",
        "KeyboardInterrupt:  [] NoneType",
        "SystemExit: 3 [] NoneType",
        source % (none, "TypeError"),
        source % (none, "TypeError"),
        *out[9:11],
        wrong % "magic header not detected (at byte 4)",
        *out[12:15],
        wrong % "source failed: readinto() gave -1 (at byte 0)",
        wrong % "source failed: readinto() gave 1000 (at byte 0)",
        wrong % "source failed: readinto() gave 'x' (at byte 0)",
        wrong % "source failed: OSError(5,) (at byte 4)",
        source % ("ValueError: x", "ValueError"),
        "KeyboardInterrupt:  ['mA'] NoneType",
        wrong % "source failed: no data for 1000 ms (at byte 0)",
        "LinkError: mA: the module destroyer failed: ZeroDivisionError: divide by zero (mC -> mA) ['mA'] ZeroDivisionError",
        wrong % "unexpected end (at byte 1)",
        "PitwasmError: mA: keeps it (mC -> mA) ['mA'] NoneType",
    ], out
    for line in out[9:11] + out[12:15]:
        assert line.startswith(("LoadError: mA: ", "LinkError: mA: ")) and "(mC -> mA) ['mA'] " in line, line


def test_readers_that_use_the_runtime(run) -> None:
    """Calling functions is fine; what would change the modules is refused, and the load goes on."""
    out = run(
        READER
        + """
tool = new("tool")
first = load("mB")
tool.exports.f()  # has its stack now
zero = rt.pool.used
inner = []
def reenter(name):
    for f, args in ((rt.load, (b"",)), (rt.instantiate, (first,)), (rt.deinstantiate, (tool,)), (rt.unload, (first,)), (rt.destroy, ()),
                    (rt.register_module, ("t", tool))):
        inner.append(error(f, *args))
    inner.append(tool.exports.f())
    inner.append([rt.find_module_registered(name) is not None for name in ("mA", "mB", "mC")])
def read2(name):
    reenter(name)
    return read(name)
class Stream:
    def __init__(self, name):
        self.file = open(name + ".wasm", "rb")
    def readinto(self, buf):
        if len(inner) < 9:
            reenter("")
        return self.file.readinto(buf)
busy = "PitwasmError: the runtime is loading; a module reader cannot load, link or unload with it"
for reader in (read2, Stream):
    rt.set_module_reader(reader, lambda name, source: reenter(name))
    m = load("top")
    print(len(inner), set([text for text in inner if isinstance(text, str)]) == {busy}, inner[6:8], inner[-2:])
    del inner[:]
    rt.unload(m)
    print(rt.pool.used - zero)
# A reader that puts another in its place is done with; the destroyer that goes with it is called.
seen = []
def swap(name):
    rt.set_module_reader(lambda name: None, None)
    return open(name + ".wasm", "rb")
rt.set_module_reader(swap, lambda name, source: seen.append(name))
print(error(load, "top"), seen, rt.pool.used - zero)
""",
        mA=MA,
        mB=MB,
        top='(import "x" "f" (func (result i32)))',
        x='(import "y" "f" (func $f (result i32))) (export "f" (func $f))',
        y=answer("f", 3),
        tool=answer("f", 42),
    )
    assert out == [
        "32 True [42, [True, False, False]] [42, [True, False, False]]",
        "0",
        out[2],
        "0",
        "LinkError: x: unknown import y (top -> x -> y.f) ['x'] 0",
    ]
    assert " True [42, [True, False, False]]" in out[2]
