# Xtensa machine code run on a bare core in QEMU, while unix MicroPython does everything else: python -m tools.xtensa PROGRAM ARGUMENTS
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# MicroPython for Xtensa runs in no emulator at hand. So a 32-bit unix MicroPython gets the native tier with Xtensa's assembler, which
# it cannot run: whenever the loop enters native code, the pool, with the code in it, goes over a pipe to a core of QEMU's simulator
# machine, which calls the way in as MicroPython would (windowed ABI), and comes back with what has become of it.

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tools import build, macros, mp
from tools.host import OUT, ROOT, call, has, lock, need_packages

CACHE = OUT / "xtensa"
CORE = "dc233c"  # windows, 16-bit instructions, MUL32, DIV32, NSA; memory at 0, it starts at 0xfe000000
LAYOUT = macros.load_layout(ROOT / "core/pitwasm/layout.py")
MOST = 400  # times that native code is entered at one place of a module
HEAD, REGISTERS, STACK, POOL = 0x8000, 0x8100, 0xF0000, 0x100000  # what lies where

# Receives [address of the way in, argument, bytes of the pool] and the pool, calls the way in, sends its result and the pool. Host calls
# are the simulator's (SIMCALL: 3 reads, 4 writes). What the assembler at hand does not know is there in bytes.
PROGRAM = f"""
    .section .reset, "ax"       # where the core starts
    movi a2, 0x400
    jx a2
    .text                       # at 0x400, in the gigabyte that the pool is in: retw keeps the upper two bits of the address
    j start
    .align 4
    .literal_position
start:
    movi a2, 0x40000            # windows, no exception, no interrupt masked
    wsr.ps a2
    rsync
    movi a2, 0
    .byte 0x20, 0x48, 0x13      # wsr.windowbase a2
    rsync
    movi a2, 1
    .byte 0x20, 0x49, 0x13      # wsr.windowstart a2
    rsync
    movi a1, {STACK}
again:
    movi a6, {HEAD}
    movi a7, 12
    call0 receive
    movi a6, {POOL}
    movi a2, {HEAD}
    l32i a7, a2, 8
    call0 receive
    movi a2, {HEAD}
    l32i a8, a2, 0
    movi a13, {HEAD} + 4        # args
    .byte 0xe0, 0x08, 0x00      # callx8 a8
    movi a6, {HEAD}
    s32i a10, a6, 0
    movi a7, 4
    call0 send
    movi a6, {POOL}
    movi a2, {HEAD}
    l32i a7, a2, 8
    call0 send
    j again
receive:
    movi a2, 3
    movi a3, 0
    j move
send:
    movi a2, 4
    movi a3, 1
move:
    mov a15, a2
    mov a14, a3
1:  mov a2, a15
    mov a3, a14
    mov a4, a6
    mov a5, a7
    .byte 0x00, 0x51, 0x00      # simcall
    bgei a2, 1, 2f
    movi a2, 1                  # the other side is gone: exit
    .byte 0x00, 0x51, 0x00
2:  add a6, a6, a2
    sub a7, a7, a2
    bnez a7, 1b
    ret

    # An instruction it does not have can only be muluh, which an ESP32 has: done here.
    .section .exception, "ax"   # the vector
    j muluh
    .text
muluh:
    wsr.excsave1 a0
    movi a0, {REGISTERS}
    s32i a1, a0, 4
    s32i a2, a0, 8
    s32i a3, a0, 12
    s32i a4, a0, 16
    s32i a5, a0, 20
    s32i a6, a0, 24
    s32i a7, a0, 28
    s32i a8, a0, 32
    s32i a9, a0, 36
    s32i a10, a0, 40
    s32i a11, a0, 44
    s32i a12, a0, 48
    s32i a13, a0, 52
    s32i a14, a0, 56
    s32i a15, a0, 60
    rsr.excsave1 a1
    s32i a1, a0, 0
    rsr.exccause a1
    bnez a1, stop
    rsr.epc1 a1
    l8ui a2, a1, 0              # the instruction
    l8ui a3, a1, 1
    l8ui a4, a1, 2
    movi a5, 0xa2
    bne a4, a5, stop
    addi a1, a1, 3
    wsr.epc1 a1
    extui a4, a3, 0, 4
    addx4 a4, a4, a0
    l32i a4, a4, 0              # its operands
    extui a5, a2, 4, 4
    addx4 a5, a5, a0
    l32i a5, a5, 0
    extui a3, a3, 4, 4
    addx4 a3, a3, a0
    extui a6, a4, 0, 16
    extui a7, a4, 16, 16
    extui a8, a5, 0, 16
    extui a9, a5, 16, 16
    mull a10, a6, a8
    mull a11, a7, a8
    mull a12, a6, a9
    mull a13, a7, a9
    extui a10, a10, 16, 16
    extui a14, a11, 0, 16
    add a10, a10, a14
    extui a14, a12, 0, 16
    add a10, a10, a14
    extui a10, a10, 16, 16
    add a13, a13, a10
    extui a11, a11, 16, 16
    add a13, a13, a11
    extui a12, a12, 16, 16
    add a13, a13, a12
    s32i a13, a3, 0
    l32i a1, a0, 4
    l32i a2, a0, 8
    l32i a3, a0, 12
    l32i a4, a0, 16
    l32i a5, a0, 20
    l32i a6, a0, 24
    l32i a7, a0, 28
    l32i a8, a0, 32
    l32i a9, a0, 36
    l32i a10, a0, 40
    l32i a11, a0, 44
    l32i a12, a0, 48
    l32i a13, a0, 52
    l32i a14, a0, 56
    l32i a15, a0, 60
    l32i a0, a0, 0
    rfe
stop:
    movi a2, 1
    .byte 0x00, 0x51, 0x00
    j stop
"""

