# SPDX-License-Identifier: GPL-2.0-or-later
"""
C types and their tables: qapi-types.h and qapi-types.c.

In: a resolved Schema. Out: an enum, struct and const QapiType for each type that is defined or used, in an order in
which C accepts them (a union holds its branches by value, so these come first).
"""
from emit import Writer, c_string, doc_comment
from schema import BUILTINS, c_name

SCALAR_C = {k: v[1].strip() for k, v in BUILTINS.items()}


def enum_constant(e, value):
    return f'{e.prefix}_{c_name(value).strip("_").upper()}'


def filled(branches):
    """Branches that add members."""
    return [b for b in branches if b.type.members or b.type.branches]


def table_name(t):
    if t.meta == 'builtin':
        return 'qapi_' + t.name
    return t.snake + '_qapi'


def has_flag(m):
    """Whether an optional member needs a has_ flag beside it."""
    return m.optional and not m.type.is_pointer


def emit_enum(w, e):
    if e.header:
        w.line(f'#include "{e.header}"')
        for i, v in enumerate(e.values):
            claim = f'{e.header} and the schema disagree on {e.name}'
            w.line(f'_Static_assert({enum_constant(e, v.name)} == {i}, "{claim}");')
        w.line()
        return
    doc_comment(w, e.doc)
    w.line(f'typedef enum {e.name} {{')
    for v in e.values:
        w.line(f'    {enum_constant(e, v.name)},')
    w.line(f'    {e.prefix}_COUNT')
    w.line(f'}} {e.name};')
    w.line(f'extern const char *const {e.snake}_names[{e.prefix}_COUNT + 1];')
    w.line()


def emit_struct(w, t):
    doc_comment(w, t.doc)
    w.line(f'struct {t.c_type} {{')
    if t.meta == 'alternate':
        w.line(f'    enum {{ {", ".join(alternate_constant(t, b) for b in t.branches)} }} type;')
    for m in t.members:
        if has_flag(m):
            w.line(f'    bool has_{m.c_name.rstrip("_")};')
        w.line(f'    {m.type.c_value}{m.c_name};')
    branches = filled(t.branches) if t.meta == 'union' else t.branches
    if branches:
        w.line('    union {' + (f'     /* by {t.tag.c_name} */' if t.meta == 'union' else ''))
        for b in branches:
            w.line(f'        {b.type.c_type + " " if t.meta == "union" else b.type.c_value}{b.c_name};')
        w.line('    } u;')
    if not t.members and not branches:
        w.line('    char no_members;')
    w.line('};')
    w.line(f'void {t.snake}_free({t.c_type} *obj);')
    w.line(f'G_DEFINE_AUTOPTR_CLEANUP_FUNC({t.c_type}, {t.snake}_free)')
    w.line()


def alternate_constant(t, branch):
    return f'{t.snake.upper()}_{branch.c_name.upper()}'


def in_c_order(types):
    """Structs, unions and alternates such that what is held by value comes first."""
    done, order = set(), []

    def put(t):
        if t.name in done:
            return
        done.add(t.name)
        if t.meta == 'union':
            for b in t.branches:
                put(b.type)
        order.append(t)
    for t in types:
        put(t)
    return order


def emit_header(schema):
    w = Writer('qapi-types.h', 'C types of the interface schema.')
    w.line('#ifndef QAPI_TYPES_H')
    w.line('#define QAPI_TYPES_H')
    w.line()
    w.line('#include "qapi/visit.h"')
    w.line()
    types = list(schema.types.values())
    for e in types:
        if e.meta == 'enum':
            emit_enum(w, e)
    compound = in_c_order([t for t in types if t.meta in ('struct', 'union', 'alternate')])
    for t in compound:
        w.line(f'typedef struct {t.c_type} {t.c_type};')
    w.line()
    for t in compound:
        emit_struct(w, t)
    w.line('/* Lists: g_ptr_array_add() an element to give it away, g_array_append_val() a scalar. */')
    for t in types:
        if t.meta == 'array':
            w.line(f'{t.c_value}{t.snake}_new(void);')
    w.line()
    w.line('/* Tables for qapi_parse(), qapi_to_json() and friends. */')
    for t in types:
        if t.meta != 'builtin':
            w.line(f'extern const QapiType {table_name(t)};')
    w.line()
    w.line('#endif')
    return w


def c_type_of(t):
    """C type of a member for the row's compile-time check."""
    return t.c_value.strip() if t.meta != 'builtin' else SCALAR_C[t.name]


