// Text: a backtracking regular expression matcher, glob, JSON, formatted printing, UTF-8, edit distance, an expression evaluator.
// MIT license; Copyright (c) 2026 the pitwasm authors

#include "kit.h"

// ---- regular expressions: . [a-z] [^a] * + ? | ( ) ^ $ \d \w \s

static const char *pattern_end(const char *p);

static const char *atom_end(const char *p) {
    if (*p == '(') {
        p = pattern_end(p + 1);
        return *p ? p + 1 : p;
    }
    if (*p == '[') {
        p++;
        if (*p == '^') p++;
        if (*p == ']') p++;
        while (*p && *p != ']') p++;
        return *p ? p + 1 : p;
    }
    return *p == '\\' && p[1] ? p + 2 : p + 1;
}

static const char *pattern_end(const char *p) {  // at the ) or at the end
    while (*p && *p != ')') p = *p == '|' ? p + 1 : atom_end(p);
    return p;
}

static const char *branch_end(const char *p) {
    while (*p && *p != ')' && *p != '|') p = atom_end(p);
    return p;
}

static i32 class_has(const char *p, const char *end, u32 c) {
    i32 no = *p == '^', found = 0;
    if (no) p++;
    while (p < end) {
        if (p + 2 < end && p[1] == '-') {
            found |= c >= (u8)p[0] && c <= (u8)p[2];
            p += 3;
        } else {
            found |= c == (u8)*p++;
        }
    }
    return found != no;
}

static i32 one(const char *p, const char *end, u32 c) {
    if (!c) return 0;
    switch (*p) {
    case '.': return c != '\n';
    case '[': return class_has(p + 1, end - 1, c);
    case '\\':
        switch (p[1]) {
        case 'd': return c >= '0' && c <= '9';
        case 'w': return (c >= '0' && c <= '9') || (c | 32) - 'a' < 26 || c == '_';
        case 's': return c == ' ' || (c >= 9 && c <= 13);
        default: return c == (u8)p[1];
        }
    default: return c == (u8)*p;
    }
}

struct rest {  // what must match after the part at hand
    const char *pattern;
    const struct rest *next;
};

static u32 regex_steps;

static const char *match_here(const char *p, const char *text, const char *start, const struct rest *rest);

static const char *match_any(const char *p, const char *text, const char *start, const struct rest *rest) {  // alternatives
    for (;;) {
        const char *end = branch_end(p), *found = match_here(p, text, start, rest);
        if (found) return found;
        if (*end != '|') return 0;
        p = end + 1;
    }
}

static const char *match_here(const char *p, const char *text, const char *start, const struct rest *rest) {
    for (;;) {
        if (++regex_steps > 20000) return 0;
        if (!*p || *p == ')' || *p == '|') {
            if (!rest) return text;
            p = rest->pattern;
            rest = rest->next;
            continue;
        }
        if (*p == '^') {
            if (text != start) return 0;
            p++;
            continue;
        }
        if (*p == '$' && (!p[1] || p[1] == ')' || p[1] == '|')) {
            if (*text) return 0;
            p++;
            continue;
        }
        const char *end = atom_end(p), *found;
        if (*p == '(') {
            struct rest after = {end + (*end == '*' || *end == '+' || *end == '?'), rest};
            struct rest again = {p, rest};  // the group once more, with its repetition
            if (*end == '*' || *end == '+') {
                if (*end == '*' && text[0] == 0) return match_here(after.pattern, text, start, rest);
                // One round; then either on, or round again when something was eaten.
                found = match_any(p + 1, text, start, &after);
                const char *far = *text ? match_any(p + 1, text, start, &again) : 0;
                if (far && (!found || far > found)) found = far;
                if (found || *end == '+') return found;
                p = after.pattern;
                continue;
            }
            found = match_any(p + 1, text, start, &after);
            if (found || *end != '?') return found;
            p = after.pattern;
            continue;
        }
        if (*end == '*' || *end == '+' || *end == '?') {
            u32 least = *end == '+', most = *end == '?' ? 1 : ~0u, n = 0;
            while (n < most && one(p, end, (u8)text[n])) n++;
            for (;; n--) {
                if (n < least) return 0;
                found = match_here(end + 1, text + n, start, rest);
                if (found) return found;
                if (!n) return 0;
            }
        }
        if (!one(p, end, (u8)*text)) return 0;
        text++;
        p = end;
    }
}

