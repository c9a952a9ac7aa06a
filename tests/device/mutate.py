# Seeded mutations of WebAssembly modules, the same on MicroPython (any word size) and CPython
# MIT license; Copyright (c) 2026 the pitwasm authors


class Random:
    """Park and Miller's generator: reproducible, and small enough for 32-bit MicroPython."""

    def __init__(self, seed):
        self.state = seed % 0x7FFFFFFE + 1
        for _ in range(4):
            self.next()

    def next(self):
        self.state = self.state * 48271 % 0x7FFFFFFF
        return self.state

    def below(self, n):
        return (self.next() >> 7) % n if n > 0 else 0


# Bytes that mean something in many places: limits of LEB128, value types, block ends, prefixes.
TELLING = b"\x00\x01\x02\x04\x05\x0b\x0c\x0e\x10\x11\x1a\x1b\x20\x23\x28\x3f\x40\x41\x42\x6f\x70\x7c\x7d\x7e\x7f\x80\x81\xd0\xd2\xfc\xff"


def leb(data, at):
    """(value, position after it) of an unsigned LEB128, None beyond the end."""
    value = shift = 0
    while at < len(data) and shift < 35:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte < 0x80:
            return value, at
    return None


def encoded(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return out


def sized_parts(data, pos):
    """The size fields that cover byte `pos`, outermost first: (position of the field, position after it, size).

    A section, and in the code section the function body.
    """
    found = []
    at = 8
    while at < len(data):
        kind = data[at]
        field = at + 1
        size = leb(data, field)
        if size is None or size[1] + size[0] > len(data):
            break
        n, start = size
        if start <= pos < start + n:
            found.append((field, start, n))
            if kind == 10:
                end = start + n
                count = leb(data, start)
                at = count[1] if count else end
                while at < end:
                    field = at
                    size = leb(data, field)
                    if size is None or size[1] + size[0] > end:
                        break
                    n, start = size
                    if start <= pos < start + n:
                        found.append((field, start, n))
                        break
                    at = start + n
            break
        at = start + n
    return found


def edit(data, pos, remove, put, repair):
    """Replace `remove` bytes at `pos`; repair: the sizes around it are made to fit again."""
    if not repair:
        return data[:pos] + put + data[pos + remove :]
    fields = sized_parts(data, pos)
    for _, start, size in fields:
        remove = min(remove, start + size - pos)
    grow = len(put) - remove
    data = data[:pos] + put + data[pos + remove :]
    for field, start, size in reversed(fields):
        new = encoded(max(size + grow, 0))
        data = data[:field] + new + data[start:]
        grow += len(new) - (start - field)
    return data


def mutation(random, data, other):
    """A changed copy of `data`; half of all are byte flips, the rest inserts, deletes and splices from `other`."""
    data = bytes(data)
    for _ in range((1, 1, 1, 2, 2, 3)[random.below(6)]):
        kind = random.below(8)
        # Mostly past the header, which is nothing but magic; half of them in the code section, which is last as a rule.
        pos = random.below(len(data)) if random.below(32) == 0 else 8 + random.below(len(data) - 8)
        if random.below(2):
            pos = len(data) - 1 - random.below(max(len(data) // 2, 1))
        repair = random.below(4) != 0
        if kind < 4:
            byte = data[pos] if pos < len(data) else 0
            how = random.below(3)
            byte = byte ^ 1 << random.below(8) if how == 0 else TELLING[random.below(len(TELLING))] if how == 1 else random.below(256)
            data = data[:pos] + bytes((byte,)) + data[pos + 1 :]
        elif kind == 4:
            put = bytes([TELLING[random.below(len(TELLING))] if random.below(2) else random.below(256) for _ in range(1 + random.below(5))])
            data = edit(data, pos, 0, put, repair)
        elif kind == 5:
            data = edit(data, pos, 1 + random.below(8), b"", repair)
        elif kind == 6:
            start = random.below(len(other))
            data = edit(data, pos, random.below(6), other[start : start + 1 + random.below(24)], repair)
        else:
            start = 8 + random.below(len(data) - 8)  # from itself: code moves to where it does not belong
            data = edit(data, pos, random.below(6), data[start : start + 1 + random.below(24)], repair)
        if len(data) < 9:
            break
    return data


def numbered(seed, index, paths, read):
    """Mutation `index` of a seed over these files: (path it came from, bytes)."""
    random = Random(seed * 100003 + index)
    path = paths[random.below(len(paths))]
    return path, mutation(random, read(path), read(paths[random.below(len(paths))]))
