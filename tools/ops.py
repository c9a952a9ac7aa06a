# The operation table: one row per code-word operation; everything that knows an operation is generated from it.
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# A code word is 4 bytes [op, x, y, z]; some operations have extension words. Forms name the bytes:
#   d = destination slot, a b = operand slots, i = unsigned 8-bit constant, o = unsigned 8-bit address offset,
#   jj = unsigned 16-bit field in bytes 2-3, + = one extension word (R = branch distance in bytes from the word behind the first, I = constant,
#   O = address offset), s = sub-operation.
# Handlers are lines of viper (macros of tools/build.py) in the scope of run() in tools/genloop.py; the last line leaves:
#   NEXT / NEXT8 / NEXT12  go on 4 / 8 / 12 bytes further (the loop itself adds 4)      JUMP  branch by the extension word
#   EXIT(code)  leave to the driver with that status; E_DETAIL = t
# Weight: how often it runs in typical programs, in parts of a thousand; it shapes the decision tree.
from typing import NamedTuple

from tools.handlers import COUNT64, ENTER, LOAD, PAIR, POP, PUT64, PUT_PAIR, STATIC, STORE, X64, A, B, D, by_word, checked, compare


class Op(NamedTuple):
    name: str  # OP_<NAME> in the other files
    form: str
    weight: float
    lines: str
    bits: int = 0  # the operation occupies 2 ** bits consecutive codes (a family told apart by its low bits)


ROWS: list[Op] = []


def op(name: str, form: str, weight: float, lines: str, bits: int = 0) -> None:
    ROWS.append(Op(name, form, weight, lines.strip("\n"), bits))


# ---- i32 arithmetic: register and register, register and constant, register and 32-bit constant ---------------------------------
for name, sign, weight in (("ADD", "+", 60), ("SUB", "-", 12), ("MUL", "*", 10), ("AND", "&", 12), ("OR", "|", 10), ("XOR", "^", 14)):
    op("I32_" + name, "dab", weight, f"{D} = {A} {sign} {B}\nNEXT")
for name, sign, weight in (("ADD", "+", 80), ("SUB", "-", 20), ("MUL", "*", 4), ("AND", "&", 12), ("OR", "|", 3), ("XOR", "^", 2)):
    op("I32_" + name + "_I", "dai", weight, f"{D} = {A} {sign} ip[3]\nNEXT")
for name, sign, weight in (("ADD", "+", 10), ("MUL", "*", 4), ("AND", "&", 6), ("OR", "|", 1), ("XOR", "^", 3)):
    op("I32_" + name + "_W", "da.+I", weight, f"{D} = {A} {sign} ptr32(ip)[1]\nNEXT8")
for suffix, count, w in (("", B + " & 31", 4), ("_I", "ip[3]", 20)):
    op("I32_SHL" + suffix, "dai" if suffix else "dab", w, f"{D} = {A} << ({count})\nNEXT")
    op("I32_SHR_S" + suffix, "dai" if suffix else "dab", w / 4, f"{D} = S32({A}) >> ({count})\nNEXT")
    op("I32_SHR_U" + suffix, "dai" if suffix else "dab", w / 2, f"{D} = int(UC({A}) >> ({count}))\nNEXT")
# A count of 0 makes both shifts 0: t | t. Low bit of I32_ROT: 0 left, 1 right (a left rotation by 32 - count).
op("I32_ROTL_I", "dai", 1, f"t = {A}\n{D} = (t << ip[3]) | int(UC(t) >> ((32 - ip[3]) & 31))\nNEXT")
op("I32_ROT", "dab", 1, f"""
t = {A}
u = {B}
if ip[0] & 1:
    u = 0 - u
{D} = (t << (u & 31)) | int(UC(t) >> ((0 - u) & 31))
NEXT""", bits=1)
# Truncating division by magnitudes: // floors, and its C helper overflows near the limits. Low two bits of the operation: bit 0 unsigned,
# bit 1 remainder. v = the result is negative. On 32 bits the dividend is halved, so that // sees non-negative numbers only.
op("I32_DIV", "dab", 2, f"""
t = {A}
w = {B}
if w == 0:
    EXIT(layout.TRAP_DIVIDE)
v = 0
if ip[0] & 1:
    pass
else:
    t = S32(t)
    w = S32(w)
    if w < 0:
        w = 0 - w
        v = 1
    if ip[0] & 2:
        v = 0
    if t < 0:
        t = 0 - t
        v = v ^ 1
if W64:
    u = t // w
else:
    if w < 0:
        u = 0
        if uint(t) >= uint(w):
            u = 1
    else:
        u = (int(uint(t) >> 1) // w) << 1
        if uint(t - u * w) >= uint(w):
            u += 1
if ip[0] & 2:
    u = t - u * w
elif v == 0:
    if S32(u) < 0:
        if ip[0] & 1 == 0:
            EXIT(layout.TRAP_OVERFLOW)
if v:
    u = 0 - u
{D} = u
NEXT""", bits=2)
op("I32_EXTEND8_S", "da", .5, f"{D} = (({A} & 0xff) ^ 0x80) - 0x80\nNEXT")
op("I32_EXTEND16_S", "da", .5, f"{D} = (({A} & 0xffff) ^ 0x8000) - 0x8000\nNEXT")