static const char *const patterns[] = {
    "a*b", "[0-9]+\\.[0-9]*", "^(the|a) \\w+", "(ab|cd)+e", "colou?r", "\\d\\d:\\d\\d$", "[^ ]+@[a-z]+\\.(com|org)", "x.*y.*z", "(a|b)*c",
};
static const char *const subjects[] = {
    "aaab", "pi is 3.14159", "the board boots", "abcdabe", "what color", "it is 12:45", "mail me@example.org now", "xooyooz", "ababac", "",
};

EXPORT(regex) u32 regex(u32 rounds) {
    u32 hash = 0;
    while (rounds--)
        for (u32 i = 0; i < COUNT(patterns); i++)
            for (u32 k = 0; k < COUNT(subjects); k++) {
                const char *text = subjects[k], *found = 0;
                regex_steps = 0;
                do found = match_any(patterns[i], text, subjects[k], 0);
                while (!found && *text++);
                hash = mix(hash, found ? (text - subjects[k]) << 8 | (found - text) : ~0u);
            }
    return hash;
}

static i32 glob_match(const char *p, const char *s) {
    const char *star = 0, *retry = 0;
    while (*s) {
        if (*p == '*') {
            star = p++;
            retry = s;
        } else if (*p == '?' || *p == *s) {
            p++;
            s++;
        } else if (star) {
            p = star + 1;
            s = ++retry;
        } else {
            return 0;
        }
    }
    while (*p == '*') p++;
    return !*p;
}

// ---- JSON: checked, and printed again without spaces

struct json {
    const char *in;
    char *out;
    u32 depth, values;
};

static void skip(struct json *j) {
    while (*j->in == ' ' || *j->in == '\n' || *j->in == '\t' || *j->in == '\r') j->in++;
}

static i32 hex_digit(u32 c) { return c - '0' < 10 ? (i32)(c - '0') : (c | 32) - 'a' < 6 ? (i32)((c | 32) - 'a' + 10) : -1; }

static u32 utf8_put(u32 c, char *out) {
    if (c < 0x80) return *out = c, 1;
    if (c < 0x800) return out[0] = 0xc0 | c >> 6, out[1] = 0x80 | (c & 63), 2;
    if (c < 0x10000) return out[0] = 0xe0 | c >> 12, out[1] = 0x80 | (c >> 6 & 63), out[2] = 0x80 | (c & 63), 3;
    return out[0] = 0xf0 | c >> 18, out[1] = 0x80 | (c >> 12 & 63), out[2] = 0x80 | (c >> 6 & 63), out[3] = 0x80 | (c & 63), 4;
}

static i32 json_string(struct json *j) {
    *j->out++ = *j->in++;
    while (*j->in != '"') {
        u32 c = (u8)*j->in++;
        if (c < 32) return 0;
        if (c == '\\') {
            c = (u8)*j->in++;
            switch (c) {
            case 'n': c = '\n'; break;
            case 't': c = '\t'; break;
            case 'b': c = '\b'; break;
            case 'f': c = '\f'; break;
            case 'r': c = '\r'; break;
            case '"': case '\\': case '/': break;
            case 'u': {
                c = 0;
                for (u32 k = 0; k < 4; k++) {
                    i32 d = hex_digit((u8)*j->in++);
                    if (d < 0) return 0;
                    c = c << 4 | d;
                }
                break;
            }
            default: return 0;
            }
            j->out += utf8_put(c, j->out);
            continue;
        }
        *j->out++ = c;
    }
    *j->out++ = *j->in++;
    return 1;
}

static i32 json_digits(struct json *j) {
    u32 n = 0;
    while ((u32)(*j->in - '0') < 10) *j->out++ = *j->in++, n++;
    return n != 0;
}

static i32 json_value(struct json *j) {
    skip(j);
    j->values++;
    if (++j->depth > 12) return 0;
    u32 c = *j->in;
    i32 ok = 0;
    if (c == '{' || c == '[') {
        u32 close = c == '{' ? '}' : ']';
        *j->out++ = *j->in++;
        skip(j);
        while ((u32)*j->in != close) {
            if (c == '{') {
                skip(j);
                if (*j->in != '"' || !json_string(j)) return 0;
                skip(j);
                if (*j->in != ':') return 0;
                *j->out++ = *j->in++;
            }
            if (!json_value(j)) return 0;
            skip(j);
            if (*j->in == ',') {
                *j->out++ = *j->in++;
                skip(j);
                if ((u32)*j->in == close) return 0;
            } else if ((u32)*j->in != close) {
                return 0;
            }
        }
        *j->out++ = *j->in++;
        ok = 1;
    } else if (c == '"') {
        ok = json_string(j);
    } else if (c == '-' || c - '0' < 10) {
        if (c == '-') *j->out++ = *j->in++;
        if (*j->in == '0' && (u32)(j->in[1] - '0') < 10) return 0;
        ok = json_digits(j);
        if (ok && *j->in == '.') {
            *j->out++ = *j->in++;
            ok = json_digits(j);
        }
        if (ok && (*j->in | 32) == 'e') {
            *j->out++ = *j->in++;
            if (*j->in == '+' || *j->in == '-') *j->out++ = *j->in++;
            ok = json_digits(j);
        }
    } else {
        const char *word = c == 't' ? "true" : c == 'f' ? "false" : "null";
        ok = 1;
        while (*word && ok) {
            ok = *j->in == *word++;
            *j->out++ = *j->in++;
        }
    }
    j->depth--;
    return ok;
}

