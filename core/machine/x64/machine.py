# Native tier: machine code for x86-64 (System V)
# MIT license; Copyright (c) 2026 the pitwasm authors
#
# rbx frame, rbp running state (layout.X_*), r12 memory 0, r13d its bytes, r14d fuel, r15 pool; ecx is the assembler's own.
# Registers 0 … 7 of the lowering: eax edx esi edi, r8d r9d r10d r11d (the last four may be pinned to slots).
# The upper halves of all registers that hold slots are 0.
import micropython
from micropython import const

from . import layout

REGS = 8
PINS = 4
SCRATCH = 8
FLAGS = layout.NG_DIVIDES | layout.NG_UNALIGNED
RANGE = 30000
REACHES = 1  # all branches are 4 bytes
FLOAT = const(85)  # bytes from one float routine's stub to the next


@micropython.viper
def _r(s: int, op: int, reg: int, rm: int):
    """[REX] op, both operands registers (real numbers); op + 0x100: behind 0F; + 0x200: 64 bits; + 0x400: an 8-bit register rm."""
    S = ptr32(s << 2)
    p = ptr8(int(S) + S[layout.N_AT])
    n = 0
    x = reg >> 3 << 2 | rm >> 3
    if op & 0x200:
        x |= 8
    if x or op & 0x400:
        p[0] = 0x40 | x
        n = 1
    if op & 0x100:
        p[n] = 0x0f
        n += 1
    p[n] = op
    p[n + 1] = 0xc0 | (reg & 7) << 3 | rm & 7
    S[layout.N_AT] += n + 2


@micropython.viper
def _m(s: int, op: int, reg: int, at: int, disp: int):
    """[REX] op reg, [at + disp]; at + 0x100 * (index + 1): with an index; op as _r(); + 0x800: 16 bits."""
    S = ptr32(s << 2)
    p = ptr8(int(S) + S[layout.N_AT])
    n = 0
    if op & 0x800:
        p[0] = 0x66
        n = 1
    index = (at >> 8) - 1
    at = at & 255
    x = reg >> 3 << 2 | at >> 3
    if index >= 0:
        x |= index >> 3 << 1
    if op & 0x200:
        x |= 8
    if x or op & 0x400:
        p[n] = 0x40 | x
        n += 1
    if op & 0x100:
        p[n] = 0x0f
        n += 1
    p[n] = op
    n += 1
    if index >= 0 or at & 7 == 4:
        p[n] = 0x84 | (reg & 7) << 3
        p[n + 1] = 0x20 | at & 7
        if index >= 0:
            p[n + 1] = (index & 7) << 3 | at & 7
        n += 2
    else:
        p[n] = 0x80 | (reg & 7) << 3 | at & 7
        n += 1
    p[n] = disp
    p[n + 1] = disp >> 8
    p[n + 2] = disp >> 16
    p[n + 3] = disp >> 24
    S[layout.N_AT] += n + 4


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
def _out(s: int, op: int, target: int):
    """A jump or call to a place in the code space."""
    S = ptr32(s << 2)
    _b(s, 1, op)
    _b(s, 4, target - (S[layout.N_HOME] + S[layout.N_AT] - S[layout.N_CODE]) - 4)


