# Native tier: machine code for 32-bit x86
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# ebp frame, edi memory 0; everything else is in the running state (layout.X_*), whose address is a constant. ecx is the assembler's own.
# Registers 0 … 3 of the lowering: eax edx ebx esi (the last one may be pinned to a slot); 4 is ecx.
import micropython

from . import layout

REGS = 4
PINS = 1
SCRATCH = 4
FLAGS = layout.NG_DIVIDES | layout.NG_UNALIGNED
RANGE = 30000
REACHES = 1  # all branches are 4 bytes


@micropython.viper
def _b(s: int, n: int, value: int):
    """n bytes, the low ones of value."""
    S = ptr32(s << 2)
    p = ptr8(int(S) + S[layout.N_AT])
    i = 0
    while i < n:
        p[i] = value
        value >>= 8
        i += 1
    S[layout.N_AT] += n


@micropython.viper
def _r(s: int, op: int, reg: int, rm: int):
    """op, both operands registers (real numbers); op + 0x100: behind 0F."""
    if op & 0x100:
        _b(s, 1, 0x0f)
    _b(s, 2, op & 255 | 0xc000 | reg << 11 | rm << 8)


@micropython.viper
def _m(s: int, op: int, reg: int, at: int, disp: int):
    """op reg, [at + disp]; at + 0x100 * (index + 1): with an index; at 8: none; op as _r(); + 0x800: 16 bits."""
    if op & 0x800:
        _b(s, 1, 0x66)
    if op & 0x100:
        _b(s, 1, 0x0f)
    index = (at >> 8) - 1
    at = at & 255
    if index >= 0:
        _b(s, 3, op & 255 | 0x8400 | reg << 11 | index << 19 | at << 16)
    elif at == 8:
        _b(s, 2, op & 255 | 0x0500 | reg << 11)
    else:
        _b(s, 2, op & 255 | 0x8000 | reg << 11 | at << 8)
    _b(s, 4, disp)


@micropython.viper
def _x(s: int, op: int, reg: int, cell: int):
    """op reg, [a cell of the running state]"""
    S = ptr32(s << 2)
    _m(s, op, reg, 8, int(S) - S[layout.N_SELF] + S[layout.N_STATE] + (cell << 2))


@micropython.viper
def _i(s: int, digit: int, rm: int, value: int):
    """81 /digit rm, value."""
    _r(s, 0x81, digit, rm)
    _b(s, 4, value)


@micropython.viper
def _to(s: int, op: int, n: int, target: int) -> int:
    """A jump or call (n bytes of code in op) to a place in the function, 0 = not known yet; where its distance is."""
    S = ptr32(s << 2)
    _b(s, n, op)
    at = S[layout.N_AT]
    _b(s, 4, target - at - 4 if target else 0)
    return at


@micropython.viper
def _here(s: int) -> int:
    """The place in the code space of the next instruction."""
    S = ptr32(s << 2)
    return S[layout.N_HOME] + S[layout.N_AT] - S[layout.N_CODE]


@micropython.viper
def _out(s: int, op: int, target: int):
    """A jump or call to a place in the code space."""
    _b(s, 1, op)
    _b(s, 4, target - int(_here(s)) - 4)


@micropython.viper
def _set(s: int, d: int, kind: int):
    """d = 1 if the comparison before was true, else 0."""
    _r(s, 0x190 | ptr8(b"\x04\x05\x0c\x0d\x02\x03")[kind], 0, 1)
    _r(s, 0x1b6, d, 1)