static const char *const documents[] = {
    "{\"board\": \"pico\", \"ram\": [264, 1.5e3, -0.25], \"ok\": true, \"none\": null}",
    " [ [ ], { }, [ 1 , 2 , { \"a\" : \"b\\n\\u00e9\\u20ac\" } ] ] ",
    "[1, 2,]", "{\"a\" 1}", "[01]", "\"open", "[tru]", "-0.5e-3", "[[[[[[[[[[[[[[1]]]]]]]]]]]]]]", "{\"k\":{\"k\":{\"k\":[false]}}}",
};

EXPORT(json) u32 json(u32 rounds) {
    u32 hash = 0;
    while (rounds--)
        for (u32 i = 0; i < COUNT(documents); i++) {
            struct json j = {documents[i], (char *)work.bytes, 0, 0};
            i32 ok = json_value(&j);
            skip(&j);
            ok = ok && !*j.in;
            hash = mix_bytes(mix(hash, ok), work.bytes, (u8 *)j.out - work.bytes);
            hash = mix(hash, j.values << 16 | (j.in - documents[i]));
        }
    return hash;
}

// ---- printing: %d %u %x %c %s %b %% with width, zero fill and left alignment

union argument {
    i32 number;
    const char *text;
};

static char *print(char *out, const char *format, const union argument *arguments) {
    for (; *format; format++) {
        if (*format != '%') {
            *out++ = *format;
            continue;
        }
        u32 left = 0, zero = 0, width = 0, length = 0, negative = 0, base = 10;
        char digits[33];
        const char *text = digits;
        for (format++; *format == '-' || *format == '0'; format++)
            if (*format == '-') left = 1;
            else zero = 1;
        while ((u32)(*format - '0') < 10) width = width * 10 + *format++ - '0';
        if (*format == '%') {
            *out++ = '%';
            continue;
        }
        union argument a = *arguments++;
        switch (*format) {
        case 's':
            text = a.text;
            length = length_of(text);
            break;
        case 'c':
            digits[0] = a.number;
            length = 1;
            break;
        case 'b': base = 2; goto number;
        case 'x': base = 16; goto number;
        case 'd':
            negative = a.number < 0;
            if (negative) a.number = -(u32)a.number;
            // fall through
        default:
        number: {
            u32 v = a.number, n = 32;
            do digits[n--] = "0123456789abcdef"[v % base], v /= base;
            while (v);
            text = digits + n + 1;
            length = 32 - n;
        }
        }
        u32 blank = length + negative < width ? width - length - negative : 0;
        if (!left && !zero)
            while (blank) *out++ = ' ', blank--;
        if (negative) *out++ = '-';
        if (!left)
            while (blank) *out++ = '0', blank--;
        while (length--) *out++ = *text++;
        while (blank) *out++ = ' ', blank--;
    }
    *out = 0;
    return out;
}

EXPORT(printing) u32 printing(u32 count) {
    u32 seed = 8, hash = 0;
    for (u32 i = 0; i < count; i++) {
        i32 n = (i32)next_random(&seed) >> i % 32;
        union argument a[] = {{.number = n}, {.number = n}, {.number = n}, {.text = subjects[i % COUNT(subjects)]}, {.number = 'a' + i % 26}, {.number = n & 15}};
        char *end = print((char *)work.bytes, "%d|%12u|%08x|%-18s|%c|%5b|100%%", a);
        hash = mix_bytes(hash, work.bytes, (u8 *)end - work.bytes);
    }
    return hash;
}

// ---- UTF-8, glob, edit distance