@micropython.viper
def asm(s: int, op: int, d: int, a: int, b: int) -> int:
    S = ptr32(s << 2)
    names = ptr8(b"\x00\x02\x06\x07\x08\x09\x0a\x0b\x01")
    conds = ptr8(b"\x04\x05\x0c\x0d\x02\x03")
    imm = S[layout.N_IMM]
    kind = S[layout.N_KIND]
    if op <= layout.A_IMM:
        d = names[d]
        if op == layout.A_LDS:
            _m(s, 0x8b, d, 3, a << 2)
        elif op == layout.A_STS:
            _m(s, 0x89, d, 3, a << 2)
        elif op == layout.A_MOV:
            a = names[a]
            if a != d:
                _r(s, 0x89, a, d)
        else:
            if d > 7:
                _b(s, 1, 0x41)
            _b(s, 1, 0xb8 | d & 7)
            _b(s, 4, imm)
    elif op < layout.A_MUL or op == layout.A_ADDC or op >= layout.A_ADC and op <= layout.A_SBC:
        d = names[d]
        a = names[a]
        b = names[b]
        if op >= layout.A_ADDC:
            o = 0x01
            if op == layout.A_ADC:
                o = 0x11
            elif op == layout.A_SUBC:
                o = 0x29
            elif op == layout.A_SBC:
                o = 0x19
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
        d = names[d]
        a = names[a]
        b = names[b]
        if d == b:
            b = a
        elif d != a:
            _r(s, 0x89, a, d)
        _r(s, 0x1af, d, b)
    elif op <= layout.A_ROTR:
        d = names[d]
        a = names[a]
        b = names[b]
        _r(s, 0x89, b, 1)
        if d != a:
            _r(s, 0x89, a, d)
        _r(s, 0xd3, ptr8(b"\x04\x07\x05\x00\x01")[op - layout.A_SHL], d)
    elif op <= layout.A_ROTLI:
        d = names[d]
        a = names[a]
        if op == layout.A_MULI:
            _r(s, 0x69, d, a)
            _b(s, 4, imm)
            return 0
        if d != a:
            _r(s, 0x89, a, d)
        if op >= layout.A_SHLI:
            _r(s, 0xc1, ptr8(b"\x04\x07\x05\x00")[op - layout.A_SHLI], d)
            _b(s, 1, imm)
        else:
            _i(s, ptr8(b"\x00\x00\x04\x01\x06")[op - layout.A_ADDI], d, imm)
    elif op <= layout.A_EXT16:
        _r(s, 0x5be if op == layout.A_EXT8 else 0x1bf, names[d], names[a])
    elif op == layout.A_MULH:
        _r(s, 0x89, names[a], 1)
        _r(s, 0x3af, 1, names[b])
        _r(s, 0x2c1, 5, 1)
        _b(s, 1, 32)
        _r(s, 0x89, 1, names[d])
    elif op < layout.A_SET:
        # eax and edx are kept on the stack; the divisor in ecx, which gets the result
        d = names[d]
        _b(s, 2, 0x5250)
        a = names[a]
        _r(s, 0x89, names[b], 1)
        if a:
            _r(s, 0x89, a, 0)
        if (op - layout.A_DIV) & 1:
            _r(s, 0x31, 2, 2)
            _r(s, 0xf7, 6, 1)
        else:
            _b(s, 1, 0x99)
            _r(s, 0xf7, 7, 1)
        _r(s, 0x89, 2 if op - layout.A_DIV > 1 else 0, 1)
        _b(s, 2, 0x585a)
        _r(s, 0x89, 1, d)
    elif op <= layout.A_SETI or op == layout.A_BRR or op == layout.A_BRI:
        if op == layout.A_SET or op == layout.A_BRR:
            _r(s, 0x39, names[b], names[a])
        else:
            _i(s, 7, names[a], imm)
        if op >= layout.A_BRR:
            return int(_to(s, 0x800f | conds[kind] << 8, 2, S[layout.N_TARGET]))
        _r(s, 0x190 | conds[kind], 0, 1)
        _r(s, 0x1b6, names[d], 1)
    elif op == layout.A_SEL:
        d = names[d]
        a = names[a]
        b = names[b]
        c = names[S[layout.N_ALSO]]
        _r(s, 0x85, c, c)
        if d == a:
            _r(s, 0x144, d, b)
        else:
            if d != b:
                _r(s, 0x89, b, d)
            _r(s, 0x145, d, a)
    elif op == layout.A_JUMP:
        return int(_to(s, 0xe9, 1, S[layout.N_TARGET]))
    elif op == layout.A_BACK:
        _r(s, 0x83, 5, 14)
        _b(s, 1, 1)
        _to(s, 0x890f, 2, S[layout.N_TARGET])
    elif op == layout.A_CHECK:
        _m(s, 0x8d, 1, 13, 0 - imm - b)
        _r(s, 0x39, 1, names[a])
        return int(_to(s, 0x870f, 2, 0))
    elif op == layout.A_CHECKC:
        _i(s, 7, 13, imm + b)
        return int(_to(s, 0x820f, 2, 0))
    elif op <= layout.A_STOREC:
        at = 12
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
            o = 0x8b
            if b == 1:
                o = 0x1be
            elif b == 2:
                o = 0x1b6
            elif b == 3:
                o = 0x1bf
            elif b == 4:
                o = 0x1b7
            elif b == 6:
                o = 0x89
            elif b == 7:
                o = 0x488
            elif b == 8:
                o = 0x889
            _m(s, o, names[d], at, imm)
    elif op <= layout.A_GSET:
        _m(s, 0x8b, 1, 5, layout.X_GLOBALS << 2)
        _m(s, 0x8b, 1, 0x20f, imm << 2)
        _m(s, 0x8b if op == layout.A_GGET else 0x89, names[d], 0x20f, a << 2)
    elif op < layout.A_PEEK:
        return int(_rest(s, op, d, a, b))
    elif op == layout.A_FLOAT:
        _out(s, 0xe8, S[layout.N_FLOATS] + a * FLOAT)
        while b:
            _b(s, 4, ptr32(int(S) - S[layout.N_SELF] + imm)[0])
            imm += 4
            b -= 4
        if a != 2:
            _b(s, 1, 0x90)  # the nop stops the routine
    elif op == layout.A_PEEK:
        _m(s, 0x8b if b == 4 else 0x1b7 if b == 2 else 0x1b6, names[d], 15 | names[a] + 1 << 8, imm)
    elif op == layout.A_POKE:
        _m(s, 0x89, names[d], 15, imm)
    elif op <= layout.A_UP:
        if op == layout.A_FRAME:
            _m(s, 0x8b, names[d], 3 | names[a] + 1 << 8, 0)
        else:
            _m(s, 0x28d, 3, 3 | names[a] + 1 << 8, 0)
        p = ptr8(int(S) + S[layout.N_AT])
        p = ptr8(int(p) - 5)
        p[0] = p[0] | 0x80  # the index times 4
    elif op == layout.A_TAIL:
        _r(s, 0x89, names[a], 1)
        _out(s, 0xe9, S[layout.N_CALL])
    else:
        _r(s, 0x31, 2, 2)
        _out(s, 0xe9, S[layout.N_EXIT])
    return 0