@micropython.viper
def asm(s: int, op: int, d: int, a: int, b: int) -> int:
    S = ptr32(s << 2)
    names = ptr8(b"\x00\x02\x03\x06\x01")
    imm = S[layout.N_IMM]
    if op == layout.A_LDS:
        _m(s, 0x8b, names[d], 5, a << 2)
        return 0
    if op == layout.A_STS:
        _m(s, 0x89, names[d], 5, a << 2)
        return 0
    if op >= layout.A_PEEK:
        _stub(s, op, d, a, b)
        return 0
    if op >= layout.A_CALL and op < layout.A_ADDC:
        return int(_rest(s, op, a, b))
    if op >= layout.A_BRR and op < layout.A_CALL:
        return int(_more(s, op, d, a, b))
    d = names[d]
    if op == layout.A_IMM:
        _b(s, 1, 0xb8 | d)
        _b(s, 4, imm)
        return 0
    if op == layout.A_SET64:
        if S[layout.N_KIND] < 2:
            _r(s, 0x89, names[a & 255], 1)
            _r(s, 0x31, names[b & 255], 1)
            _b(s, 1, 0x51)
            _r(s, 0x89, names[a >> 8], 1)
            _r(s, 0x31, names[b >> 8], 1)
            _b(s, 3, 0x240c0b)  # or ecx, [esp]
            _b(s, 4, 0x0424648d)  # lea esp, [esp + 4]
        else:
            _r(s, 0x39, names[b & 255], names[a & 255])
            _r(s, 0x89, names[a >> 8], 1)
            _r(s, 0x19, names[b >> 8], 1)
        _set(s, d, S[layout.N_KIND])
        return 0
    a = names[a]
    if op == layout.A_MOV:
        if a != d:
            _r(s, 0x89, a, d)
    elif op < layout.A_MUL or op >= layout.A_ADDC:
        b = names[b]
        if op >= layout.A_ADDC:
            o = ptr8(b"\x01\x11\x29\x19")[op - layout.A_ADDC]
        else:
            o = ptr8(b"\x01\x29\x21\x09\x31")[op - layout.A_ADD]
        if d == b and d != a:
            # mov changes no flags
            _r(s, 0x89, a, 1)
            _r(s, o, b, 1)
            _r(s, 0x89, 1, d)
        else:
            if d != a:
                _r(s, 0x89, a, d)
            _r(s, o, b, d)
    elif op == layout.A_MUL:
        b = names[b]
        if d == b:
            b = a
        elif d != a:
            _r(s, 0x89, a, d)
        _r(s, 0x1af, d, b)
    elif op <= layout.A_ROTR:
        _r(s, 0x89, names[b], 1)
        if d != a:
            _r(s, 0x89, a, d)
        _r(s, 0xd3, ptr8(b"\x04\x07\x05\x00\x01")[op - layout.A_SHL], d)
    elif op == layout.A_MULI:
        _r(s, 0x69, d, a)
        _b(s, 4, imm)
    elif op <= layout.A_ROTLI:
        if d != a:
            _r(s, 0x89, a, d)
        if op >= layout.A_SHLI:
            _r(s, 0xc1, ptr8(b"\x04\x07\x05\x00")[op - layout.A_SHLI], d)
            _b(s, 1, imm)
        else:
            _i(s, ptr8(b"\x00\x00\x04\x01\x06")[op - layout.A_ADDI], d, imm)
    elif op <= layout.A_EXT16:
        if a == 6:  # has no byte of its own
            _r(s, 0x89, a, 1)
            a = 1
        _r(s, 0x1be if op == layout.A_EXT8 else 0x1bf, d, a)
    elif op < layout.A_SET:
        # eax and edx are kept on the stack; the second operand in ecx, which gets the result
        _b(s, 2, 0x5250)
        _r(s, 0x89, names[b], 1)
        if a:
            _r(s, 0x89, a, 0)
        if op == layout.A_MULH:
            _r(s, 0xf7, 4, 1)
            op = layout.A_DIV + 3
        elif (op - layout.A_DIV) & 1:
            _r(s, 0x31, 2, 2)
            _r(s, 0xf7, 6, 1)
        else:
            _b(s, 1, 0x99)
            _r(s, 0xf7, 7, 1)
        _r(s, 0x89, 2 if op - layout.A_DIV > 1 else 0, 1)
        _b(s, 2, 0x585a)
        _r(s, 0x89, 1, d)
    elif op <= layout.A_SETI:
        if op == layout.A_SET:
            _r(s, 0x39, names[b], a)
        else:
            _i(s, 7, a, imm)
        _set(s, d, S[layout.N_KIND])
    else:  # A_SEL
        b = names[b]
        c = names[S[layout.N_ALSO]]
        _r(s, 0x85, c, c)
        if d == a:
            _r(s, 0x144, d, b)
        else:
            if d != b:
                _r(s, 0x89, b, d)
            _r(s, 0x145, d, a)
    return 0


