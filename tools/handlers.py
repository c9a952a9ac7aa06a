# What handlers of tools/ops.py are made of: slots, comparisons, ways into and out of functions, checked accesses, i64 by word size
# MIT license; Copyright (c) 2026 the pitwasm authors

import textwrap

F = "fp[ip[%d]]"
D, A, B = (F % i for i in (1, 2, 3))
REL = {"EQ": "==", "NE": "!=", "LT": "<", "GE": ">="}


def compare(kind: str, x: str, y: str) -> str:
    wrap = "" if kind[:2] in ("EQ", "NE") else "S32" if kind.endswith("S") else "UC"
    # a constant is no cell: it needs no sign extension, only the type
    yy = y if wrap in ("", "S32") and y.startswith(("ip[", "ptr16")) else f"uint({y})" if y.startswith(("ip[", "ptr16")) else f"{wrap}({y})"
    return f"{wrap}({x}) {REL[kind[:2]]} {yy}" if wrap else f"{x} {REL[kind[:2]]} {y}"


# ---- calls and returns --------------------------------------------------------------------------------
POP = """
ip = ptr8(base + cs[0])
cs = ptr32(int(cs) + 4)
fp = ptr32(int(fp) - (ip[1] << 2))
NEXT"""
# The header is read before anything changes: a call that does not fit leaves the state at the call word (S_LAZY or TRAP_STACK).
ENTER = """
if int(cs) - v < (h[0] << 2) + 16:
    if h[0] == 0xffff:
        EXIT(%s)
    EXIT(layout.TRAP_STACK)
cs = ptr32(int(cs) - 4)
cs[0] = %s
fp = ptr32(v)
w = h[2]
if w:
    t = h[1]
    while w:
        fp[t] = 0
        t += 1
        w -= 1
ip = ptr8(int(h) + 4)
"""

# ---- memory 0 ------------------------------------------------------------------------------------------
# One comparison: the translator emits these words only where offset + size <= M_SAFE <= lim, so lim - offset - size is never negative.
# What does not fit, and on 32-bit words what is not aligned (boards cannot load words from odd addresses), is left to access.py.
CHECKED = """
t = %s
if UC(t) <= uint(lim - %s - %d):
    m = ptr8(int(mem) + t + %s)
"""


def checked(base: str, offset: str, size: int, body: str, last: str) -> str:
    """A load or store: bounds, alignment, the access itself."""
    lines = [*body.split("\n"), last]
    if size == 1:
        inner = ["    " + line for line in lines]
    else:
        mask = min(size, 4) - 1
        aligned = [f"    if int(m) & {mask} == 0:"] + ["        " + line for line in lines]
        inner = ["    if W64:"] + ["        " + line for line in lines] + ["    else:"] + ["    " + line for line in aligned]
    return CHECKED % (base, offset, size, offset) + "\n".join(inner) + "\nEXIT(S_RARE)"


LOAD = {(4, 0): f"{D} = ptr32(m)[0]", (1, 1): f"{D} = (m[0] ^ 0x80) - 0x80", (1, 0): f"{D} = m[0]",
        (2, 1): f"{D} = (ptr16(m)[0] ^ 0x8000) - 0x8000", (2, 0): f"{D} = ptr16(m)[0]",
        (8, 0): "r = ptr32(int(fp) + (ip[1] << 2))\nr[0] = ptr32(m)[0]\nr[1] = ptr32(m)[1]"}
STORE = {1: f"m[0] = {A}", 2: f"ptr16(m)[0] = {A}", 4: f"ptr32(m)[0] = {A}",
         8: "r = ptr32(int(fp) + (ip[2] << 2))\nptr32(m)[0] = r[0]\nptr32(m)[1] = r[1]"}
# Constant address: no base, checked against the size at hand; emitted only at aligned addresses.
STATIC = "t = ptr16(ip)[1]\nif t <= lim - %d:\n    %s\n    NEXT\nEXIT(S_RARE)"

# ---- i64: two slots, low word first ------------------------------------------------------------------
X64 = "v = ip[2]\nx64 = fp[v] | (fp[v + 1] << 32)\nv = ip[3]\ny64 = fp[v] | (fp[v + 1] << 32)\nv = ip[1]\n"
PUT64 = "fp[v] = x64\nfp[v + 1] = x64 >> 32\nNEXT"
COUNT64 = "v = ip[2]\nx64 = fp[v] | (fp[v + 1] << 32)\nt = fp[ip[3]] & 63\nv = ip[1]\n"
# 32-bit: y : z = the operand, t = the count below 32, w = not 0 where it was 32 or more
PAIR = "v = ip[2]\nz = fp[v]\ny = fp[v + 1]\nt = fp[ip[3]]\nv = ip[1]\nw = t & 32\nt = t & 31\n"
PUT_PAIR = "fp[v] = z\nfp[v + 1] = y\nNEXT"


def by_word(wide: str, narrow: str) -> str:
    """`wide` on 64-bit words, `narrow` on 32-bit words."""
    wide, narrow = (textwrap.indent(lines.strip("\n"), "    ") for lines in (wide, narrow))
    return f"if W64:\n{wide}\nelse:\n{narrow}"