def feature_list(features):
    if not features:
        return ''
    return f'(const char *const[]){{ {", ".join(c_string(f) for f in features)}, NULL }}'


def emit_rows(w, t, rows, suffix, in_union):
    w.line(f'static const QapiMember {t.snake}_{suffix}[] = {{')
    for m in rows:
        field = ('u.' if in_union else '') + m.c_name
        if in_union and t.meta == 'union':
            ctype = m.type.c_type
        else:
            ctype = c_type_of(m.type)
        extra = ''
        if has_flag(m):
            extra += f', .presence = offsetof({t.c_type}, has_{m.c_name.rstrip("_")}) + 1'
        if m.optional:
            extra += ', .optional = true'
        if m.features:
            extra += f', .features = {feature_list(m.features)}'
        w.line(f'    QAPI_MEMBER({c_string(m.name)}, {t.c_type}, {field}, {ctype}, {table_name(m.type)}{extra}),')
    w.line('    { .name = NULL }')
    w.line('};')


def emit_table(w, t):
    fields = [f'.name = {c_string(t.element.name if t.meta == "array" else t.name)}']
    if t.masked is not None:
        fields.append(f'.masked = {c_string(t.masked)}')
    if t.features:
        fields.append(f'.features = {feature_list(t.features)}')
    if t.meta == 'enum':
        names = f'{t.snake}_values' if t.header else f'{t.snake}_names'
        if t.header:
            w.line(f'static const char *const {names}[] = {{')
        else:
            w.line(f'const char *const {names}[{t.prefix}_COUNT + 1] = {{')
        for v in t.values:
            w.line(f'    [{enum_constant(t, v.name)}] = {c_string(v.name)},')
        if t.header:
            w.line('    NULL')
        w.line('};')
        fields += ['.kind = QAPI_ENUM', '.size = sizeof(int)', f'.values = {names}']
        if any(v.features for v in t.values):
            w.line(f'static const char *const *const {t.snake}_value_features[] = {{')
            for v in t.values:
                if v.features:
                    w.line(f'    [{enum_constant(t, v.name)}] = {feature_list(v.features)},')
            w.line(f'    [{len(t.values)}] = NULL')
            w.line('};')
            fields.append(f'.value_features = {t.snake}_value_features')
    elif t.meta == 'array':
        fields += ['.kind = QAPI_LIST', '.size = sizeof(void *)', f'.element = &{table_name(t.element)}']
    else:
        fields += [f'.kind = QAPI_{t.meta.upper()}', f'.size = sizeof({t.c_type})',
                   f'.free = (GDestroyNotify){t.snake}_free']
        if t.members:
            emit_rows(w, t, t.members, 'members', False)
            fields.append(f'.members = {t.snake}_members')
        branches = filled(t.branches) if t.meta == 'union' else t.branches
        if branches:
            emit_rows(w, t, branches, 'branches', True)
            fields.append(f'.branches = {t.snake}_branches')
        if t.meta == 'union':
            fields.append(f'.tag = {t.members.index(t.tag)}')
        if t.meta == 'alternate':
            fields.append(f'.tag = offsetof({t.c_type}, type)')
    w.line(f'const QapiType {table_name(t)} = {{')
    w.wrapped(fields)
    w.line('};')
    if t.meta in ('struct', 'union', 'alternate'):
        w.line(f'void {t.snake}_free({t.c_type} *obj) {{ qapi_free(&{table_name(t)}, obj); }}')
    elif t.meta == 'array':
        emit_list_new(w, t)
    w.line()


def emit_list_new(w, t):
    e = t.element
    if e.name == 'any':
        make = 'g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))json_object_put)'
    elif e.name == 'str':
        make = 'g_ptr_array_new_with_free_func(g_free)'
    elif e.is_pointer:
        make = f'g_ptr_array_new_with_free_func((GDestroyNotify){e.snake}_free)'
    else:
        make = f'g_array_new(false, true, sizeof({c_type_of(e)}))'
    w.line(f'{t.c_value}{t.snake}_new(void) {{ return {make}; }}')


def emit_source(schema):
    w = Writer('qapi-types.c', 'Tables of the types of the interface schema.')
    w.line(f'#include "{schema.include}/qapi-types.h"')
    w.line()
    for t in schema.types.values():
        if t.meta != 'builtin':
            emit_table(w, t)
    return w