# In front of the program that MicroPython runs.
SETUP = """
import sys
import pitwasm
from pitwasm import native, tier
from pitwasm.lifecycle import Lifecycle
from pitwasm.pool import get32, put32
from uctypes import addressof, bytearray_at

class Bare:
    platform = "bare"

native.sys = tier.sys = Bare  # code goes to the pool
out = open(sys.argv[1], "wb")
back = open(sys.argv[2], "rb")

def receive(view):
    at = 0
    while at < len(view):
        n = back.readinto(view[at:])
        if not n:
            raise OSError("the core has stopped")
        at += n

def connect(rt):
    buf = rt._buf
    address = addressof(buf)
    put32(buf, rt._tier._state + %d, %d)
    head = bytearray(12)
    answer = bytearray(4)
    way_in = int.from_bytes(bytearray_at(id(rt._native) + 12, 4), "little") - address
    put32(head, 0, %d + way_in)
    put32(head, 8, len(buf))

    def enter(e):
        at = get32(buf, (e << 2) - address & 0xFFFFFFFF)
        counts[at] = counts.get(at, 0) + 1
        if counts[at] > %d:
            return %d  # the loop shall do this word, as where native code cannot do it: a module's millionth entry shows nothing new
        put32(head, 4, (%d + ((e << 2) - address & 0xFFFFFFFF)) >> 2 << 1 | 1)
        out.write(head)
        out.write(buf)
        receive(memoryview(answer))
        receive(memoryview(buf))
        return get32(answer, 0) >> 1

    rt._native = enter

counts = {}  # how often native code was entered, by place

class Runtime(pitwasm.Runtime):
    def __init__(self, size, **more):
        super().__init__(min(size, 300000), **more)  # all of it goes over the pipe, each time
        if more.get("native", "never") != "never":
            connect(self)

    def load(self, *args, **more):
        counts.clear()
        return Lifecycle.load(self, *args, **more)

pitwasm.Runtime = Runtime
program = sys.argv[3]
del sys.argv[:3]
exec(open(program).read(), {"__name__": "__main__"})
""" % (4 * LAYOUT["X_CODE"], POOL, POOL, MOST, LAYOUT["S_UNDO"], POOL)


@cache
def program() -> Path:
    """What the core runs."""
    wanted = {"binutils-xtensa-lx106": has("xtensa-lx106-elf-as"), "qemu-system-misc": has("qemu-system-xtensa")}
    need_packages(wanted, "running Xtensa code")
    with lock(CACHE):
        source, made, path = (CACHE / f"core.{kind}" for kind in ("s", "o", "elf"))
        source.write_text(PROGRAM)
        call("xtensa-lx106-elf-as", "--text-section-literals", "-o", made, source)
        places = ("-Ttext=0x400", "--section-start=.reset=0xfe000000", "--section-start=.exception=0x2300")
        call("xtensa-lx106-elf-ld", *places, "-o", path, made)
        return path


@cache
def packages() -> Path:
    """pitwasm for 32-bit unix, with this machine in the place of the host's."""
    before = build.MACHINES
    build.MACHINES = {**before, "x86": "xtensa"}
    try:
        return build.build("x86", CACHE)
    finally:
        build.MACHINES = before


class Machine:
    """Stands for a unix MicroPython where tools/programs.py runs its programs."""

    bits = 32

    def __init__(self) -> None:
        self.micropython = mp.MicroPython(mp.get(32).path, 32, packages())
        self.program = program()

    def run(self, args: Sequence[str | Path], timeout: float = 60, heap: str = "16M") -> subprocess.CompletedProcess[str]:
        """A program, and the arguments it finds in sys.argv."""
        with tempfile.TemporaryDirectory() as folder:
            there, back = (Path(folder, name) for name in ("there", "back"))
            for pipe in (there, back):
                os.mkfifo(pipe)
            # Opened for both: nobody waits for the other to open its end.
            with open(os.open(there, os.O_RDWR), "rb", 0) as stdin, open(os.open(back, os.O_RDWR), "wb", 0) as stdout:
                command = ["qemu-system-xtensa", "-M", "sim", "-cpu", CORE, "-semihosting", "-display", "none", "-monitor", "none"]
                core = subprocess.Popen([*command, "-serial", "none", "-kernel", str(self.program)], stdin=stdin, stdout=stdout)

                def watch() -> None:
                    core.wait()
                    stdout.close()  # whoever reads from it sees the end

                watcher = threading.Thread(target=watch)
                watcher.start()
                try:
                    wrapper = Path(folder, "wrapper.py")
                    wrapper.write_text(SETUP)
                    return self.micropython.run([wrapper, there, back, *args], timeout=timeout, heap=heap)
                finally:
                    core.kill()
                    watcher.join()


def main(argv: list[str] | None = None) -> int:
    done = Machine().run(sys.argv[1:] if argv is None else argv, timeout=3600)
    print(done.stdout, end="")
    print(done.stderr, end="", file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
