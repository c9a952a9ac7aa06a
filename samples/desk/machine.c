// Machines: an assembler and a switch interpreter for a small stack computer, a tape computer, the busy beaver.
// MIT license; Copyright (c) 2026 the pitwasm authors

#include "../kit/kit.h"

// ---- the stack computer: one byte an operation, some with a 16-bit operand

enum op {
    HALT, PUSH, DUP, DROP, SWAP, OVER, ROT, PICK, ADD, SUB, MUL, DIV, MOD, NEG, AND, OR, XOR, NOT, SHL, SHR, SAR, ROL, ROR, CLZ, CTZ, POP,
    EQ, NE, LT, LE, GT, GE, LTU, GEU, MIN, MAX, ABS, SGN, LOAD, STORE, LOADB, STOREB, INC, DEC, JUMP, JZ, JNZ, CALL, RET, TOR, FROMR, RAT,
    EMIT, ADDL, MULH, EXT8, EXT16, SEL, MEMX, FILLX, OPS
};

struct machine {
    u16 pc, sp, rp;
    u32 steps, out;
    i32 stack[32], ret[16];
};

static i32 execute(struct machine *m, const u8 *code, u8 *memory, u32 room, u32 limit) {
    i32 *s = m->stack;
    u32 sp = m->sp;
#define T s[(sp - 1) & 31]
#define N s[(sp - 2) & 31]
#define W ((u32)code[m->pc] | (u32)code[m->pc + 1] << 8)
#define BINARY(name, expression) case name: { i32 b = T, a = N; sp--; T = (expression); break; }
    while (m->steps++ < limit) {
        switch (code[m->pc++]) {
        case HALT: m->sp = sp; return 0;
        case PUSH: sp++; T = (short)W; m->pc += 2; break;
        case DUP: sp++; T = N; break;
        case DROP: sp--; break;
        case SWAP: { i32 t = T; T = N; N = t; break; }
        case OVER: { i32 t = N; sp++; T = t; break; }
        case ROT: { i32 t = s[(sp - 3) & 31]; s[(sp - 3) & 31] = N; N = T; T = t; break; }
        case PICK: T = s[(sp - 2 - T) & 31]; break;
        BINARY(ADD, (u32)a + b)
        BINARY(SUB, (u32)a - b)
        BINARY(MUL, (u32)a * b)
        case DIV: case MOD: {
            i32 b = T, a = N;
            if (!b) return 1;
            sp--;
            if (b == -1) T = code[m->pc - 1] == DIV ? (i32)(0u - (u32)a) : 0;
            else T = code[m->pc - 1] == DIV ? a / b : a % b;
            break;
        }
        case NEG: T = 0u - (u32)T; break;
        BINARY(AND, a & b)
        BINARY(OR, a | b)
        BINARY(XOR, a ^ b)
        case NOT: T = ~T; break;
        BINARY(SHL, (u32)a << (b & 31))
        BINARY(SHR, (u32)a >> (b & 31))
        BINARY(SAR, a >> (b & 31))
        BINARY(ROL, (u32)a << (b & 31) | (u32)a >> (-b & 31))
        BINARY(ROR, (u32)a >> (b & 31) | (u32)a << (-b & 31))
        case CLZ: T = T ? __builtin_clz(T) : 32; break;
        case CTZ: T = T ? __builtin_ctz(T) : 32; break;
        case POP: T = __builtin_popcount(T); break;
        BINARY(EQ, a == b)
        BINARY(NE, a != b)
        BINARY(LT, a < b)
        BINARY(LE, a <= b)
        BINARY(GT, a > b)
        BINARY(GE, a >= b)
        BINARY(LTU, (u32)a < (u32)b)
        BINARY(GEU, (u32)a >= (u32)b)
        BINARY(MIN, a < b ? a : b)
        BINARY(MAX, a > b ? a : b)
        case ABS: T = T < 0 ? 0u - (u32)T : (u32)T; break;
        case SGN: T = (T > 0) - (T < 0); break;
        case LOAD: if ((u32)T > room - 4) return 2; T = memory[T] | memory[T + 1] << 8 | memory[T + 2] << 16 | (u32)memory[T + 3] << 24; break;
        case STORE: {
            u32 at = T, v = N;
            if (at > room - 4) return 2;
            sp -= 2;
            for (u32 k = 0; k < 4; k++) memory[at + k] = v >> 8 * k;
            break;
        }
        case LOADB: if ((u32)T >= room) return 2; T = memory[T]; break;
        case STOREB: if ((u32)T >= room) return 2; memory[T] = N; sp -= 2; break;
        case INC: T = (u32)T + 1; break;
        case DEC: T = (u32)T - 1; break;
        case JUMP: m->pc = W; break;
        case JZ: sp--; m->pc = s[sp & 31] ? m->pc + 2 : W; break;
        case JNZ: sp--; m->pc = s[sp & 31] ? W : m->pc + 2u; break;
        case CALL: if (m->rp == 16) return 3; m->ret[m->rp++] = m->pc + 2; m->pc = W; break;
        case RET: if (!m->rp) return 0; m->pc = m->ret[--m->rp]; break;
        case TOR: if (m->rp == 16) return 3; sp--; m->ret[m->rp++] = s[sp & 31]; break;
        case FROMR: if (!m->rp) return 3; sp++; T = m->ret[--m->rp]; break;
        case RAT: if (!m->rp) return 3; sp++; T = m->ret[m->rp - 1]; break;
        case EMIT: sp--; m->out = mix(m->out, s[sp & 31]); break;
        case ADDL: T = (u32)T + (u32)(short)W; m->pc += 2; break;
        BINARY(MULH, (i64)a * b >> 32)
        case EXT8: T = (signed char)T; break;
        case EXT16: T = (short)T; break;
        case SEL: { i32 c = T; sp -= 2; if (!c) T = s[sp & 31]; break; }
        case MEMX: { i32 sum = 0; for (u32 i = 0; i < room; i++) sum = sum * 31 + memory[i]; sp++; T = sum; break; }
        case FILLX: { i32 v = T; sp--; for (u32 i = 0; i < room; i++) memory[i] = v + i; break; }
        default: return 4;
        }
        if (sp > 30000) sp &= 31;
    }
    return 5;
}

