# Packages: mpremote mip installs them from a folder and from a web server, and the right one is chosen
# MIT license; Copyright (c) 2026 the pitwasm authors

from collections.abc import Callable
from pathlib import Path

import pytest
import wasmtime

from tools import dist
from tools.board import BoardError
from tools.emulator import Emulator
from tools.host import ROOT

ADD = ROOT / "examples" / "plugins" / "average.wasm"
RUN = "import pitwasm\nrt = pitwasm.Runtime(8192)\ni = rt.instantiate(rt.load(open('/m.wasm', 'rb')))\nprint(list(i.exports)[0][0])"

# With a division of 64 bits: without the package bulk its import fails.
BULK = '(module (func (export "f") (param i64) (result i64) (i64.div_s (local.get 0) (i64.const 3))))'
LOAD = "import pitwasm\nrt = pitwasm.Runtime(8192)\nrt.load(open('/w.wasm', 'rb'))"


def test_core_from_a_folder_then_bulk_over_http(boot: Callable[[str], Emulator], packages: Path, server: str) -> None:
    with boot("bare") as pico:
        assert dist.choose(pico.url)[0] == "armv6m"
        pico.release()
        pico.mpremote("mip", "install", str(packages / "package-core.json"))
        board = pico.board
        board.put("/m.wasm", ADD.read_bytes())
        board.exec(RUN)
        board.put("/w.wasm", bytes(wasmtime.wat2wasm(BULK)))
        board.soft_reset()
        with pytest.raises(BoardError, match="no module named 'pitwasm.bulk'"):
            board.exec(LOAD, timeout=120)
        pico.mpremote("mip", "install", f"{server}/armv6m/package-bulk.json")
        pico.board.exec(LOAD, timeout=120)


def test_wrong_architecture(boot: Callable[[str], Emulator], packages: Path) -> None:
    """The machine code of another processor is refused at import, with the name of the right package."""
    with boot("bare") as pico:
        pico.board.put_tree(packages.parent / "armv7m" / "pitwasm", "/lib/pitwasm")
        with pytest.raises(BoardError, match="ImportError: .*install pitwasm for armv6m"):
            pico.board.exec("import pitwasm\npitwasm.Runtime")
