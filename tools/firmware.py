# Firmware from Debian's sources: the stock RPI_PICO for the emulator, boards with pitwasm frozen, the boot-ROM stub: make firmware
# MIT license; Copyright (c) 2026 the pitwasm authors

import argparse
import hashlib
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tools import build, debian, micropython
from tools.host import OUT, ROOT, HostError, call, has, lock, need_packages, say
from tools.uf2 import RP2040, RP2350, write_uf2

CACHE = OUT / "firmware"
BOARDS = ROOT / "boards"
BOOTROM = ROOT / "tools" / "emulator" / "bootrom"

# Board -> architecture of its .mpy files, and the UF2 family of its boot loader (None: not a UF2 board).
BOARD_ARCH: dict[str, tuple[str, int | None]] = {
    "RPI_PICO": ("armv6m", RP2040),
    "RPI_PICO2": ("armv7m", RP2350),
    "ESP32_GENERIC": ("xtensawin", None),
    "ESP32_GENERIC_S3": ("xtensawin", None),
    "ESP32_GENERIC_C3": ("rv32imc", None),
}

SDK_SUITES = ("trixie", "forky", "sid")  # MicroPython 1.26 wants pico-sdk 2.1.1, as trixie has it


def toolchain() -> None:
    arm = has("arm-none-eabi-gcc")
    need_packages(
        {
            "gcc-arm-none-eabi": arm,
            "libnewlib-arm-none-eabi": not arm or _has_spec("nosys.specs"),
            "libstdc++-arm-none-eabi-newlib": not arm or _has_spec("libstdc++.a"),
            "cmake": has("cmake"),
            "make": has("make"),
        },
        "building firmware for a Pico",
    )


def _has_spec(name: str) -> bool:
    done = subprocess.run(["arm-none-eabi-gcc", f"-print-file-name={name}"], capture_output=True, text=True)
    return "/" in done.stdout


def sources() -> tuple[Path, Path]:
    """MicroPython's source, with the libraries ports/rp2 needs in their places; and the pico-sdk."""
    with lock(micropython.CACHE):
        tree = micropython.source()
        sdk, mbedtls = CACHE / "sdk", CACHE / "mbedtls"
        if not mbedtls.exists():
            archive = debian.fetch(CACHE / "dl", debian.suites(*micropython.SUITES), sources=["mbedtls"])["mbedtls"]
            debian.unpack_source(archive, mbedtls)
        if not sdk.exists():
            fresh = CACHE / "sdk.tmp"
            shutil.rmtree(fresh, ignore_errors=True)
            for package in debian.fetch(CACHE / "dl", SDK_SUITES, binaries=["pico-sdk-source", "tinyusb-source"]).values():
                call("dpkg", "-x", package, fresh)
            fresh.rename(sdk)
        for name, target in (("tinyusb", sdk / "usr/src/tinyusb"), ("mbedtls", mbedtls)):
            place = tree / "lib" / name
            if not (place.is_symlink() and place.readlink() == target):
                if place.is_symlink():  # the checkout has moved
                    place.unlink()
                shutil.rmtree(place, ignore_errors=True)  # an empty folder
                place.symlink_to(target)
        return tree, sdk / "usr/src/pico-sdk"


def firmware(board: str = "RPI_PICO", frozen: bool = False) -> Path:
    """firmware.bin of an rp2 board, stock or with pitwasm frozen; made when what goes into it has changed."""
    arch = BOARD_ARCH[board][0]
    if frozen:
        build.build(arch)
    kind = "pitwasm" if frozen else "stock"
    path = CACHE / f"{board}-{kind}.bin"
    stamp = path.with_suffix(".stamp")
    with lock(CACHE):
        key = _key(board, arch, frozen)
        if not (path.exists() and stamp.exists() and stamp.read_text() == key):
            toolchain()
            made = _make(board, kind, f'include("{BOARDS / board / "manifest.py"}", pitwasm={frozen}, lib=False)\n')
            for suffix in (".bin", ".elf", ".elf.map"):
                shutil.copy2(made / ("firmware" + suffix), path.with_suffix(suffix))
            if family := BOARD_ARCH[board][1]:
                write_uf2(path, path.with_suffix(".uf2"), family)
            stamp.write_text(key)
    return path


