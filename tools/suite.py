# The official WebAssembly suite: where it comes from, and its commands in the form the MicroPython child takes
# MIT license; Copyright (c) 2026 the pitwasm authors

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tools import debian
from tools.host import OUT, ROOT, HostError, call, has, lock

SHARED = ROOT.parent / "shared" / "spec" / "spec.tar.xz"
CACHE = OUT / "suite"
PACKAGE = "golang-github-tetratelabs-wazero-dev"  # holds the 2.0 suite as json + wasm
PACKAGE_FOLDER = "usr/share/gocode/src/github.com/tetratelabs/wazero/internal/integration_test/spectest/v2/testdata"

# Commands to pass in each group, those on text-format modules not counted.
EXPECTED = {"core10": 16014, "core20": 11423, "core30": 2202, "custom-page-sizes": 203, "multi-memory": 913}

# Groups run with the proposal multi-memory, which makes valid what core10 and core20 want refused.
MULTI_MEMORY = ("custom-page-sizes", "multi-memory")

# Here an invalid module must be a ValidationError. The later suites also call modules invalid that WebAssembly 2.0 cannot
# decode (memory indices in alignments, types of later proposals), and Debian's package leaves out data count sections: there
# a LoadError will do.
STRICT = ("core10", "core20")

# A flat folder (the Debian package) is split by these names: files that need only WebAssembly 1.0, under the rules of 2.0.
# Of the others, all but simd_* are core20.
CORE10 = frozenset(
    "address align br_if comments const custom endianness f32 f32_bitwise f32_cmp f64 f64_bitwise f64_cmp float_exprs "
    "float_literals float_memory float_misc forward func_ptrs inline-module int_exprs int_literals labels left-to-right load "
    "local_get local_set local_tee memory memory_grow memory_redundancy memory_size memory_trap names nop obsolete-keywords "
    "return skip-stack-guard-page stack start store switch table-sub traps unreachable unreached-invalid unwind "
    "utf8-custom-section-id utf8-import-field utf8-import-module utf8-invalid-encoding".split()
)

NAN = {"nan:canonical": "c", "nan:arithmetic": "a"}
WIDTH = {"i32": 32, "f32": 32, "i64": 64, "f64": 64}


@dataclass
class SpecFile:
    """One .json of the suite, as lines for tests/device/spec_child.py."""

    group: str
    name: str
    path: Path
    strict: bool = True  # invalid modules must be ValidationErrors
    commands: list[dict] = field(default_factory=list)  # without the skipped ones
    lines: list[str] = field(default_factory=list)  # one for each command
    skipped: int = 0  # text-format modules

    @property
    def id(self) -> str:
        return f"{self.group}/{self.name}"


def folder() -> Path:
    """The unpacked suite: from PITWASM_SPEC, the shared archive, or the Debian package, in this order."""
    given = os.environ.get("PITWASM_SPEC")
    if given:
        path = Path(given).resolve()
        if path.is_dir():
            return path
        if path.is_file():
            return _unpacked(path)
        raise HostError(f"PITWASM_SPEC={given}: no such folder or archive")
    if SHARED.is_file():
        return _unpacked(SHARED)
    return _packaged()


def _unpacked(archive: Path) -> Path:
    stat = archive.stat()
    target = CACHE / f"{archive.name.split('.')[0]}-{stat.st_size}-{int(stat.st_mtime)}"
    with lock(CACHE):
        if not target.exists():
            fresh = CACHE / "unpacking"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            call("tar", "-xf", archive, "-C", fresh)
            fresh.rename(target)
    return target


def _packaged() -> Path:
    """The suite out of Debian's package."""
    target = CACHE / "debian"
    with lock(CACHE):
        if target.exists():
            return target / PACKAGE_FOLDER
        if not (has("apt-get") and has("dpkg")):
            raise HostError("the suite: no ../shared/spec/spec.tar.xz, no PITWASM_SPEC, and no apt-get to fetch it with")
        package = debian.fetch(CACHE, debian.suites("forky", "sid"), binaries=[PACKAGE])[PACKAGE]
        fresh = CACHE / "unpacking"
        shutil.rmtree(fresh, ignore_errors=True)
        call("dpkg", "-x", package, fresh)
        if not (fresh / PACKAGE_FOLDER).is_dir():
            raise HostError(f"{package.name} holds no {PACKAGE_FOLDER}")
        fresh.rename(target)
    return target / PACKAGE_FOLDER


