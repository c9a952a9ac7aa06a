# MicroPython for RV32IMC in QEMU (ports/qemu, VIRT_RV32), whose machine code an ESP32-C3 runs: make test-rv32
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import base64
import contextlib
import io
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mpremote.romfs import make_romfs

from tools import boardspec, build, micropython, suite
from tools.board import CHUNK, Board, BoardError, BoardLost
from tools.host import OUT, HostError, call, has, lock, need_packages, say

CACHE = OUT / "rv32"
HEAP = 1536 * 1024  # of the 2 MB of RAM that the port's linker script gives it
POOL = 640 * 1024

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


def firmware() -> Path:
    path = CACHE / "firmware.elf"
    with lock(CACHE):
        if path.exists():
            return path
        gcc = "riscv64-unknown-elf-gcc"
        picolibc = Path("/usr/lib/picolibc/riscv64-unknown-elf")
        need_packages(
            {"gcc-riscv64-unknown-elf": has(gcc), "picolibc-riscv64-unknown-elf": picolibc.exists(), "make": has("make")},
            "building MicroPython for RV32",
        )
        with lock(micropython.CACHE):
            folder = micropython.source() / "ports" / "qemu"
        say("building MicroPython for RV32 in QEMU (once, a quarter of a minute)")
        made = CACHE / "made"
        # The libraries come for rv32imac, and a GCC that knows CSR instructions only as an extension of their own is told not to.
        flags = ["RV32_ARCH=rv32imac", "AFLAGS=-mabi=ilp32 -march=rv32imac -misa-spec=2.2", f"MICROPY_HEAP_SIZE={HEAP}"]
        call("make", "-j2", "BOARD=VIRT_RV32", f"BUILD={made}", "FROZEN_MANIFEST=", f"PYTHON={sys.executable}", *flags, cwd=folder)
        return (made / "firmware.elf").rename(path)


class Qemu:
    """A machine with that firmware, in a `with` statement; pitwasm and further modules are mounted when it is connected to."""

    def __init__(self, files: dict[str, bytes]):
        self.firmware = firmware()
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


def run(specs: list[suite.SpecFile], least: int | None = None) -> boardspec.Tally:
    """Run the suite on two machines; least: a sample of so many commands."""
    jobs = boardspec.sample(specs, least, 1) if least else boardspec.whole(specs)
    packages = build.build("rv32imc") / "pitwasm"
    files = {f"pitwasm/{path.name}": path.read_bytes() for path in packages.glob("*.mpy")} | boardspec.child_files("rv32imc")
    with Qemu(files) as one, Qemu(files) as two:
        return boardspec.run(jobs, [boardspec.Worker(qemu.connect(), [(POOL, ("stock", "frozen"))]) for qemu in (one, two)])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.rv32", description="Run the WebAssembly suite on MicroPython for RV32.")
    parser.add_argument("--groups", default="core10,core20", help="comma-separated (default core10,core20)")
    parser.add_argument("--file", help="only the files of this name")
    parser.add_argument("--sample", type=int, metavar="N", help="a sample of at least N commands (default: everything)")
    args = parser.parse_args(argv)
    try:
        tally = run(suite.files(args.groups.split(","), args.file), args.sample)
    except (HostError, BoardError, BoardLost, build.BuildError, build.SourceError) as exc:
        print(exc, file=sys.stderr)
        return 1
    print(boardspec.table(tally))
    print("\n".join(tally.failures[:50]))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