# ---- i32 comparisons and compare-and-branch -----------------------------------------------------------------------------------------
# Order of the six kinds: eq ne lt_s ge_s lt_u ge_u; kind ^ 1 is the inverse. gt and le swap their operands.
KINDS = ("EQ", "NE", "LT_S", "GE_S", "LT_U", "GE_U")
for i, k in enumerate(KINDS):
    op("BR_" + k, "ab.+R", (12, 12, 20, 15, 8, 6)[i], f"if {compare(k, D, A)}:\n    JUMP\nNEXT8")
    op("BR_" + k + "_I", "ajj+R", (30, 50, 15, 8, 6, 4)[i], f"if {compare(k, D, 'ptr16(ip)[1]')}:\n    JUMP\nNEXT8")

# Comparisons that no branch takes: families of the six kinds. Bit 0 inverts, bit 1 signed order, bit 2 unsigned order.
for name, form, right in (("I32_CMP", "dab", B), ("I32_CMP_I", "dai", "ip[3]")):
    op(name, form, 5, f"""
t = {A}
v = {right}
w = 0
if op & 6 == 0:
    if t == v:
        w = 1
elif op & 2:
    if S32(t) < {'S32(v)' if right == B else 'v'}:
        w = 1
elif uint(t) < uint(v):
    w = 1
{D} = (w ^ op) & 1
NEXT""", bits=3)

# ---- control ---------------------------------------------------------------------------------------------------------------------------
# The distance of BR is in its upper 24 bits; a distance below 0 is a backward branch: it costs one unit of fuel (break).
op("BR", "...", 30, "t = S32(ptr32(ip)[0]) >> 8\nip = ptr8(int(ip) + t)\nif t < 0:\n    break\nNEXT")
op("BR_TABLE", "a..+I", 3, """
t = fp[ip[1]]
w = ptr32(ip)[1]
if UC(t) > UC(w):
    t = w
ip = ptr8(int(ip) + 4 + (t << 2))
NEXT""")
op("RET", "...", 12, POP)
op("RET1", "a", 20, "fp[0] = fp[ip[1]]" + POP)
op("RET2", "a", 3, "t = ip[1]\nfp[0] = fp[t]\nfp[1] = fp[t + 1]" + POP)
op("RETN", "...+I", .2, """
t = ptr32(ip)[1]
w = t >> 16
t = t & 0xffff
v = 0
while v < w:
    fp[v] = fp[t]
    v += 1
    t += 1""" + POP)
op("CALL", "ajj", 25, """
t = ptr16(ip)[1]
h = ptr16(base + ent[t])
v = int(fp) + (ip[1] << 2)""" + ENTER % ("layout.S_LAZY", "int(ip) - base") + "break")
# [CALL_REF, index slot, type or import][1 = import, argument slot, table, 0]: call through a table, or of an imported function.
# The call record is the second word (its byte 1 is the argument slot).
op("CALL_REF", "ajj+", 4, """
x = ptr32(int(ip) + 4)
w = ptr16(ip)[1]
if ip[4]:
    t = ptr32(base + inst[layout.I_IMPORTS >> 2])[w]
else:
    r = ptr32(base + ptr32(base + inst[layout.I_TABLES >> 2])[ip[6]])
    t = fp[ip[1]]
    if UC(t) >= UC(r[layout.TT_COUNT >> 2]):
        EXIT(layout.TRAP_UNDEFINED)
    w = ptr32(base + inst[layout.I_TYPES >> 2])[w]
    r = ptr32(base + r[layout.TT_DATA >> 2])
    v = t
    t = r[t]
    if t == 0:
        t = v
        EXIT(layout.TRAP_UNINITIALIZED)
v = t >> 20
if v == 0:
    t -= 1
    if ip[4] == 0:
        if ptr32(base + ptr32(base)[layout.P_HTAB >> 2])[t] != w:
            EXIT(layout.TRAP_INDIRECT)
    ip = ptr8(int(ip) + 4)
    EXIT(layout.S_HOST)
v = ptr32(base + ptr32(base)[layout.P_ITAB >> 2])[v]
if v == 0:
    EXIT(layout.TRAP_UNINITIALIZED)
r = ptr32(base + v)
v = t & 0xfffff
if ip[4] == 0:
    if ptr32(base + r[layout.I_TYPES >> 2])[ptr16(base + r[layout.I_FTYPES >> 2])[v]] != w:
        EXIT(layout.TRAP_INDIRECT)
h = ptr16(base + ptr32(base + r[layout.I_ENTRIES >> 2])[v - r[layout.I_NIMPF >> 2]])
v = int(fp) + (ip[5] << 2)
if int(r) != int(inst):
    if int(cs) - v < (h[0] << 2) + 24:
        if h[0] == 0xffff:
            EXIT(layout.S_LAZYREF)
        EXIT(layout.TRAP_STACK)
    cs = ptr32(int(cs) - 8)
    cs[1] = int(inst) - base
    cs[0] = int(x) - base
    nxt = r
    x = ptr32(base + layout.P_XRET)
    pend = fuel
    fuel = 0""" + ENTER % ("layout.S_LAZYREF", "int(x) - base") + "break")
