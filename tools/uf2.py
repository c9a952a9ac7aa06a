# UF2, the file format of the Picos' USB boot loader: a flash image in blocks of 256 bytes, each with its address
# MIT license; Copyright (c) 2026 the pitwasm authors

import struct
from pathlib import Path

FLASH = 0x10000000  # where the image lies
RP2040 = 0xE48BFF56
RP2350 = 0xE48BFF59
ABSOLUTE = 0xE48BFF57
BLOCK = 256


def block(number: int, of: int, address: int, payload: bytes, family: int, flags: int = 0x2000) -> bytes:
    """https://github.com/microsoft/uf2: 32 bytes of head, the payload, zeros, a last magic word; 512 in all."""
    head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, flags, address, BLOCK, number, of, family)
    return head + payload.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30)


def write_uf2(image: Path, target: Path, family: int) -> None:
    data = image.read_bytes()
    parts = [data[at : at + BLOCK].ljust(BLOCK, b"\0") for at in range(0, len(data), BLOCK)]
    blocks = [block(i, len(parts), FLASH + i * BLOCK, part, family) for i, part in enumerate(parts)]
    if family == RP2350:
        # Erratum RP2350-E10: the boot loader of the first silicon wants a block first that it then ignores (picotool writes it, too).
        blocks.insert(0, block(0, 2, FLASH + 0xFFFF00, b"\xef" * BLOCK + struct.pack("<I", 0x9957E304), ABSOLUTE, 0xA000))
    target.write_bytes(b"".join(blocks))