@micropython.viper
def _rest(s: int, op: int, d: int, a: int, b: int) -> int:
    """Calls, exits and the frame of a function."""
    S = ptr32(s << 2)
    names = ptr8(b"\x00\x02\x06\x07\x08\x09\x0a\x0b\x01")
    conds = ptr8(b"\x04\x05\x0c\x0d\x02\x03")
    imm = S[layout.N_IMM]
    if op == layout.A_CALL:
        _b(s, 1, 0xb8)  # mov eax, word; add rbx, slots
        _b(s, 4, imm)
        _r(s, 0x281, 0, 3)
        _b(s, 4, a << 2)
        if S[layout.N_TARGET]:
            _to(s, 0xe8, 1, S[layout.N_TARGET])
        else:
            _b(s, 1, 0xb9)  # mov ecx, header
            _b(s, 4, S[layout.N_ALSO])
            _out(s, 0xe8, S[layout.N_CALL])
        _r(s, 0x281, 5, 3)
        _b(s, 4, a << 2)
    elif op == layout.A_REF:
        _b(s, 1, 0xb8)
        _b(s, 4, imm)
        _out(s, 0xe8, S[layout.N_REF])
        _r(s, 0x281, 5, 3)
        _b(s, 4, a << 2)
    elif op == layout.A_RET:
        _m(s, 0x83, 0, 5, layout.X_CS << 2)
        _b(s, 2, 0xc304)
    elif op == layout.A_ENTER:
        _m(s, 0x8b, 1, 5, layout.X_CS << 2)  # lea rdx, [r15 + rcx]; sub rdx, rbx; cmp rdx, room; jl fail
        _m(s, 0x28d, 2, 0x20f, 0)
        _r(s, 0x229, 3, 2)
        _r(s, 0x281, 7, 2)
        _b(s, 4, imm)
        _b(s, 1, 0x0f)
        _out(s, 0x8c, S[layout.N_FAIL])
        _m(s, 0x23b, 4, 5, layout.X_LIMIT << 2)
        _b(s, 1, 0x0f)
        _out(s, 0x82, S[layout.N_FAIL])
        _i(s, 5, 1, 4)
        _m(s, 0x89, 1, 5, layout.X_CS << 2)
        _m(s, 0x89, 0, 0x20f, 0)
        if b:
            _r(s, 0x31, 0, 0)
            if b < 8:
                while b:
                    _m(s, 0x89, 0, 3, a << 2)
                    a += 1
                    b -= 1
            else:
                _b(s, 1, 0xb9)
                _b(s, 4, b)
                _m(s, 0x28d, 7, 3, a << 2)
                _b(s, 2, 0xabf3)
        _r(s, 0x83, 5, 14)
        _b(s, 1, 1)
        _b(s, 2, 0x1279)  # jns over: out of fuel at the first word
        _b(s, 1, 0xb8)
        _b(s, 4, S[layout.N_FUNC])
        _b(s, 1, 0xba)
        _b(s, 4, layout.S_FUEL)
        _r(s, 0x31, 14, 14)
        _out(s, 0xe9, S[layout.N_EXIT])
    elif op == layout.A_EXIT:
        _to(s, 0xe8, 1, S[layout.N_LEAVE])
        _b(s, 2, a | b << 14)
    elif op == layout.A_LEAVE:
        _b(s, 1, 0x59)  # pop rcx; movzx eax, word [rcx]; xor edx, edx; test ah, 80h; jz; xor r14d, r14d; inc edx
        _b(s, 3, 0x01b70f)
        _r(s, 0x31, 2, 2)
        _b(s, 3, 0x80c4f6)
        _b(s, 2, 0x0574)
        _r(s, 0x31, 14, 14)
        _b(s, 2, 0xc2ff)
        _b(s, 3, 0x40c4f6)  # test ah, 40h; jz; mov dl, S_UNDO
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
        _b(s, 2, 0xe0ff)  # jmp rax
    elif op == layout.A_FIX:
        t = S[layout.N_TARGET] - imm - 4
        p = ptr8(int(S) + imm)
        p[0] = t
        p[1] = t >> 8
        p[2] = t >> 16
        p[3] = t >> 24
    elif op == layout.A_TABLE:
        # lea rcx, [rip + table]; lea rcx, [rcx + 4a]; add rcx, a; jmp rcx: the jumps take 5 bytes each
        a = names[a]
        _b(s, 3, 0x0d8d48)
        _b(s, 4, 8 + 3 + 2)
        _m(s, 0x28d, 1, (a + 1 << 8) | 1, 0)
        p = ptr8(int(S) + S[layout.N_AT])
        p = ptr8(int(p) - 5)
        p[0] = p[0] | 0x80  # the index times 4
        _r(s, 0x201, a, 1)
        _b(s, 2, 0xe1ff)
    elif op == layout.A_ENTRY:
        return int(_to(s, 0xe9, 1, 0))
    elif op == layout.A_SET64:
        # both as 64 bits: the first one on the stack
        _r(s, 0x89, names[a >> 8], 1)
        _r(s, 0x2c1, 4, 1)
        _b(s, 1, 32)
        _r(s, 0x209, names[a & 255], 1)
        _b(s, 1, 0x51)
        _r(s, 0x89, names[b >> 8], 1)
        _r(s, 0x2c1, 4, 1)
        _b(s, 1, 32)
        _r(s, 0x209, names[b & 255], 1)
        _b(s, 4, 0x240c3948)
        _b(s, 1, 0x59)  # pop changes no flags
        _r(s, 0x190 | conds[S[layout.N_KIND]], 0, 1)
        _r(s, 0x1b6, names[d], 1)
    return 0


