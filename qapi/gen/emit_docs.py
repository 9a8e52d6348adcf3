# SPDX-License-Identifier: GPL-2.0-or-later
"""The QMP reference manual (reStructuredText), from the schema's doc strings."""
from emit import Writer


def type_text(t):
    if t.meta == 'array':
        return f'array of {type_text(t.element)}'
    if t.meta == 'builtin':
        return t.name
    return 'object' if t.implicit else f':ref:`{t.name} <qapi-{t.name.lower()}>`'


def members(w, rows, indent=''):
    for m in rows:
        marks = [type_text(m.type)] if m.type else []
        marks += ['optional'] if m.optional else []
        marks += m.features
        head = f'{indent}``{m.name}``' + (f' ({", ".join(marks)})' if marks else '')
        w.line(head)
        w.line(f'{indent}    {m.doc or "(no description)"}')
        w.line()


def heading(w, text, mark):
    w.line(text)
    w.line(mark * len(text))
    w.line()


def features(w, e):
    for name, doc in e.features.items():
        w.line(f'Feature ``{name}``: {doc}')
        w.line()


def emit_docs(schema):
    w = Writer('qmp-reference.rst', '', comment=False)
    w.line('.. SPDX-License-Identifier: GPL-2.0-or-later')
    w.line()
    heading(w, 'QMP reference', '=')
    heading(w, 'Commands', '-')
    for c in sorted(schema.commands, key=lambda c: c.name):
        heading(w, c.name, '~')
        w.line(c.doc)
        w.line()
        features(w, c)
        if c.arg:
            w.line('Arguments:' if c.arg.implicit else f'Arguments: {type_text(c.arg)}')
            w.line()
            if c.arg.implicit:
                members(w, c.arg.members)
        if c.ret:
            w.line(f'Returns: {type_text(c.ret)}')
            w.line()
    heading(w, 'Events', '-')
    for e in sorted(schema.events, key=lambda e: e.name):
        heading(w, e.name, '~')
        w.line(e.doc)
        w.line()
        features(w, e)
        if e.arg:
            members(w, e.arg.members)
    heading(w, 'Types', '-')
    for t in sorted((t for t in schema.types.values() if t.meta in ('enum', 'struct', 'union', 'alternate')),
                    key=lambda t: t.name):
        if t.implicit or t is schema.empty:
            continue
        w.line(f'.. _qapi-{t.name.lower()}:')
        w.line()
        heading(w, f'{t.name} ({t.meta})', '~')
        w.line(t.doc)
        w.line()
        features(w, t)
        members(w, t.values)
        members(w, t.members)
        if t.branches:
            w.line(f'Further members by ``{t.tag.name}``:' if t.meta == 'union' else 'One of:')
            w.line()
            for b in t.branches:
                w.line(f'- ``{b.name}``: {type_text(b.type)}')
            w.line()
    return w
