# Shows what the viper compiler makes of a file's functions: intermediate code and machine code. python -m tools.viperc loop run --arch x64
# MIT license; Copyright (c) 2026 the pitwasm authors
import argparse
import subprocess
import tempfile
from pathlib import Path

from capstone import CS_ARCH_ARM, CS_ARCH_X86, CS_MODE_64, CS_MODE_MCLASS, CS_MODE_THUMB, Cs

from tools import build, viperc
from tools.macros import load_layout, transform


def unit(name: str, arch: str) -> viperc.Unit:
    """The unit of build/<arch>/pitwasm/<name>.mpy."""
    layout: dict[str, int] = {}
    for path in ("core/pitwasm/layout.py", "core/gen/opcodes.py"):
        layout |= load_layout(build.ROOT / path)
    layout["IMAGE_CODE"] = build.image_code(layout)
    modules = build.sources(arch)
    members = build.UNITS.get(name, (name,))
    texts = {m: transform(modules[m].read_text(), modules[m], build.ARCHS[arch][0], layout, unit=True) for m in members}
    made = build.unit_of(texts, arch, build.wanted(name, modules, arch) if name in build.UNITS else set())
    assert made is not None
    return made


def cross(source: str, arch: str) -> bytes:
    """What mpy-cross makes of it."""
    with tempfile.TemporaryDirectory() as folder:
        text, mpy = Path(folder, "a.py"), Path(folder, "a.mpy")
        text.write_text(source)
        subprocess.run([build.mpy_cross(), f"-march={arch}", build.OPTIMISE[build.ARCHS[arch][1]], "-o", mpy, text], check=True)
        return mpy.read_bytes()


def main() -> None:
    parser = argparse.ArgumentParser("python -m tools.viperc", description="Show what the viper compiler makes of a file's functions.")
    parser.add_argument("file", help="of build/<arch>/pitwasm, without .mpy")
    parser.add_argument("function", nargs="?", help="only this one; as MicroPython calls it, if others call it directly: with $ at its end")
    parser.add_argument("--arch", default="armv6m", choices=viperc.BACKENDS)
    args = parser.parse_args()
    made = unit(args.file, args.arch)
    made.listing = []
    made.improve(cross(made.source(), args.arch), build.built_in)
    md = Cs(CS_ARCH_X86, CS_MODE_64) if args.arch == "x64" else Cs(CS_ARCH_ARM, CS_MODE_THUMB | CS_MODE_MCLASS)
    md.skipdata = True
    for machine, name, text in made.listing:
        data = machine.assemble()
        at = machine.labels[name]
        ends = [place for label, place in machine.labels.items() if (isinstance(label, str) or label[0] == "table") and place > at]  # type: ignore[index]
        if args.function in (None, name):
            end = min(ends, default=len(data))
            print(f"\n{name}: {end - at} bytes\n{text}")
            for i in md.disasm(data[at:end], at):
                print(f"{i.address:6x}  {i.bytes.hex():16} {i.mnemonic} {i.op_str}")
    for name, why in made.report.items():
        print(f"{name} stays MicroPython's: {why}")


if __name__ == "__main__":
    main()
