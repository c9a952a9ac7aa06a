# The boards of boards/: what their firmware freezes, where it goes in flash, and, where a compiler is to be had, that it builds
# MIT license; Copyright (c) 2026 the pitwasm authors

import subprocess
from pathlib import Path

import pytest

from tools import build, firmware
from tools.host import ROOT
from tools.uf2 import BLOCK

BOARDS = sorted(firmware.BOARD_ARCH)
ESP32 = [board for board in BOARDS if board.startswith("ESP32")]
KB = 1024


@pytest.fixture(scope="module")
def tree() -> Path:
    """MicroPython's source."""
    return firmware.sources()[0]


def test_every_board_has_a_definition() -> None:
    folders = {path.parent.name for path in (ROOT / "boards").glob("*/mpconfigboard.h")}
    assert folders == set(BOARDS)


@pytest.mark.parametrize("board", BOARDS)
def test_manifest(tree: Path, board: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As MicroPython's build reads it: every file of pitwasm for this processor, and MicroPython's own modules."""
    arch = firmware.BOARD_ARCH[board][0]
    packages = build.build(arch) / "pitwasm"
    port = tree / "ports" / ("esp32" if board in ESP32 else "rp2")
    monkeypatch.syspath_prepend(tree / "tools")
    import manifestfile

    variables = {"MPY_DIR": str(tree), "PORT_DIR": str(port), "BOARD_DIR": str(ROOT / "boards" / board), "MPY_LIB_DIR": ""}
    manifest = manifestfile.ManifestFile(manifestfile.MODE_FREEZE, variables)
    manifest.execute(f'include("{ROOT / "boards" / board / "manifest.py"}", lib=False)')
    frozen = {file.target_path: Path(file.full_path) for file in manifest.files()}
    for path in packages.glob("*.mpy"):
        assert frozen.pop(f"pitwasm/{path.name}").samefile(path)
    assert {"_boot.py", "asyncio/__init__.py"} <= frozen.keys()
    assert (port / "boards" / board / "mpconfigboard.h").exists()


@pytest.mark.parametrize("board", ESP32)
def test_esp32_settings(tree: Path, board: str, tmp_path: Path) -> None:
    """What ports/esp32/CMakeLists.txt does with a board: its files of settings exist, and the last word on partitions is ours."""
    script = tmp_path / "board.cmake"
    script.write_text(
        f"set(CMAKE_SOURCE_DIR {tree}/ports/esp32)\nset(CMAKE_BINARY_DIR {tmp_path})\nset(MICROPY_BOARD_DIR {ROOT}/boards/{board})\n"
        "include(${MICROPY_BOARD_DIR}/mpconfigboard.cmake)\n"
        "foreach(name ${SDKCONFIG_DEFAULTS})\nfile(READ ${name} text)\nfile(APPEND ${CMAKE_BINARY_DIR}/all ${text})\nendforeach()\n"
        'file(WRITE ${CMAKE_BINARY_DIR}/said "${MICROPY_FROZEN_MANIFEST};${IDF_TARGET}")\n'
    )
    done = subprocess.run(["cmake", "-P", script], cwd=tree / "ports" / "esp32", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    manifest, target = (tmp_path / "said").read_text().split(";")
    assert Path(manifest).samefile(ROOT / "boards" / board / "manifest.py")
    assert target in ("", "esp32s3", "esp32c3")
    key = "CONFIG_PARTITION_TABLE_CUSTOM_FILENAME="
    tables = [line for line in (tmp_path / "all").read_text().splitlines() if line.startswith(key)]
    assert Path(tables[-1].removeprefix(key).strip('"')).samefile(ROOT / "boards" / "partitions-4MiB.csv")


def partitions(path: Path) -> dict[str, tuple[str, int, int]]:
    rows = [[word.strip() for word in line.split(",")] for line in path.read_text().splitlines() if line.strip() and line[0] != "#"]
    return {name: (kind, int(offset, 0), int(size, 0)) for name, kind, _, offset, size, *_ in rows}


def test_partitions(tree: Path) -> None:
    ours = partitions(ROOT / "boards" / "partitions-4MiB.csv")
    stock = partitions(tree / "ports" / "esp32" / "partitions-4MiBplus.csv")
    end = 0x9000  # the boot loader and the table itself
    for kind, offset, size in ours.values():
        assert offset >= end
        assert offset % (0x10000 if kind == "app" else 0x1000) == 0 and size % 0x1000 == 0
        end = offset + size
    assert ours["nvs"] == stock["nvs"] and ours["phy_init"] == stock["phy_init"]  # so that a board keeps its settings
    # Whatever MicroPython's firmware may take of its own partition, pitwasm fits in besides; and files still have 1.5 MB of 4.
    most = max(sum(path.stat().st_size for path in (build.build(arch) / "pitwasm").glob("*.mpy")) for arch in ("xtensawin", "rv32imc"))
    assert ours["factory"][2] - stock["factory"][2] >= 1.25 * most
    assert 4 * KB * KB - end >= 1536 * KB


@pytest.mark.parametrize("board", ["RPI_PICO", "RPI_PICO2"])
def test_pico_firmware(board: str) -> None:
    """It builds and leaves the filesystem its place; the file for the boot loader holds the same bytes."""
    image = firmware.firmware(board, frozen=True)
    data = image.read_bytes()
    room = {"RPI_PICO": 640 * KB, "RPI_PICO2": 1024 * KB}[board]
    assert 400 * KB < len(data) <= room - 64 * KB
    if board == "RPI_PICO2":  # RP2350 data sheet, 5.9.5: the image's definition starts with this marker, in its first 4 KB
        assert bytes.fromhex("d3deffff") in data[: 4 * KB]
    blocks = image.with_suffix(".uf2").read_bytes()
    family = firmware.BOARD_ARCH[board][1].to_bytes(4, "little")
    ours = [blocks[at : at + 512] for at in range(0, len(blocks), 512) if blocks[at + 28 : at + 32] == family]
    assert b"".join(block[32 : 32 + BLOCK] for block in ours)[: len(data)] == data