@micropython.viper
def _stub(s: int, op: int, d: int, a: int, b: int):
    """What only stubs need."""
    S = ptr32(s << 2)
    names = ptr8(b"\x00\x02\x03\x06\x01")
    a = names[a]
    if op == layout.A_PEEK:
        _x(s, 0x8b, 1, layout.X_BASE)
        _m(s, 0x8b if b == 4 else 0x1b7 if b == 2 else 0x1b6, names[d], 1 | a + 1 << 8, S[layout.N_IMM])
    elif op == layout.A_POKE:
        _m(s, 0x89, names[d], 8, int(S) - S[layout.N_SELF] + S[layout.N_IMM])
    elif op <= layout.A_UP:
        if op == layout.A_FRAME:
            _m(s, 0x8b, names[d], 5 | a + 1 << 8, 0)
        else:
            _m(s, 0x8d, 5, 5 | a + 1 << 8, 0)
        p = ptr8(int(S) + S[layout.N_AT])
        p = ptr8(int(p) - 5)
        p[0] = p[0] | 0x80  # the index times 4
    elif op == layout.A_TAIL:
        _r(s, 0x89, a, 1)
        _out(s, 0xe9, S[layout.N_CALL])
    else:
        _r(s, 0x31, 2, 2)
        _out(s, 0xe9, S[layout.N_EXIT])


@micropython.viper
def _more(s: int, op: int, d: int, a: int, b: int) -> int:
    """Branches and memory."""
    S = ptr32(s << 2)
    names = ptr8(b"\x00\x02\x03\x06\x01")
    imm = S[layout.N_IMM]
    if op <= layout.A_BRI:
        if op == layout.A_BRR:
            _r(s, 0x39, names[b], names[a])
        else:
            _i(s, 7, names[a], imm)
        return int(_to(s, 0x800f | ptr8(b"\x04\x05\x0c\x0d\x02\x03")[S[layout.N_KIND]] << 8, 2, S[layout.N_TARGET]))
    if op == layout.A_JUMP:
        return int(_to(s, 0xe9, 1, S[layout.N_TARGET]))
    if op == layout.A_BACK:
        _x(s, 0x83, 5, layout.X_FUEL)
        _b(s, 1, 1)
        _to(s, 0x890f, 2, S[layout.N_TARGET])
    elif op == layout.A_CHECK:
        _x(s, 0x8b, 1, layout.X_BYTES)
        _i(s, 5, 1, imm + b)
        _r(s, 0x39, 1, names[a])
        return int(_to(s, 0x870f, 2, 0))
    elif op == layout.A_CHECKC:
        _x(s, 0x81, 7, layout.X_BYTES)
        _b(s, 4, imm + b)
        return int(_to(s, 0x820f, 2, 0))
    elif op <= layout.A_STOREC:
        at = 7
        if op <= layout.A_STORE:
            at |= names[a] + 1 << 8
        if b == 5 or b == 9:
            o = 0x8b
            if b == 9:
                o = 0x89
            # the low word goes last when its register is the address
            a = names[a]
            if names[d & 255] == a:
                _m(s, o, names[d >> 8], at, imm + 4)
                _m(s, o, names[d & 255], at, imm)
            else:
                _m(s, o, names[d & 255], at, imm)
                _m(s, o, names[d >> 8], at, imm + 4)
        else:
            d = names[d]
            if b == 7 and d == 6:
                _r(s, 0x89, d, 1)
                d = 1
            _m(s, ptr16(b"\x8b\x00\xbe\x01\xb6\x01\xbf\x01\xb7\x01\x00\x00\x89\x00\x88\x00\x89\x08")[b], d, at, imm)
    else:
        _x(s, 0x8b, 1, layout.X_GLOBALS)
        _m(s, 0x8b, 1, 1, imm << 2)
        _x(s, 0x03, 1, layout.X_BASE)
        _m(s, 0x8b if op == layout.A_GGET else 0x89, names[d], 1, a << 2)
    return 0