// Source: words separated by blanks; "name:" a label, "@name" its address as operand, a number pushes.
static const char mnemonics[] =
    "halt push dup drop swap over rot pick + - * / % neg and or xor not shl shr sar rol ror clz ctz pop = <> < <= > >= u< u>= min max abs sgn "
    "load store loadb storeb inc dec jump jz jnz call ret >r r> r@ emit addl mulh ext8 ext16 sel memx fillx ";

static u32 word_length(const char *p) {
    u32 n = 0;
    while (p[n] && p[n] != ' ') n++;
    return n;
}

static i32 same(const char *a, const char *b, u32 n) {
    while (n--)
        if (*a++ != *b++) return 0;
    return 1;
}

static i32 assemble(const char *source, u8 *code) {
    struct { const char *name; u16 at; } labels[12];
    u32 count = 0, size = 0;
    for (u32 pass = 0; pass < 2; pass++) {
        size = 0;
        for (const char *p = source; *p;) {
            if (*p == ' ') {
                p++;
                continue;
            }
            u32 n = word_length(p), found = 0;
            if (p[n - 1] == ':') {
                if (!pass) labels[count].name = p, labels[count++].at = size;
            } else if (*p == '@') {
                u32 at = ~0u;
                for (u32 k = 0; k < count; k++)
                    if (labels[k].name[n - 1] == ':' && same(labels[k].name, p + 1, n - 1)) at = labels[k].at;
                if (pass && at == ~0u) return -1;
                code[size++] = at;
                code[size++] = at >> 8;
            } else if ((u32)(*p - '0') < 10 || (*p == '-' && n > 1)) {
                u32 v = 0;
                for (u32 k = *p == '-'; k < n; k++) v = v * 10 + p[k] - '0';
                if (*p == '-') v = 0u - v;
                code[size++] = PUSH;
                code[size++] = v;
                code[size++] = v >> 8;
            } else {
                u32 op = 0;
                for (const char *m = mnemonics; *m && !found; op++) {
                    u32 length = word_length(m);
                    if (length == n && same(m, p, n)) {
                        code[size++] = op;
                        found = 1;
                    }
                    m += length + 1;
                }
                if (!found) return -2;
            }
            p += n;
        }
    }
    return size;
}