def _key(board: str, arch: str, frozen: bool) -> str:
    files = [Path(__file__), BOARDS / "manifest.py", *sorted((BOARDS / board).iterdir())]
    if frozen:
        files += [ROOT / "manifest.py", *sorted((OUT / arch / "pitwasm").glob("*.mpy"))]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _make(board: str, kind: str, manifest: str) -> Path:
    """Run cmake and make; the build folder. Both kinds of a board share it: they differ in one object file."""
    tree, sdk = sources()
    made = CACHE / board
    cache = made / "CMakeCache.txt"
    if cache.exists() and f"CMAKE_CACHEFILE_DIR:INTERNAL={made}\n" not in cache.read_text():
        shutil.rmtree(made)  # made in a checkout that has moved: cmake would refuse it
    made.mkdir(parents=True, exist_ok=True)
    no_lib = CACHE / "no-lib"  # stands for micropython-lib, which Debian's source leaves out
    no_lib.mkdir(exist_ok=True)
    (no_lib / "README.md").write_text("Not here.\n")
    text = made / "manifest.py"
    text.write_text(manifest)
    (made / "frozen_content.c").unlink(missing_ok=True)  # makemanifest.py would not notice that there is less to freeze
    say(f"building MicroPython for {board}, {kind} (the first time about a minute and a half)")
    environ = {"MICROPY_MPYCROSS": build.mpy_cross()}
    call(
        *("cmake", "-S", tree / "ports/rp2", "-B", made, "-DPICO_BUILD_DOCS=0", "-DPICO_NO_PICOTOOL=1"),
        *(f"-DMICROPY_BOARD={board}", f"-DMICROPY_BOARD_DIR={BOARDS / board}", f"-DPICO_SDK_PATH_OVERRIDE={sdk}"),
        *(f"-DMICROPY_LIB_DIR={no_lib}", f"-DMICROPY_FROZEN_MANIFEST={text}", f"-DPython3_EXECUTABLE={sys.executable}"),
        **environ,
    )
    call("make", "-C", made, "-j2", **environ)
    return made


def bootrom() -> Path:
    """The boot-ROM stub of the emulated Pico."""
    sources = [BOOTROM / name for name in ("bootrom.S", "conv.c", "rom.ld")]
    path = CACHE / "bootrom.bin"
    key = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()
    stamp = path.with_suffix(".stamp")
    with lock(CACHE):
        if not (path.exists() and stamp.exists() and stamp.read_text() == key):
            toolchain()
            elf = path.with_suffix(".elf")
            flags = ["-mcpu=cortex-m0plus", "-mthumb", "-Os", "-ffreestanding", "-nostdlib", "-nostartfiles", "-Wl,--gc-sections"]
            call("arm-none-eabi-gcc", *flags, "-T", sources[2], "-o", elf, *sources[:2], "-lgcc")
            call("arm-none-eabi-objcopy", "-O", "binary", elf, path)
            stamp.write_text(key)
    return path


def sizes(board: str) -> str:
    """What freezing pitwasm adds to a board's firmware."""
    stock, frozen = (CACHE / f"{board}-{kind}.bin" for kind in ("stock", "pitwasm"))
    lines = [f"{frozen}: {frozen.stat().st_size} bytes"]
    if stock.exists():
        lines.append(f"{stock}: {stock.stat().st_size} bytes; pitwasm adds {frozen.stat().st_size - stock.stat().st_size}")
    if frozen.with_suffix(".uf2").exists():
        lines.append(f"{frozen.with_suffix('.uf2')}: hold BOOTSEL, plug the board in, copy this file to it")
    return "\n".join(lines)


def esp32(board: str, tree: Path | None) -> int:
    """An ESP32 board: with ESP-IDF and a MicroPython checkout; neither is to be had from Debian."""
    arch = BOARD_ARCH[board][0]
    build.build(arch)
    command = ["make", "-C", "ports/esp32", f"BOARD_DIR={BOARDS / board}"]
    if tree is None or not has("idf.py"):
        print(f"build/{arch} is made. {board} needs ESP-IDF, which no Debian package holds, and a checkout of MicroPython with")
        print(f"its submodules. With ESP-IDF's export.sh sourced, in the checkout:\n    {shlex.join(command)}")
        print(f"or here:\n    make firmware BOARD={board} TREE=path/of/the/checkout")
        return 1
    return subprocess.run(command, cwd=tree).returncode


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.firmware", description="Build firmware with pitwasm frozen into it.")
    parser.add_argument("board", choices=BOARD_ARCH, nargs="?", default="RPI_PICO")
    parser.add_argument("--stock", action="store_true", help="without pitwasm, as the emulator boots it")
    parser.add_argument("--micropython", type=Path, help="a checkout of MicroPython (for ESP32 boards)")
    args = parser.parse_args(argv)
    try:
        if BOARD_ARCH[args.board][1] is None:
            return esp32(args.board, args.micropython)
        path = firmware(args.board, frozen=not args.stock)
        print(f"{path}: {path.stat().st_size} bytes" if args.stock else sizes(args.board))
    except (HostError, build.BuildError, build.SourceError) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