@micropython.viper
def _rest(s: int, op: int, a: int, b: int) -> int:
    """Calls, exits and the frame of a function."""
    S = ptr32(s << 2)
    imm = S[layout.N_IMM]
    if op == layout.A_CALL:
        _b(s, 1, 0xb8)  # mov eax, word; add ebp, slots
        _b(s, 4, imm)
        _i(s, 0, 5, a << 2)
        if S[layout.N_TARGET]:
            _to(s, 0xe8, 1, S[layout.N_TARGET])
        else:
            _b(s, 1, 0xb9)  # mov ecx, header
            _b(s, 4, S[layout.N_ALSO])
            _out(s, 0xe8, S[layout.N_CALL])
        _i(s, 5, 5, a << 2)
    elif op == layout.A_REF:
        _b(s, 1, 0xb8)
        _b(s, 4, imm)
        _out(s, 0xe8, S[layout.N_REF])
        _i(s, 5, 5, a << 2)
    elif op == layout.A_RET:
        _x(s, 0x83, 0, layout.X_CS)
        _b(s, 2, 0xc304)
    elif op == layout.A_ENTER:
        _x(s, 0x8b, 1, layout.X_CS)
        _r(s, 0x89, 1, 2)
        _r(s, 0x29, 5, 2)
        _i(s, 7, 2, imm)
        _b(s, 1, 0x0f)
        _out(s, 0x8c, S[layout.N_FAIL])
        _x(s, 0x3b, 4, layout.X_LIMIT)
        _b(s, 1, 0x0f)
        _out(s, 0x82, S[layout.N_FAIL])
        _i(s, 5, 1, 4)
        _x(s, 0x89, 1, layout.X_CS)
        _b(s, 2, 0x0189)  # mov [ecx], eax
        if b:
            _r(s, 0x31, 0, 0)
            if b < 8:
                while b:
                    _m(s, 0x89, 0, 5, a << 2)
                    a += 1
                    b -= 1
            else:
                _b(s, 1, 0xb9)
                _b(s, 4, b)
                _b(s, 1, 0x57)
                _m(s, 0x8d, 7, 5, a << 2)
                _b(s, 3, 0x5fabf3)
        _x(s, 0x83, 5, layout.X_FUEL)
        _b(s, 1, 1)
        _b(s, 2, 0x0f79)  # jns over: out of fuel at the first word
        _b(s, 1, 0xb8)
        _b(s, 4, S[layout.N_FUNC])
        _b(s, 1, 0xba)
        _b(s, 4, layout.S_FUEL)
        _out(s, 0xe9, S[layout.N_EXIT])
    elif op == layout.A_EXIT:
        _to(s, 0xe8, 1, S[layout.N_LEAVE])
        _b(s, 2, a | b << 14)
    elif op == layout.A_LEAVE:
        # pop ecx; movzx eax, word [ecx]; xor edx, edx; the status of the two bits above the word's number
        _b(s, 1, 0x59)
        _b(s, 3, 0x01b70f)
        _r(s, 0x31, 2, 2)
        _b(s, 3, 0x80c4f6)
        _b(s, 2, 0x0274)
        _b(s, 2, 0xb2 | layout.S_FUEL << 8)
        _b(s, 3, 0x40c4f6)
        _b(s, 2, 0x0274)
        _b(s, 2, 0xb2 | layout.S_UNDO << 8)
        _b(s, 1, 0x25)
        _b(s, 4, 0x3fff)
        _r(s, 0xc1, 4, 0)
        _b(s, 1, 2)
        _b(s, 1, 0x05)
        _b(s, 4, S[layout.N_FUNC])
        _out(s, 0xe9, S[layout.N_EXIT])
    elif op == layout.A_LOADED:
        _b(s, 2, 0xe0ff)  # jmp eax
    elif op == layout.A_FIX:
        t = S[layout.N_TARGET] - imm - 4
        p = ptr8(int(S) + imm)
        p[0] = t
        p[1] = t >> 8
        p[2] = t >> 16
        p[3] = t >> 24
    elif op == layout.A_TABLE:
        # ecx = code space + table + 5 times the number: the jumps take 5 bytes each
        a = ptr8(b"\x00\x02\x03\x06\x01")[a]
        _x(s, 0x8b, 1, layout.X_CODE)
        _r(s, 0x01, a, 1)
        _b(s, 3, 0x8c8d | (0x81 | a << 3) << 16)  # lea ecx, [ecx + 4 * a + table]
        _b(s, 4, int(_here(s)) + 6)
        _b(s, 2, 0xe1ff)
    elif op == layout.A_ENTRY:
        return int(_to(s, 0xe9, 1, 0))
    return 0