@micropython.viper
def _here(s: int) -> int:
    """The place in the code space of the next instruction."""
    S = ptr32(s << 2)
    return S[layout.N_HOME] + S[layout.N_AT] - S[layout.N_CODE]


@micropython.viper
def _routine(s: int, cell: int):
    """Call the routine whose address is in a cell, for the words at rax."""
    _b(s, 2, 0x5041)  # push r8, r9, r10, r11
    _b(s, 2, 0x5141)
    _b(s, 2, 0x5241)
    _b(s, 2, 0x5341)
    _m(s, 0x22b, 0, 5, layout.X_BASE << 2)
    _m(s, 0x89, 0, 5, layout.X_FLOAT << 2)
    _r(s, 0x289, 3, 1)
    _m(s, 0x22b, 1, 5, layout.X_BASE << 2)
    _m(s, 0x89, 1, 5, (layout.X_FLOAT << 2) + layout.E_FP)
    _m(s, 0x28d, 7, 5, layout.X_FLOAT << 2)
    _r(s, 0x2c1, 5, 7)
    _b(s, 1, 2)
    _m(s, 0x28b, 6, 5, layout.X_CONTEXT << 2)
    _m(s, 0xff, 2, 5, cell << 2)
    _b(s, 2, 0x5b41)
    _b(s, 2, 0x5a41)
    _b(s, 2, 0x5941)
    _b(s, 2, 0x5841)


