# MicroPython for 32-bit Arm under qemu-user, from Debian's packages: Thumb-2 machine code, as an RP2350 runs it: make test-arm
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

from tools import build, debian, spec, suite
from tools.host import OUT, HostError, call, has, lock
from tools.micropython import SUITES
from tools.mp import MicroPython

CACHE = OUT / "arm"
QEMU_SUITES = ("bookworm", "trixie", "forky", "sid")
ARCHS = ("armv6m", "armv7m")  # both run on it: Thumb-1 alone, and Thumb-2


def ensure() -> Path:
    """A command that runs MicroPython for Arm; made once of packages, which are only unpacked."""
    runner = CACHE / "micropython"
    with lock(CACHE):
        if not runner.exists():
            root = CACHE / "root"
            downloads = CACHE / "dl"
            wanted, there = ["micropython"], set()
            while wanted:  # the package, what it depends on, and so on
                for path in debian.fetch(downloads, debian.suites(*SUITES), binaries=wanted, arch="armhf").values():
                    call("dpkg", "-x", path, root)
                there |= set(wanted)
                wanted = sorted({name for name in wanted for name in depends(downloads, name)} - there)
            (root / "lib").symlink_to("usr/lib")
            qemu = qemu_arm()
            fresh = runner.with_suffix(".tmp")
            fresh.write_text(f'#!/bin/sh\nexec "{qemu}" -L "{root}" "{root}/usr/bin/micropython" "$@"\n')
            fresh.chmod(0o755)
            fresh.rename(runner)
    return runner


def depends(folder: Path, name: str) -> list[str]:
    """The packages that one needs to run, of shared libraries."""
    package = max(folder.glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime)
    done = subprocess.run(["dpkg-deb", "-f", package, "Depends"], capture_output=True, text=True, check=True)
    return re.findall(r"(?:^|, )(lib[\w.+-]+)", done.stdout)


def qemu_arm() -> Path:
    """qemu-user for Arm: installed, or out of its package."""
    for name in ("qemu-arm-static", "qemu-arm"):
        if has(name):
            return Path(name)
    path = debian.fetch(CACHE / "dl", QEMU_SUITES, binaries=["qemu-user-static"])["qemu-user-static"]
    call("dpkg", "-x", path, CACHE / "qemu")
    return CACHE / "qemu" / "usr" / "bin" / "qemu-arm-static"


def get(arch: str) -> MicroPython:
    return MicroPython(ensure(), 32, build.build(arch))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.arm", description="Run the WebAssembly suite on MicroPython for Arm.")
    parser.add_argument("--arch", default="armv7m", help=f"comma-separated, of {', '.join(ARCHS)} (default armv7m)")
    parser.add_argument("--groups", default="core10,core20,core30", help="comma-separated (default core10,core20,core30)")
    parser.add_argument("--file", help="only the files of this name")
    parser.add_argument("--native", choices=("never", "hot", "always"), default="never", help="machine code (default: never)")
    parser.add_argument("-j", type=int, default=2, metavar="N", help="children at once (default 2)")
    args = parser.parse_args(argv)
    good = True
    try:
        for arch in args.arch.split(","):
            start = time.monotonic()
            specs = suite.files(args.groups.split(","), args.file)
            mode = "stream" if args.native == "never" else f"stream+{args.native}"
            results = spec.run_files(specs, get(arch), mode, args.j)
            passed, total = (sum(getattr(result, name) for result in results) for name in ("passed", "total"))
            print("\n".join(spec.troubles(results)[:50]))
            print(f"{arch} under qemu-user: {passed} of {total} commands pass, {time.monotonic() - start:.0f} s", flush=True)
            if args.native != "never":
                print(spec.part(results, specs))
            good &= all(result.ok for result in results)
    except (HostError, build.BuildError, build.SourceError) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
