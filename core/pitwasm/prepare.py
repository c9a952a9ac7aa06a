# Makes and verifies prepared images (docs/image.md): on the host for `python -m tools.aot`, on a board for whoever wants to
# MIT license; Copyright (c) 2026 the pitwasm authors

from hashlib import sha256
from typing import Any

from . import layout
from .errors import LoadError, PitwasmError
from .image import checksum, header, start
from .imagecheck import BLOCKS, FLAGS
from .pool import get32, put32
from .source import MAGIC, buffer, readinto


def _blocks(pool, mod):
    """(kind, bytes) of all blocks behind an image's header: the module record, what it refers to, its function types."""
    buf = pool.buf
    record: Any = bytearray(pool.part(mod, layout.RECORD))
    for field in (layout.M_NEXT, layout.M_REFS, layout.M_NAME, layout.M_CODEOFF):
        put32(record, field, 0)
    put32(record, layout.M_FLAGS, get32(record, layout.M_FLAGS) & FLAGS)
    for i in range(0, len(BLOCKS), 4):
        field = BLOCKS[i] << 2
        put32(record, field, get32(record, field) != 0)
    yield layout.K_MODULE, record
    for i in range(0, len(BLOCKS), 4):
        field = BLOCKS[i] << 2
        kind = BLOCKS[i + 3]
        off = get32(buf, mod + field)
        if not off:
            continue
        size = pool.size_of(off)
        if field == layout.M_ENTRIES:
            cells: Any = bytearray(size)
            code = get32(buf, mod + layout.M_CODE)
            for at in range(0, 4 * (get32(buf, mod + layout.M_NFUNCS) - get32(buf, mod + layout.M_NIMPF)), 4):
                put32(cells, at, get32(buf, off + at) - code)
            yield kind, cells
        elif field == layout.M_TYPES:
            yield kind, bytearray(size)  # the loader's to fill in
        elif field in (layout.M_ELEMS, layout.M_DATAS):
            yield kind, bytearray(size)
            for at in range(off, off + 4 * get32(buf, mod + (BLOCKS[i + 1] << 2)), 4):
                segment = get32(buf, at)
                yield kind, pool.part(segment, pool.size_of(segment))
        else:
            yield kind, pool.part(off, size)
    off = get32(buf, mod + layout.M_TYPES)
    for at in range(off, off + 4 * get32(buf, mod + layout.M_NTYPES), 4):
        y = get32(buf, at)
        cells = bytearray(pool.part(y, pool.size_of(y)))
        put32(cells, layout.Y_NEXT, 0)
        put32(cells, layout.Y_REFS, 0)
        yield layout.K_TYPE, cells


def _views(pool, mod, native):
    """What is behind an image's header, in pieces of whole cells."""
    for kind, content in _blocks(pool, mod):
        if kind != layout.K_MODULE:
            cells: Any = bytearray(layout.BLOCK)
            put32(cells, layout.B_SIZE, len(content) + layout.BLOCK)
            put32(cells, layout.B_OWNER, kind)
            yield cells
        yield content
    if native:
        yield native


def write(module, file, digest=None, size=0):
    """Write the prepared image of a Module with file.write(); how many bytes it has.

    digest, size: SHA-256 and length of the .wasm it was loaded from, for whoever asks the image. PitwasmError when it was loaded
    lazily, or has or had instances: its code may have been fitted to them.
    """
    mod = module._check()
    flags = module._cell(layout.M_FLAGS)
    if flags & (layout.MF_LAZY | layout.MF_CAPPED) or module._cell(layout.M_REFS):
        raise PitwasmError("an image is made of a module that was loaded whole and not instantiated yet", module.name)
    if module._rt._tier:
        module._rt._tier.discard(mod)  # the code words are what is written
    return write_record(module._rt.pool, mod, file, digest, size)


def write_record(pool, mod, file, digest=None, size=0, machine=0, native=b""):
    """The same of a module record, as decode.load() gives it: nothing of what it imports need be there. native: machine code for that
    machine (layout.IH_MACHINE), as precompile.native() makes it."""
    total = types = blocks = 0
    for kind, content in _blocks(pool, mod):
        n = len(content) + (layout.BLOCK if kind != layout.K_MODULE else 0)
        total += n
        if kind == layout.K_TYPE:
            types += n
        elif kind != layout.K_MODULE:
            blocks += 1
    for off, _, kind, owner in pool.blocks():
        if kind and owner == mod and off != get32(pool.buf, mod + layout.M_NAME):
            blocks -= 1
    if blocks:
        raise PitwasmError("the module has blocks that an image cannot hold")
    head: Any = bytearray(layout.IMAGE)
    head[: layout.IH_MACHINE] = start()
    total += len(native)
    put32(head, layout.IH_MACHINE, machine if native else 0)
    put32(head, layout.IH_NATIVE, len(native))
    put32(head, layout.IH_SIZE, total)
    put32(head, layout.IH_TYPES, types)
    put32(head, layout.IH_WASM, size)
    head[layout.IH_SOURCE : layout.IH_DIGEST] = digest or bytes(32)
    sha = sha256(head[: layout.IH_DIGEST])
    for view in _views(pool, mod, native):
        sha.update(view)
    head[layout.IH_DIGEST : layout.IH_SUM] = sha.digest()
    s = checksum(head, 0, 0, layout.IH_SUM)
    for view in _views(pool, mod, native):
        s = checksum(view, s, 0, len(view))
    put32(head, layout.IH_SUM, s)
    file.write(head)
    for view in _views(pool, mod, native):
        file.write(view)
    return layout.IMAGE + total


def verify(source):
    """Read an image through: its size, its checksum, its SHA-256. (SHA-256 of the image, of the .wasm; bytes of the .wasm, 0 = not
    known.) LoadError when something is not right, or it is for another pitwasm."""
    data = buffer(source)
    buf: Any = bytearray(512)
    view = memoryview(buf)

    def read(at, n):
        if data is not None:
            n = min(n, len(data) - at)
            view[:n] = data[at : at + n]
            return n
        got = k = 0
        while got < n:
            k = readinto(source, view[got:n])
            if not k:
                break
            got += k
        return got

    if read(0, layout.IMAGE) != layout.IMAGE or buf[:4] != MAGIC:
        raise LoadError("no prepared image")
    head = buf[: layout.IMAGE]
    left, _, native = header(head, None if data is None else len(data))
    left += native
    sha = sha256(head[: layout.IH_DIGEST])
    s = checksum(head, 0, 0, layout.IH_SUM)
    at = layout.IMAGE
    while left:
        n = read(at, min(left, 512))
        if not n or n & 3:
            raise LoadError("unexpected end")
        sha.update(view[:n])
        s = checksum(buf, s, 0, n)
        at += n
        left -= n
    if read(at, 1):
        raise LoadError("damaged image: it goes on behind its end")
    if s != get32(head, layout.IH_SUM):
        raise LoadError("damaged image: its checksum is not right")
    digest = bytes(head[layout.IH_DIGEST : layout.IH_SUM])
    if sha.digest() != digest:
        raise LoadError("damaged image: its SHA-256 is not right")
    return digest, bytes(head[layout.IH_SOURCE : layout.IH_DIGEST]), get32(head, layout.IH_WASM)