static const char *const programs[] = {
    "17 call @fib emit halt fib: dup 2 < jnz @base dup dec call @fib swap 2 - call @fib + base: ret",
    "0 1 loop: dup emit swap over + dup 10000 < jnz @loop halt",
    "2 next: dup 200 > jnz @end 2 try: over over dup * < jnz @prime over over % jz @no inc jump @try prime: over emit no: drop inc jump @next end: halt",
    "90 fillx 0 loop: dup loadb over 3 * 255 and xor over storeb inc dup 64 < jnz @loop memx emit halt",
    "27 collatz: dup emit dup 1 = jnz @end dup 1 and jnz @odd 1 shr jump @collatz odd: 3 * inc jump @collatz end: halt",
    "1000 loop: dup clz emit dup pop emit dup ctz emit dup 7 rol emit dup neg abs emit dup 123 mulh emit dup ext8 emit dec dup jnz @loop halt",
    "1 0 / halt",
    "loop: 5 >r jump @loop",
    "-1 load halt",
    "12 8 g: dup jz @e swap over % jump @g e: drop emit 1 2 0 sel emit 3 4 1 sel emit 9 8 rot emit halt",
};

EXPORT(computer) u32 computer(u32 limit) {
    u32 hash = 0;
    for (u32 i = 0; i < COUNT(programs); i++) {
        struct machine m = {0};
        u8 *code = work.bytes, *memory = work.bytes + 1024;
        i32 size = assemble(programs[i], code);
        if (size < 0) return size;
        for (u32 k = 0; k < 64; k++) memory[k] = 0;
        i32 status = execute(&m, code, memory, 64, limit);
        hash = mix(mix(mix(hash, m.out), status), m.steps);
    }
    return hash;
}

// ---- the tape computer of eight commands: compiled to (operation, count) pairs with jumps resolved, then run

EXPORT(tape) u32 tape(u32 limit) {
    static const char source[] = "++++++++[>++++[>++>+++>+++>+<<<<-]>+>+>->>+[<]<-]>>.>---.+++++++..+++.>>.<-.<.+++.------.--------.>>+.>++.";
    u16 *code = work.halves, stack[8];
    u8 *cells = work.bytes + 1024;
    u32 size = 0, depth = 0, hash = 0, at = 0;
    for (const char *p = source; *p;) {
        u32 n = 1;
        switch (*p) {
        case '[':
            stack[depth++] = size;
            code[size++] = '[' << 9;
            break;
        case ']': {
            u32 open = stack[--depth];
            code[size] = ']' << 9 | open;
            code[open] |= size++;
            break;
        }
        case '.':
            code[size++] = '.' << 9;
            break;
        default:
            while (p[n] == *p) n++;
            code[size++] = *p << 9 | n;
        }
        p += n;
    }
    for (u32 i = 0; i < 64; i++) cells[i] = 0;
    for (u32 pc = 0; pc < size && limit--; pc++) {
        u32 n = code[pc] & 511;
        switch (code[pc] >> 9) {
        case '+': cells[at] += n; break;
        case '-': cells[at] -= n; break;
        case '>': at = (at + n) & 63; break;
        case '<': at = (at - n) & 63; break;
        case '[': if (!cells[at]) pc = n; break;
        case ']': if (cells[at]) pc = n; break;
        default: hash = mix(hash, cells[at]);
        }
    }
    return hash;
}

EXPORT(beaver) u32 beaver(u32 limit) {  // the busy beaver of four states: 13 ones after 107 steps
    static const u8 rules[4][2] = {{0x91, 0x81}, {0x80, 0x02}, {0x94, 0x83}, {0x93, 0x10}};  // write << 7 | right << 4 | next; 4 = halt
    u32 state = 0, at = 32, steps = 0, ones = 0;
    for (u32 i = 0; i < 64; i++) work.bytes[i] = 0;
    while (state != 4 && steps < limit) {
        u32 rule = rules[state][work.bytes[at & 63]];
        work.bytes[at & 63] = rule >> 7;
        at += rule & 16 ? 1 : -1;
        state = rule & 7;
        steps++;
    }
    for (u32 i = 0; i < 64; i++) ones += work.bytes[i];
    return ones << 16 | steps;
}