def files(groups: list[str], name: str | None = None) -> list[SpecFile]:
    """The .json files of these groups, in order of group and name."""
    base = folder()
    for nested in (base / "spec", base / PACKAGE_FOLDER):  # as the archive and the package have them
        if nested.is_dir():
            base = nested
    flat = sorted(base.glob("*.json")) if (base / "address.json").exists() else None
    found: list[SpecFile] = []
    for group in groups:
        if flat is None:
            paths = sorted((base / group).glob("*.json"))
        else:
            paths = [path for path in flat if _group_of(path.stem) == group]
        strict = flat is None and group in STRICT
        found += [SpecFile(group, path.stem, path, strict) for path in paths if name in (None, path.stem)]
    if not found:
        raise HostError(f"{base}: no suite files for {', '.join(groups)}" + (f" named {name}" if name else ""))
    return found


def _group_of(name: str) -> str:
    if name.startswith("simd_"):
        return "simd"
    return "core10" if name in CORE10 else "core20"


def is_call(command: dict) -> bool:
    """Does it call a function?"""
    return command.get("action", {}).get("type") == "invoke"


def read(spec: SpecFile) -> SpecFile:
    """Fill in the commands and their lines, once."""
    if spec.lines:
        return spec
    for command in json.loads(spec.path.read_text(encoding="utf-8"))["commands"]:
        if command.get("module_type") == "text":
            spec.skipped += 1
            continue
        line = encode(command, spec.path.parent)
        if line[0] == "invalid" and not spec.strict:
            line[0] = "refused"
        spec.lines.append(json.dumps([len(spec.commands), *line], ensure_ascii=False, separators=(",", ":")))
        spec.commands.append(command)
    return spec


def encode(command: dict, base: Path) -> list:
    """A command as the list that the child understands (see tests/device/spec_child.py)."""
    kind = command["type"]
    wasm = str(base / command.get("filename", ""))
    text = command.get("text", "")
    if kind == "module":
        return ["module", wasm, command.get("name")]
    if kind == "module_definition":
        return ["define", wasm, command.get("name")]
    if kind == "module_instance":
        return ["instance", command.get("module"), command.get("instance")]
    if kind == "register":
        return ["register", command["as"], command.get("name")]
    if kind in ("assert_invalid", "assert_malformed", "assert_unlinkable", "assert_uninstantiable"):
        return [kind[7:], wasm, text]
    action = command["action"]
    target = [action.get("module"), action["field"]]
    arguments = [_raw(value) for value in action.get("args", [])]
    if action["type"] == "get":
        return ["get", *target, _expected(command)]
    if kind in ("assert_trap", "assert_exhaustion"):
        return ["trap", *target, arguments, text]
    if kind in ("assert_return", "action"):
        return ["return", *target, arguments, _expected(command)]
    raise HostError(f"unknown command {kind} in the suite")


def _expected(command: dict) -> list | None:
    """What the results must be, or None when anything will do."""
    return [_pattern(value) for value in command["expected"]] if "expected" in command else None


def _pattern(value: dict) -> int | str | list:
    """Raw bits, "c32"/"a64"/… for a class of NaNs, "any" for any reference but null, or a list of alternatives."""
    if value["type"] == "either":
        alternatives = value.get("values") or value["value"]
        return [_pattern(alternative) for alternative in alternatives]
    if value["type"] in WIDTH and value["value"] in NAN:
        return NAN[value["value"]] + str(WIDTH[value["type"]])
    return _raw(value)


def _raw(value: dict) -> int | str:
    """The bits of an argument. The external reference n is n + 1, as the pool has it: 0 is null."""
    kind, text = value["type"], value.get("value")
    if kind in WIDTH:
        return int(text) & ((1 << WIDTH[kind]) - 1)
    if kind == "refnull" or text == "null":
        return 0
    if kind == "externref" and text is not None:
        return int(text) + 1
    if kind in ("funcref", "externref") and text is None:
        return "any"
    raise HostError(f"unknown value {value} in the suite")