op("XRET", "...", 1, """
nxt = ptr32(base + cs[1])
ip = ptr8(base + cs[0])
cs = ptr32(int(cs) + 8)
fp = ptr32(int(fp) - (ip[1] << 2))
pend = fuel + 1
fuel = 0
break""")
op("EXIT", "...", .1, "EXIT(256)")  # P_EXIT: back to the driver with S_DONE
op("NATIVE", "jjj", .01, "EXIT(S_NATIVE)")  # put over a word where native code goes on (layout.NE_*)
op("FP_ADD", ".jj", .01, "fp = ptr32(int(fp) + (ptr16(ip)[1] << 2))\nNEXT")
op("FP_SUB", ".jj", .01, "fp = ptr32(int(fp) - (ptr16(ip)[1] << 2))\nNEXT")
op("UNREACHABLE", "...", .1, "EXIT(layout.TRAP_UNREACHABLE)")
# caps.py puts this where a cap made an access impossible: [TRAP_MEM, 1 = wide, base slot, offset]
op("TRAP_MEM", ".ao", .01, "EXIT(S_RARE)")

# ---- moves and constants --------------------------------------------------------------------------------------------------------------
op("MOV", "da", 45, f"{D} = {A}\nNEXT")
op("MOV64", "da", 4, "t = ip[1]\nv = ip[2]\nfp[t] = fp[v]\nfp[t + 1] = fp[v + 1]\nNEXT")
op("CONST", "djj", 25, f"{D} = ptr16(ip)[1]\nNEXT")
op("CONST_W", "d..+I", 8, f"{D} = ptr32(ip)[1]\nNEXT8")
op("CONST64", "d..+I", 3, "t = ip[1]\nv = S32(ptr32(ip)[1])\nfp[t] = v\nfp[t + 1] = v >> 31\nNEXT8")  # sign-extended
op("CONST64_W", "d..+I+I", 1, "t = ip[1]\nfp[t] = ptr32(ip)[1]\nfp[t + 1] = ptr32(ip)[2]\nNEXT12")
op("GET_W", "djj", .2, f"{D} = fp[ptr16(ip)[1]]\nNEXT")
op("SET_W", "ajj", .2, f"fp[ptr16(ip)[1]] = {D}\nNEXT")
op("SELECT", "dab+", 5, f"if fp[ip[4]]:\n    {D} = {A}\nelse:\n    {D} = {B}\nNEXT8")
op("SELECT64", "dab+", .5, "v = ip[2]\nif fp[ip[4]] == 0:\n    v = ip[3]\nt = ip[1]\nfp[t] = fp[v]\nfp[t + 1] = fp[v + 1]\nNEXT8")
op("GLOBAL_GET", "djj", 6, f"{D} = ptr32(base + gl[ptr16(ip)[1]])[0]\nNEXT")
op("GLOBAL_GET64", "djj", .3, "t = ip[1]\nr = ptr32(base + gl[ptr16(ip)[1]])\nfp[t] = r[0]\nfp[t + 1] = r[1]\nNEXT")
op("GLOBAL_SET", "ajj", 6, f"r = ptr32(base + gl[ptr16(ip)[1]])\nr[0] = {D}\nNEXT")
op("GLOBAL_SET64", "ajj", .3, "t = ip[1]\nr = ptr32(base + gl[ptr16(ip)[1]])\nr[0] = fp[t]\nr[1] = fp[t + 1]\nNEXT")