static i32 utf8_next(const u8 **p, const u8 *end) {
    u32 c = *(*p)++, more = c < 0x80 ? 0 : c < 0xc2 ? 9 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : 9;
    if (!more) return c;
    if (more == 9) return -1;
    c &= 0x3f >> more;
    for (u32 k = more; k; k--) {
        if (*p == end || (**p & 0xc0) != 0x80) return -1;
        c = c << 6 | (*(*p)++ & 63);
    }
    if ((more == 2 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) || (more == 3 && (c < 0x10000 || c > 0x10ffff))) return -1;
    return c;
}

static u32 distance(const char *a, const char *b) {
    u8 *row = work.bytes;
    u32 n = length_of(b);
    for (u32 k = 0; k <= n; k++) row[k] = k;
    for (u32 i = 1; *a; a++, i++) {
        u32 corner = row[0];
        row[0] = i;
        for (u32 k = 1; k <= n; k++) {
            u32 replace = corner + (*a != b[k - 1]), least = row[k] + 1u < row[k - 1] + 1u ? row[k] + 1u : row[k - 1] + 1u;
            corner = row[k];
            row[k] = replace < least ? replace : least;
        }
    }
    return row[n];
}

EXPORT(words) u32 words_(u32 count) {
    static const char *const globs[] = {"*a*b", "the *", "*?@*.org*", "a?b*", "*", "w*color"};
    u32 hash = 0, seed = 21;
    for (u32 i = 0; i < COUNT(subjects); i++)
        for (u32 k = 0; k < COUNT(subjects); k++) hash = mix(hash, distance(subjects[i], subjects[k]));
    for (u32 i = 0; i < COUNT(globs); i++)
        for (u32 k = 0; k < COUNT(subjects); k++) hash = hash << 1 ^ hash >> 31 ^ glob_match(globs[i], subjects[k]);
    for (u32 i = 0; i < count; i++) {
        u32 c = next_random(&seed) % 0x120000, n = utf8_put(c, (char *)work.bytes);
        if (i & 1) work.bytes[next_random(&seed) % n] ^= 1 << next_random(&seed) % 8;
        const u8 *p = work.bytes;
        while (p < work.bytes + n) hash = mix(hash, utf8_next(&p, work.bytes + n));
    }
    return hash;
}

// ---- expressions: + - * / % ( ) unary minus, comparisons, shifts, by precedence climbing

static const char *expression;
static u32 expression_errors;

static i32 operand(void);

static i32 climb(u32 least) {
    i32 left = operand();
    for (;;) {
        while (*expression == ' ') expression++;
        u32 c = *expression, two = c && expression[1] == (char)c && (c == '<' || c == '>');
        u32 power = c == '*' || c == '/' || c == '%' ? 5 : c == '+' || c == '-' ? 4 : two ? 3 : c == '<' || c == '>' ? 2 : c == '&' || c == '|' || c == '^' ? 1 : 0;
        if (power <= least) return left;
        expression += 1 + two;
        i32 right = climb(power);
        switch (c) {
        case '*': left = (u32)left * right; break;
        case '+': left = (u32)left + right; break;
        case '-': left = (u32)left - right; break;
        case '&': left &= right; break;
        case '|': left |= right; break;
        case '^': left ^= right; break;
        case '<': left = two ? (i32)((u32)left << (right & 31)) : left < right; break;
        case '>': left = two ? left >> (right & 31) : left > right; break;
        default:
            if (!right || (right == -1 && left == (i32)0x80000000)) expression_errors++, left = 0;
            else left = c == '/' ? left / right : left % right;
        }
    }
}

static i32 operand(void) {
    while (*expression == ' ') expression++;
    if (*expression == '-') return expression++, -(u32)operand();
    if (*expression == '(') {
        expression++;
        i32 v = climb(0);
        while (*expression == ' ') expression++;
        if (*expression == ')') expression++;
        else expression_errors++;
        return v;
    }
    u32 v = 0, n = 0;
    for (; (u32)(*expression - '0') < 10; n++) v = v * 10 + *expression++ - '0';
    if (!n) expression_errors++;
    return v;
}

EXPORT(evaluate) u32 evaluate(u32 rounds) {
    static const char *const sums[] = {
        "1 + 2 * 3", "(1 + 2) * 3", "-(7 - 10) * -4", "100 / 7 % 5 << 3", "1 << 31 >> 31", "3 > 2 & 5 < 4 | 8 ^ 1", "2 * (3 + (4 - 5) * 6", "7 / 0", "((((9))))", "1000000 * 1000000",
    };
    u32 hash = 0;
    while (rounds--)
        for (u32 i = 0; i < COUNT(sums); i++) {
            expression = sums[i];
            expression_errors = 0;
            hash = mix(mix(hash, climb(0)), expression_errors);
        }
    return hash;
}
