/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expressions of HMP arguments: 64-bit integers, registers, characters, + - * / % & | ^ ~ and parentheses.
 *
 *   sum := logic { (+|-) logic };  logic := product { (&|"|"|^) product };  product := unary { (*|/|%) unary }
 *
 * Arithmetic wraps. Nesting is bounded, since the text is typed by anyone who reaches the monitor.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/hmp.h"
#include "monitor/target_hooks.h"

#define NESTING_MAX 100

typedef struct Expr {
    const char *at;
    Cpu *cpu;
    unsigned nesting;
    GError **err;
} Expr;

static bool sum(Expr *e, int64_t *value);

static void skip_blanks(Expr *e)
{
    while (g_ascii_isspace(*e->at)) {
        e->at++;
    }
}

static void offer_register(const char *name, void *nearest)
{
    nearest_add(nearest, name);
}

static bool register_value(Expr *e, int64_t *value)
{
    const char *start = ++e->at;
    while (g_ascii_isalnum(*e->at) || *e->at == '_' || *e->at == '.') {
        e->at++;
    }
    g_autofree char *name = g_strndup(start, e->at - start);
    if (!e->cpu) {
        return error_set(e->err, "there is no CPU to read register '$%s' from", name);
    }
    if (monitor_target.get_register(e->cpu, name, value)) {
        return true;
    }
    NearestWord nearest;
    nearest_init(&nearest, name);
    monitor_target.foreach_register(offer_register, &nearest);
    return error_set(e->err, "unknown register '$%s'%s", name, nearest_hint(&nearest));
}

static bool number(Expr *e, int64_t *value)
{
    char *end;
    errno = 0;
    uint64_t n = strtoull(e->at, &end, 0);
    if (errno == ERANGE) {
        return error_set(e->err, "number too large: '%s'", e->at);
    }
    if (end == e->at || *e->at == '-' || *e->at == '+') {
        return error_set(e->err, "invalid char '%c' in expression", *e->at);
    }
    *value = n;
    e->at = end;
    return true;
}

static bool unary(Expr *e, int64_t *value)
{
    skip_blanks(e);
    char c = *e->at;
    if (!c) {
        return error_set(e->err, "unexpected end of expression");
    }
    if (c == '$') {
        return register_value(e, value);
    }
    if (c == '\'') {
        if (!e->at[1] || e->at[2] != '\'') {
            return error_set(e->err, "a character constant is one character between ' and '");
        }
        *value = (uint8_t)e->at[1];
        e->at += 3;
        return true;
    }
    if (!strchr("+-~(", c)) {
        return number(e, value);
    }
    if (++e->nesting > NESTING_MAX) {
        return error_set(e->err, "expression nested too deeply");
    }
    e->at++;
    if (c == '(') {
        if (!sum(e, value)) {
            return false;
        }
        skip_blanks(e);
        if (*e->at != ')') {
            return error_set(e->err, "')' expected%s%s%s", *e->at ? " at '" : "", e->at, *e->at ? "'" : "");
        }
        e->at++;
    } else if (!unary(e, value)) {
        return false;
    } else {
        *value = c == '-' ? -(uint64_t)*value : c == '~' ? ~*value : *value;
    }
    e->nesting--;
    return true;
}

static bool divide(Expr *e, char op, int64_t *value, int64_t by)
{
    if (!by) {
        return error_set(e->err, "division by zero");
    }
    if (by == -1) {                     /* INT64_MIN / -1 traps on the host */
        *value = op == '/' ? -(uint64_t)*value : 0;
    } else {
        *value = op == '/' ? *value / by : *value % by;
    }
    return true;
}

/* "pmemsave 0 16 /tmp/file": the slash divides nothing. */
static bool begins_file_name(const char *at)
{
    return g_ascii_isalpha(at[1]) || at[1] == '.' || at[1] == '_';
}

static bool binary(Expr *e, const char *operators, bool (*operand)(Expr *, int64_t *), int64_t *value)
{
    if (!operand(e, value)) {
        return false;
    }
    for (;;) {
        int64_t right;
        bool after_blank = g_ascii_isspace(*e->at);
        skip_blanks(e);
        char op = *e->at;
        if (!op || !strchr(operators, op) || (op == '/' && after_blank && begins_file_name(e->at))) {
            return true;
        }
        e->at++;
        if (!operand(e, &right)) {
            return false;
        }
        switch (op) {
        case '+':
            *value = (uint64_t)*value + right;
            break;
        case '-':
            *value = (uint64_t)*value - right;
            break;
        case '*':
            *value = (uint64_t)*value * right;
            break;
        case '&':
            *value &= right;
            break;
        case '|':
            *value |= right;
            break;
        case '^':
            *value ^= right;
            break;
        default:
            if (!divide(e, op, value, right)) {
                return false;
            }
        }
    }
}

static bool product(Expr *e, int64_t *value)
{
    return binary(e, "*/%", unary, value);
}

static bool logic(Expr *e, int64_t *value)
{
    return binary(e, "&|^", product, value);
}

static bool sum(Expr *e, int64_t *value)
{
    return binary(e, "+-", logic, value);
}

bool hmp_eval(Cpu *cpu, const char **text, int64_t *value, GError **err)
{
    Expr e = { .at = *text, .cpu = cpu, .err = err };
    bool ok = sum(&e, value);
    *text = e.at;
    return ok;
}