# ---- memory 0 -------------------------------------------------------------------------------------------------------------------------
# name, size, signed, weight; order = the general accesses of access.py
LOADS = (("LOAD", 4, 0, 40), ("LOAD8_S", 1, 1, 3), ("LOAD8_U", 1, 0, 20), ("LOAD16_S", 2, 1, 2), ("LOAD16_U", 2, 0, 3), ("LOAD64", 8, 0, 4))
STORES = (("STORE", 4, 30), ("STORE8", 1, 15), ("STORE16", 2, 3), ("STORE64", 8, 4))
for name, size, signed, weight in LOADS:
    body = LOAD[size, signed]
    op(name, "dao", weight, checked(A, "ip[3]", size, body, "NEXT"))
    op(name + "_W", "da.+O", weight / 3, checked(A, "ptr32(ip)[1]", size, body, "NEXT8"))
for name, size, weight in STORES:
    op(name, "abo", weight, checked(D, "ip[3]", size, STORE[size], "NEXT"))
    op(name + "_W", "ab.+O", weight / 3, checked(D, "ptr32(ip)[1]", size, STORE[size], "NEXT8"))
op("LOAD_C", "djj", 6, STATIC % (4, f"{D} = ptr32(int(mem) + t)[0]"))
op("LOAD8_U_C", "djj", 1, STATIC % (1, f"{D} = mem[t]"))
op("STORE_C", "ajj", 6, STATIC % (4, f"ptr32(int(mem) + t)[0] = {D}"))
op("STORE8_C", "ajj", 1, STATIC % (1, f"mem[t] = {D}"))

# ---- i64: two slots, low word first. Destination and operands are the same pair or disjoint. ---------------------------------------------
# and, or, xor: low two bits 0, 1, 2
op("I64_LOGIC", "dab", 6, """
t = ip[2]
v = ip[3]
w = ip[1]
if op & 2:
    fp[w] = fp[t] ^ fp[v]
    fp[w + 1] = fp[t + 1] ^ fp[v + 1]
elif op & 1:
    fp[w] = fp[t] | fp[v]
    fp[w + 1] = fp[t + 1] | fp[v + 1]
else:
    fp[w] = fp[t] & fp[v]
    fp[w + 1] = fp[t + 1] & fp[v + 1]
NEXT""", bits=2)
op("I64_ADD", "dab", 5, by_word(X64 + "x64 = x64 + y64\n" + PUT64, """
v = ip[2]
w = ip[3]
t = fp[v] + fp[w]
w = fp[v + 1] + fp[w + 1]
if uint(t) < uint(fp[v]):
    w += 1
v = ip[1]
fp[v] = t
fp[v + 1] = w
NEXT"""))
op("I64_SUB", "dab", 2, by_word(X64 + "x64 = x64 - y64\n" + PUT64, """
v = ip[2]
w = ip[3]
t = fp[v] - fp[w]
w = fp[v + 1] - fp[w + 1]
if uint(t) > uint(fp[v]):
    w -= 1
v = ip[1]
fp[v] = t
fp[v + 1] = w
NEXT"""))
# 64 x 64 -> 64: the low words' full product from four 16-bit products, plus the two cross products' low words
op("I64_MUL", "dab", 3, by_word(X64 + "x64 = x64 * y64\n" + PUT64, """
v = ip[2]
w = ip[3]
t = fp[v]
z = fp[w]
y = fp[v + 1] * z + t * fp[w + 1]
v = t & 0xffff
t = int(uint(t) >> 16)
w = z & 0xffff
z = int(uint(z) >> 16)
y += t * z
z = z * v
v = v * w
t = t * w + int(uint(v) >> 16)
w = (t & 0xffff) + (z & 0xffff)
y += int(uint(t) >> 16) + int(uint(z) >> 16) + (w >> 16)
t = ip[1]
fp[t] = (v & 0xffff) | (w << 16)
fp[t + 1] = y
NEXT"""))
# shl, shr_s, shr_u: low two bits 0, 1, 2
op("I64_SHIFT", "dab", 4, by_word(COUNT64 + """
if op & 2:
    x64 = int(uint(x64) >> t)
elif op & 1:
    x64 = x64 >> t
else:
    x64 = x64 << t
""" + PUT64, PAIR + """
if op & 3 == 0:
    if w:
        y = z << t
        z = 0
    elif t:
        y = (y << t) | int(uint(z) >> (32 - t))
        z = z << t
else:
    u = 0
    if op & 1:
        u = y >> 31
    if w:
        z = y
        y = u
    if t:
        z = int(uint(z) >> t) | (y << (32 - t))
        y = int(uint(y) >> t) | (u << (32 - t))
""" + PUT_PAIR), bits=2)
# Low bit of the operation: 0 left, 1 right (a right rotation is a left one by 64 - count)
op("I64_ROT", "dab", 1, by_word(
    COUNT64 + "if ip[0] & 1:\n    t = 0 - t & 63\nif t:\n    x64 = (x64 << t) | int(uint(x64) >> (64 - t))\n" + PUT64, """
v = ip[2]
z = fp[v]
y = fp[v + 1]
t = fp[ip[3]]
if ip[0] & 1:
    t = 0 - t
v = ip[1]
if t & 32:
    w = z
    z = y
    y = w
t = t & 31
if t:
    w = (y << t) | int(uint(z) >> (32 - t))
    z = (z << t) | int(uint(y) >> (32 - t))
    y = w
fp[v] = z
fp[v + 1] = y
NEXT"""), bits=1)
# The six kinds of comparison, as I32_CMP
op("I64_CMP", "dab", 3, """
t = ip[2]
v = ip[3]
w = 0
if fp[t + 1] == fp[v + 1]:
    if op & 6:
        if UC(fp[t]) < UC(fp[v]):
            w = 1
    elif fp[t] == fp[v]:
        w = 1
elif op & 6:
    if op & 2:
        if S32(fp[t + 1]) < S32(fp[v + 1]):
            w = 1
    elif UC(fp[t + 1]) < UC(fp[v + 1]):
        w = 1
fp[ip[1]] = (w ^ op) & 1
NEXT""", bits=3)
op("I64_EQZ", "da", .8, "v = ip[2]\nt = 1\nif fp[v] | fp[v + 1]:\n    t = 0\nfp[ip[1]] = t\nNEXT")
op("I64_EXTEND_S", "da", 1, "v = ip[1]\nt = S32(fp[ip[2]])\nfp[v] = t\nfp[v + 1] = t >> 31\nNEXT")
op("I64_EXTEND_U", "da", 1, "v = ip[1]\nt = fp[ip[2]]\nfp[v] = t\nfp[v + 1] = 0\nNEXT")