@micropython.viper
def stubs(s: int) -> int:
    """The routines all functions share: N_EXIT, N_FAIL, N_CALL.

    The place of the one that the loop calls: (self, n_args, n_kw, args) in rdi, rsi, rdx, rcx.
    """
    S = ptr32(s << 2)
    # FAIL: call word eax is the loop's; its slots come off the frame again
    S[layout.N_FAIL] = int(_here(s))
    _m(s, 0x1b6, 1, 0x10f, 1)
    _r(s, 0xc1, 4, 1)
    _b(s, 1, 2)
    _r(s, 0x229, 1, 3)
    _m(s, 0x80, 7, 0x10f, 0)  # the second word of a call by reference: back to the first
    _b(s, 1, layout.OP_CALL)
    _b(s, 2, 0x0374)
    _b(s, 3, 0x04e883)
    _r(s, 0x31, 2, 2)
    # EXIT: to code word eax with status edx
    S[layout.N_EXIT] = int(_here(s))
    _m(s, 0x28b, 1, 5, layout.X_ENV << 2)
    _m(s, 0x89, 0, 1, layout.E_IP)
    _m(s, 0x89, 14, 1, layout.E_FUEL)
    _r(s, 0x229, 15, 3)
    _m(s, 0x89, 3, 1, layout.E_FP)
    _m(s, 0x8b, 0, 5, layout.X_CS << 2)
    _m(s, 0x89, 0, 1, layout.E_CS)
    _m(s, 0x28b, 4, 5, layout.X_SP << 2)
    _m(s, 0x28d, 0, 0x302, 1)  # lea rax, [rdx + rdx + 1]: a small integer
    _b(s, 2, 0x5f41)
    _b(s, 2, 0x5e41)
    _b(s, 2, 0x5d41)
    _b(s, 2, 0x5c41)
    _b(s, 3, 0xc35b5d)
    # CALL: the function with header ecx, for call word eax, native or not
    S[layout.N_CALL] = int(_here(s))
    _m(s, 0x8b, 1, 0x20f, layout.FUNC)
    _b(s, 2, 0xf980)  # cmp cl, OP_NATIVE; jne FAIL
    _b(s, 1, layout.OP_NATIVE)
    _b(s, 1, 0x0f)
    _out(s, 0x85, S[layout.N_FAIL])
    _r(s, 0xc1, 5, 1)
    _b(s, 1, 8)
    _r(s, 0xc1, 4, 1)
    _b(s, 1, 2)
    _m(s, 0x8b, 1, 0x20f, layout.NE_CALL)
    _b(s, 3, 0x158d48)  # lea rdx, [code space]
    _b(s, 4, 0 - int(_here(s)) - 4)
    _r(s, 0x201, 2, 1)
    _b(s, 2, 0xe1ff)
    # FLOATS: the routine for the words behind the call; on behind them
    S[layout.N_FLOATS] = int(_here(s))
    a = layout.X_ROUTINES
    while a < layout.X_ROUTINES + 4:
        _b(s, 1, 0x58)
        _routine(s, a)
        _m(s, 0x8b, 0, 5, layout.X_FLOAT << 2)
        _m(s, 0x203, 0, 5, layout.X_BASE << 2)
        _b(s, 2, 0xe0ff)
        a += 2
    # … for one word; what it traps with takes the place of its result: the operand gets its value back
    _b(s, 1, 0x58)
    _m(s, 0x1b6, 1, 0, 2)
    _m(s, 0x28d, 1, 3 | 2 << 8, 0)
    p = ptr8(int(S) + S[layout.N_AT])
    p = ptr8(int(p) - 5)
    p[0] = p[0] | 0x80  # the index times 4
    _b(s, 3, 0x31ff51)  # push rcx; push [rcx]
    _b(s, 1, 0x50)
    _routine(s, a)
    _b(s, 3, 0x595a5e)  # pop rsi; pop rdx; pop rcx
    _r(s, 0x85, 0, 0)
    _b(s, 2, 0x0374)
    _b(s, 3, 0x118948)  # mov [rcx], rdx
    _b(s, 4, 0x04c68348)  # add rsi, 4
    _b(s, 2, 0xe6ff)
    # The loop's way in
    at = int(_here(s))
    _b(s, 2, 0x5553)
    _b(s, 2, 0x5441)
    _b(s, 2, 0x5541)
    _b(s, 2, 0x5641)
    _b(s, 2, 0x5741)
    _m(s, 0x28b, 0, 1, 0)
    _r(s, 0x2d1, 7, 0)
    _r(s, 0x2c1, 4, 0)
    _b(s, 1, 2)
    _r(s, 0x289, 0, 15)
    _m(s, 0x8b, 1, 0, layout.E_SELF)
    _r(s, 0x229, 1, 15)
    _m(s, 0x28d, 5, 15, S[layout.N_STATE])
    _m(s, 0x289, 0, 5, layout.X_ENV << 2)
    _m(s, 0x289, 4, 5, layout.X_SP << 2)
    _m(s, 0x28d, 1, 4, 0 - 32768)
    _m(s, 0x289, 1, 5, layout.X_LIMIT << 2)
    _m(s, 0x8b, 3, 0, layout.E_FP)
    _r(s, 0x201, 15, 3)
    _m(s, 0x8b, 1, 0, layout.E_CS)
    _m(s, 0x89, 1, 5, layout.X_CS << 2)
    _m(s, 0x8b, 14, 0, layout.E_FUEL)
    _m(s, 0x8b, 1, 0, layout.E_INST)
    _m(s, 0x89, 1, 5, layout.X_INST << 2)
    _m(s, 0x8b, 2, 0x20f, layout.I_GLOBALS)
    _m(s, 0x89, 2, 5, layout.X_GLOBALS << 2)
    _m(s, 0x8b, 2, 0x20f, layout.I_MEM0)
    # no memory: the first bytes of the pool say so (their size is never looked at: such functions have no accesses)
    _m(s, 0x8b, 12, 0x30f, layout.MM_DATA)
    _r(s, 0x201, 15, 12)
    _m(s, 0x8b, 13, 0x30f, layout.MM_BYTES)
    _m(s, 0x8b, 2, 0, layout.E_IP)
    _m(s, 0x8b, 2, 0x30f, 0)
    _r(s, 0xc1, 5, 2)
    _b(s, 1, 8)
    _r(s, 0xc1, 4, 2)
    _b(s, 1, 2)
    _b(s, 3, 0x358d48)  # lea rsi, [code space]
    _b(s, 4, 0 - int(_here(s)) - 4)
    _m(s, 0x8b, 0, 0x30f, layout.NE_CODE)
    _m(s, 0x8b, 1, 0x30f, layout.NE_LOADER)
    _r(s, 0x201, 6, 0)
    _r(s, 0x201, 6, 1)
    _b(s, 1, 0xe8)  # call over the way back
    jump = S[layout.N_AT]
    _b(s, 4, 0)
    # The way back: the function that was entered has returned; on behind its call word
    _m(s, 0x8b, 0, 5, layout.X_CS << 2)
    _m(s, 0x8b, 0, 0x10f, 0 - 4)
    _m(s, 0x1b6, 1, 0x10f, 1)
    _r(s, 0xc1, 4, 1)
    _b(s, 1, 2)
    _r(s, 0x229, 1, 3)
    _r(s, 0x83, 0, 0)
    _b(s, 1, 4)
    _r(s, 0x31, 2, 2)
    _out(s, 0xe9, S[layout.N_EXIT])
    S[layout.N_IMM] = jump
    S[layout.N_TARGET] = S[layout.N_AT]
    asm(s, layout.A_FIX, 0, 0, 0)
    _b(s, 2, 0xe1ff)  # jmp rcx
    return at