@micropython.viper
def stubs(s: int) -> int:
    """The routines all functions share: N_EXIT, N_FAIL, N_CALL. The place of the one that the loop calls: (self, n_args, n_kw, args)."""
    S = ptr32(s << 2)
    # FAIL: call word eax is the loop's; its slots come off the frame again
    S[layout.N_FAIL] = int(_here(s))
    _x(s, 0x8b, 1, layout.X_BASE)
    _m(s, 0x80, 7, 0x101, 0)
    _b(s, 1, layout.OP_CALL)
    _m(s, 0x1b6, 1, 0x101, 1)
    _b(s, 2, 0x0374)  # the second word of a call by reference: back to the first
    _b(s, 3, 0x04e883)
    _r(s, 0xc1, 4, 1)
    _b(s, 1, 2)
    _r(s, 0x29, 1, 5)
    _r(s, 0x31, 2, 2)
    # EXIT: to code word eax with status edx
    S[layout.N_EXIT] = int(_here(s))
    _x(s, 0x8b, 1, layout.X_ENV)
    _m(s, 0x89, 0, 1, layout.E_IP)
    _x(s, 0x8b, 0, layout.X_FUEL)
    _r(s, 0x85, 0, 0)
    _b(s, 2, 0x0279)  # jns: below 0 it is 0
    _r(s, 0x31, 0, 0)
    _m(s, 0x89, 0, 1, layout.E_FUEL)
    _x(s, 0x2b, 5, layout.X_BASE)
    _m(s, 0x89, 5, 1, layout.E_FP)
    _x(s, 0x8b, 0, layout.X_CS)
    _x(s, 0x2b, 0, layout.X_BASE)
    _m(s, 0x89, 0, 1, layout.E_CS)
    _x(s, 0x8b, 4, layout.X_SP)
    _b(s, 4, 0x0112448d)  # lea eax, [edx + edx + 1]: a small integer
    _b(s, 2, 0x5b5d)
    _b(s, 3, 0xc35e5f)
    # CALL: the function with header ecx, for call word eax, native or not
    S[layout.N_CALL] = int(_here(s))
    _x(s, 0x8b, 2, layout.X_BASE)
    _m(s, 0x8b, 1, 0x202, layout.FUNC)
    _b(s, 2, 0xf980)  # cmp cl, OP_NATIVE; jne FAIL
    _b(s, 1, layout.OP_NATIVE)
    _b(s, 1, 0x0f)
    _out(s, 0x85, S[layout.N_FAIL])
    _r(s, 0xc1, 5, 1)
    _b(s, 1, 8)
    _r(s, 0xc1, 4, 1)
    _b(s, 1, 2)
    _m(s, 0x8b, 1, 0x202, layout.NE_CALL)
    _x(s, 0x03, 1, layout.X_CODE)
    _b(s, 2, 0xe1ff)
    # The loop's way in
    at = int(_here(s))
    _b(s, 2, 0x5756)
    _b(s, 2, 0x5553)
    _b(s, 4, 0x2024448b)  # mov eax, [esp + 32]: args
    _b(s, 2, 0x008b)
    _r(s, 0xd1, 7, 0)
    _r(s, 0xc1, 4, 0)
    _b(s, 1, 2)
    _x(s, 0x89, 0, layout.X_ENV)
    _r(s, 0x89, 0, 6)
    _m(s, 0x2b, 6, 0, layout.E_SELF)
    _x(s, 0x89, 6, layout.X_BASE)
    _x(s, 0x89, 4, layout.X_SP)
    _m(s, 0x8d, 1, 4, 0)
    # (an address that starts at esp has an index byte: written by hand)
    S[layout.N_AT] -= 6
    _b(s, 3, 0x248c8d)
    _b(s, 4, 0 - 32768)
    _x(s, 0x89, 1, layout.X_LIMIT)
    _m(s, 0x8b, 5, 0, layout.E_FP)
    _r(s, 0x01, 6, 5)
    _m(s, 0x8b, 1, 0, layout.E_CS)
    _r(s, 0x01, 6, 1)
    _x(s, 0x89, 1, layout.X_CS)
    _m(s, 0x8b, 1, 0, layout.E_FUEL)
    _x(s, 0x89, 1, layout.X_FUEL)
    _m(s, 0x8b, 1, 0, layout.E_INST)
    _x(s, 0x89, 1, layout.X_INST)
    _m(s, 0x8b, 2, 0x206, layout.I_GLOBALS)
    _r(s, 0x01, 6, 2)
    _x(s, 0x89, 2, layout.X_GLOBALS)
    # without a memory this reads the start of the pool: there are no accesses then
    _m(s, 0x8b, 2, 0x206, layout.I_MEM0)
    _m(s, 0x8b, 7, 0x306, layout.MM_DATA)
    _r(s, 0x01, 6, 7)
    _m(s, 0x8b, 1, 0x306, layout.MM_BYTES)
    _x(s, 0x89, 1, layout.X_BYTES)
    _m(s, 0x8b, 2, 0, layout.E_IP)
    _m(s, 0x8b, 2, 0x306, 0)
    _r(s, 0xc1, 5, 2)
    _b(s, 1, 8)
    _r(s, 0xc1, 4, 2)
    _b(s, 1, 2)
    _m(s, 0x8b, 0, 0x306, layout.NE_CODE)
    _m(s, 0x8b, 1, 0x306, layout.NE_LOADER)
    _x(s, 0x03, 0, layout.X_CODE)
    _x(s, 0x03, 1, layout.X_CODE)
    _b(s, 1, 0xe8)  # call over the way back
    jump = S[layout.N_AT]
    _b(s, 4, 0)
    # The way back: the function that was entered has returned; on behind its call word
    _x(s, 0x8b, 0, layout.X_CS)
    _m(s, 0x8b, 0, 0, 0 - 4)
    _x(s, 0x8b, 1, layout.X_BASE)
    _m(s, 0x1b6, 1, 0x101, 1)
    _r(s, 0xc1, 4, 1)
    _b(s, 1, 2)
    _r(s, 0x29, 1, 5)
    _r(s, 0x83, 0, 0)
    _b(s, 1, 4)
    _r(s, 0x31, 2, 2)
    _out(s, 0xe9, S[layout.N_EXIT])
    S[layout.N_IMM] = jump
    S[layout.N_TARGET] = S[layout.N_AT]
    asm(s, layout.A_FIX, 0, 0, 0)
    _b(s, 2, 0xe1ff)  # jmp ecx
    return at
