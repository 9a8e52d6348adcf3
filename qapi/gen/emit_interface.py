# SPDX-License-Identifier: GPL-2.0-or-later
"""
Commands and events: prototypes and call table of handlers, event senders, the rows that introspection reads.

qapi-schema.c holds facts only and refers to no handler, so that anything can link it; qapi-commands.c refers to every
qmp_NAME() of the program.
"""
from emit import Writer, c_string, doc_comment
from emit_types import feature_list, has_flag, table_name


def flag(name, value):
    return f', .{name} = true' if value else ''


def ref(t):
    return f'&{table_name(t)}' if t else 'NULL'


def emit_schema(schema):
    w = Writer('qapi-schema.c', 'Commands, events and visible types of the interface schema.')
    w.line('#include "qapi/schema.h"')
    w.line()
    w.line(f'#include "{schema.include}/qapi-types.h"')
    w.line()
    w.line('const QapiInterface qapi_interface[] = {')
    for e in schema.interface:
        row = f'    {{ .name = {c_string(e.name)}, .arg = {ref(e.arg)}'
        if e.features:
            row += f', .features = {feature_list(e.features)}'
        if e.meta == 'command':
            row += f', .ret = {ref(e.ret)}' if e.ret else ''
            for attribute in ('oob', 'preconfig', 'coroutine', 'raw', 'raw_return'):
                row += flag(attribute, getattr(e, attribute))
        else:
            row += ', .is_event = true'
            row += f', .rate_limit_ms = {e.rate_limit_ms}' if e.rate_limit_ms else ''
            row += f', .rate_key = {c_string(e.rate_key)}' if e.rate_key else ''
        w.line(row + ' },')
    w.line('};')
    w.line(f'const unsigned qapi_interface_count = {len(schema.interface)};')
    w.line()
    w.line('const QapiType *const qapi_visible_types[] = {')
    w.wrapped([ref(t) for t in schema.visible] + ['NULL'])
    w.line('};')
    return w


def prototype(c):
    if c.raw_return:
        result = 'json_object *'
    else:
        result = c.ret.c_value if c.ret else 'void '
    if c.raw:
        args = 'json_object *args, '
    else:
        args = f'const {c.arg.c_type} *args, ' if c.arg else ''
    return f'{result}qmp_{c.c_name}({args}GError **err)'


def emit_commands_header(schema):
    w = Writer('qapi-commands.h', 'Handlers of QMP commands.')
    w.line('#ifndef QAPI_COMMANDS_H')
    w.line('#define QAPI_COMMANDS_H')
    w.line()
    w.line('#include "qapi/command.h"')
    w.line(f'#include "{schema.include}/qapi-types.h"')
    w.line()
    w.line('/* A handler sets @err to fail; its result is then ignored. It gives away what it returns. */')
    w.line()
    for c in schema.commands:
        doc_comment(w, c.doc)
        w.line(prototype(c) + ';')
    w.line()
    w.line('/* Sorted by name. */')
    w.line('extern const QmpCommand qmp_commands[];')
    w.line('extern const unsigned qmp_command_count;')
    w.line()
    w.line('#endif')
    return w


def emit_commands(schema):
    w = Writer('qapi-commands.c', 'Table of QMP commands.')
    w.line(f'#include "{schema.include}/qapi-commands.h"')
    w.line()
    for c in schema.commands:
        args = 'args, ' if c.arg or c.raw else ''
        call = f'qmp_{c.c_name}({args}err)'
        if c.raw_return:
            call = f'*(json_object **)ret = {call}'
        elif c.ret:
            call = f'*({c.ret.c_value.strip()} *)ret = {call}'
        w.line(f'static void call_{c.c_name}(void *args, void *ret, GError **err) {{ {call}; }}')
    w.line()
    w.line('const QmpCommand qmp_commands[] = {')
    for c in sorted(schema.commands, key=lambda c: c.name.encode()):
        w.line(f'    {{ &qapi_interface[{schema.interface.index(c)}], call_{c.c_name} }},     /* {c.name} */')
    w.line('};')
    w.line(f'const unsigned qmp_command_count = {len(schema.commands)};')
    return w


def event_prototype(e):
    """Members of data given inline are parameters; a named type is passed whole."""
    args = []
    if e.arg and not e.arg.implicit:
        args.append(f'const {e.arg.c_type} *data')
    for m in e.arg.members if e.arg and e.arg.implicit else []:
        if has_flag(m):
            args.append(f'bool has_{m.c_name.rstrip("_")}')
        args.append(('const ' if m.type.is_pointer else '') + m.type.c_value + m.c_name)
    return f'void qapi_event_send_{e.c_name.lower()}({", ".join(args) or "void"})'


def event_fields(e):
    """Initialisers of the data struct from the parameters."""
    for m in e.arg.members:
        if has_flag(m):
            yield f'.has_{m.c_name.rstrip("_")} = has_{m.c_name.rstrip("_")}'
        cast = f'({m.type.c_value.strip()})' if m.type.is_pointer else ''
        yield f'.{m.c_name} = {cast}{m.c_name}'


def emit_events_header(schema):
    w = Writer('qapi-events.h', 'Senders of QMP events.')
    w.line('#ifndef QAPI_EVENTS_H')
    w.line('#define QAPI_EVENTS_H')
    w.line()
    w.line(f'#include "{schema.include}/qapi-types.h"')
    w.line('#include "qapi/schema.h"')
    w.line()
    w.line('/*')
    w.line(' * Under the big lock. Costs nothing to speak of when no monitor listens. Pointers stay the caller\'s; NULL for an')
    w.line(' * optional member leaves it out.')
    w.line(' */')
    w.line()
    for e in schema.events:
        doc_comment(w, e.doc)
        w.line(event_prototype(e) + ';')
    w.line()
    w.line('#endif')
    return w


def emit_events(schema):
    w = Writer('qapi-events.c', 'Senders of QMP events.')
    w.line(f'#include "{schema.include}/qapi-events.h"')
    w.line()
    for e in schema.events:
        w.line(event_prototype(e))
        w.line('{')
        w.line('    if (!qapi_event_hook) {')
        w.line('        return;')
        w.line('    }')
        data = 'NULL'
        if e.arg and not e.arg.implicit:
            data = f'qapi_to_json({ref(e.arg)}, data)'
        elif e.arg:
            w.line(f'    const {e.arg.c_type} data = {{')
            w.wrapped(event_fields(e), indent='        ')
            w.line('    };')
            data = f'qapi_to_json({ref(e.arg)}, &data)'
        w.line(f'    qapi_event_hook(&qapi_interface[{schema.interface.index(e)}], {data});')
        w.line('}')
        w.line()
    return w