# ---- everything else ------------------------------------------------------------------------------------------------------------------
# [RARE, s, x, y][z, k, jj]: see SUBS; access.py or bulk.py does it. OTHER_MEMORY: [RARE, s, memory, 0][0] says which memory the word behind
# it is about: a general access, memory.size or memory.grow.
op("RARE", "sxy+", 2, "EXIT(S_RARE)")
# Floats: 32 operations, the low five bits are the operation of single.py, double.py (bit 4), convert.py (12); see FLOATS. The first two
# go on with the float words that follow. An address / 4 is a small integer everywhere, and one argument is the cheapest call.
op("FLOAT", "dab", 10, """
e[layout.E_IP >> 2] = int(ip) - base
e[layout.E_FP >> 2] = int(fp) - base
if ip[0] & 16:
    if UNIT:
        double(int(e) >> 2)
    else:
        f64(int(e) >> 2)
    ip = ptr8(base + e[layout.E_IP >> 2] - 4)
elif (ip[0] & 12) != 12:
    if UNIT:
        single(int(e) >> 2)
    else:
        f32(int(e) >> 2)
    ip = ptr8(base + e[layout.E_IP >> 2] - 4)
else:
    if UNIT:
        t = int(convert(int(e) >> 2))
    else:
        t = int(conversion(int(e) >> 2))
    if t:
        v = fp[ip[1]]
        t = 0
        EXIT(v)
NEXT""", bits=5)

SUBS = ("I64_DIV_S", "I64_DIV_U", "I64_REM_S", "I64_REM_U", "I64_CLZ", "I64_CTZ", "I64_POPCNT", "I32_CLZ", "I32_CTZ", "I32_POPCNT",
        "MEMORY_SIZE", "MEMORY_GROW", "MEMORY_INIT", "DATA_DROP", "MEMORY_COPY", "MEMORY_FILL",
        "TABLE_GET", "TABLE_SET", "TABLE_SIZE", "TABLE_GROW", "TABLE_FILL", "TABLE_COPY", "TABLE_INIT", "ELEM_DROP", "REF_FUNC",
        "SPARE0", "SPARE1", "SPARE2", "SPARE3", "SPARE4", "SPARE5", "OTHER_MEMORY") + tuple(
            "G_" + r[0] for r in LOADS) + tuple("G_" + r[0] for r in STORES)
