# SPDX-License-Identifier: GPL-2.0-or-later
"""
The interface schema: reads the JSON files, checks them, and resolves every type by name.

In: schema/*.json, each an array of definitions (docs/devel/qapi.rst describes the format), and the set of enabled
configuration symbols. Out: a Schema object whose entities are complete: optional marks decoded, conditions applied,
bases flattened, list types made, names for C chosen, and a masked id given to each type that a client can see.

A mistake in a schema ends the build with "file: definition: what is wrong".
"""
import json
import os
import re

BUILTINS = {    # name: (kind in visit.h, C type, JSON type of introspection, masked name)
    'str': ('STR', 'char *', 'string', 'str'),
    'int': ('INT64', 'int64_t ', 'int', 'int'),
    'int8': ('INT8', 'int8_t ', 'int', 'int'),
    'int16': ('INT16', 'int16_t ', 'int', 'int'),
    'int32': ('INT32', 'int32_t ', 'int', 'int'),
    'int64': ('INT64', 'int64_t ', 'int', 'int'),
    'uint8': ('UINT8', 'uint8_t ', 'int', 'int'),
    'uint16': ('UINT16', 'uint16_t ', 'int', 'int'),
    'uint32': ('UINT32', 'uint32_t ', 'int', 'int'),
    'uint64': ('UINT64', 'uint64_t ', 'int', 'int'),
    'size': ('SIZE', 'uint64_t ', 'int', 'int'),
    'number': ('NUMBER', 'double ', 'number', 'number'),
    'bool': ('BOOL', 'bool ', 'boolean', 'bool'),
    'null': ('NULL', 'bool ', 'null', 'null'),
    'any': ('ANY', 'json_object *', 'value', 'any'),
}
C_WORDS = set('''auto break case char const continue default do double else enum extern float for goto if inline int
long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while linux
unix bool true false asm typeof'''.split())
KEYS = {
    'enum': {'values', 'prefix', 'c-header'},
    'struct': {'members', 'base'},
    'union': {'base', 'discriminator', 'branches'},
    'alternate': {'branches'},
    'command': {'arguments', 'returns', 'allow-oob', 'allow-preconfig', 'coroutine', 'raw', 'raw-return'},
    'event': {'data', 'rate-limit-ms', 'rate-key'},
}
COMMON_KEYS = {'doc', 'if', 'features', 'since'}


class SchemaError(Exception):
    pass


def snake(name):
    """CpuInfoFast -> cpu_info_fast, ACPIOSTInfo -> acpiost_info, query-kvm -> query_kvm"""
    name = re.sub(r'([A-Z]+)([A-Z][a-z])', r'\1_\2', name)
    name = re.sub(r'([a-z0-9])([A-Z])', r'\1_\2', name)
    return re.sub(r'[^A-Za-z0-9]', '_', name).lower()


def camel(name):
    """query-kvm -> QueryKvm, DEVICE_DELETED -> DeviceDeleted"""
    return ''.join(word[:1].upper() + word[1:].lower() for word in re.split(r'[-_]', name))


def c_name(name):
    """a member's or branch's name as a C identifier"""
    name = re.sub(r'[^A-Za-z0-9]', '_', name)
    if name[0].isdigit():
        name = '_' + name
    return name + '_' if name in C_WORDS else name


class Member:
    """One member of an object or value of an enum or branch of a union: name, doc, type, optional, features."""
    def __init__(self, name, type_name=None, doc='', optional=False, features=()):
        self.name, self.type_name, self.doc, self.optional = name, type_name, doc, optional
        self.features = list(features)
        self.c_name = c_name(name)
        self.type = None


class Entity:
    """A type, command or event. `meta` is one of builtin, enum, array, struct, union, alternate, command, event."""
    def __init__(self, meta, name, where, doc=''):
        self.meta, self.name, self.where, self.doc = meta, name, where, doc
        self.features, self.since = {}, None
        self.c_type = name
        self.snake = snake(name)
        self.members, self.branches, self.values = [], [], []
        self.base = self.base_members = self.tag = self.element = self.header = None
        self.implicit = False       # made for a command's or event's inline arguments
        self.arg = self.ret = None
        self.masked = None          # name shown by query-qmp-schema

    def __repr__(self):
        return f'{self.meta} {self.name}'

    @property
    def is_pointer(self):
        """Whether a C value of this type is a pointer to something allocated."""
        return self.meta in ('struct', 'union', 'alternate', 'array') or self.name in ('str', 'any')

    @property
    def c_value(self):
        """C type of a member or return value, with the space or star that precedes a name."""
        if self.meta == 'builtin':
            return BUILTINS[self.name][1]
        if self.meta == 'array':
            return 'GPtrArray *' if self.element.is_pointer else 'GArray *'
        return self.c_type + (' ' if self.meta == 'enum' else ' *')


class Schema:
    def __init__(self, paths, enabled=()):
        self.enabled = set(enabled)
        self.types = {}             # name: Entity; arrays as "[name]"
        self.commands, self.events = [], []
        self.interface = []         # commands and events in the order of the files
        self.visible = []           # types a client can see, in the order of first mention
        for name in BUILTINS:
            self.types[name] = Entity('builtin', name, 'builtin')
            self.types[name].masked = BUILTINS[name][3]
        self.empty = Entity('struct', 'QapiEmpty', 'builtin', 'No members.')
        self.types['QapiEmpty'] = self.empty
        for path in paths:
            self._load(path)
        self._resolve()
        self._mask()

    # Reading

    def fail(self, where, text):
        raise SchemaError(f'{where}: {text}')

    def _load(self, path):
        file = os.path.basename(path)
        try:
            with open(path, encoding='utf-8') as f:
                definitions = json.load(f, object_pairs_hook=self._unique)
        except (ValueError, SchemaError) as e:
            raise SchemaError(f'{file}: {e}') from e
        if not isinstance(definitions, list):
            raise SchemaError(f'{file}: not an array of definitions')
        for d in definitions:
            if isinstance(d, dict) and set(d) == {'section'}:
                continue
            self._definition(file, d)

    @staticmethod
    def _unique(pairs):
        seen = {}
        for key, value in pairs:
            if key in seen:
                raise SchemaError(f"key '{key}' is given twice in one object")
            seen[key] = value
        return seen

    def enabled_by(self, condition, where):
        """A condition is absent, a symbol, {"not": c}, {"all": [c...]} or {"any": [c...]}."""
        if condition is None:
            return True
        if isinstance(condition, str):
            return condition in self.enabled
        if isinstance(condition, dict) and len(condition) == 1:
            (op, arg), = condition.items()
            if op == 'not':
                return not self.enabled_by(arg, where)
            if op in ('all', 'any') and isinstance(arg, list):
                return (all if op == 'all' else any)(self.enabled_by(c, where) for c in arg)
        return self.fail(where, f'"if" is not a condition: {condition}')

    def _features(self, value, where):
        if value is None:
            return {}
        if isinstance(value, dict) and all(isinstance(v, str) for v in value.values()):
            return dict(value)
        return self.fail(where, '"features" maps names to doc strings')

    def _definition(self, file, d):
        metas = [m for m in KEYS if isinstance(d, dict) and m in d]
        if len(metas) != 1:
            self.fail(file, f'a definition has one of {", ".join(KEYS)}: {str(d)[:80]}')
        meta, name = metas[0], d[metas[0]]
        where = f'{file}: {meta} {name}'
        for key in d:
            if key != meta and key not in KEYS[meta] | COMMON_KEYS:
                self.fail(where, f"key '{key}' is not one of {', '.join(sorted(KEYS[meta] | COMMON_KEYS))}")
        if not isinstance(d.get('doc'), str) or not d['doc'].endswith('.'):
            self.fail(where, '"doc" must be a sentence or more')
        pattern = {'command': r'[a-z][a-z0-9_-]*', 'event': r'[A-Z][A-Z0-9_]*'}.get(meta, r'[A-Z][A-Za-z0-9]*')
        if not re.fullmatch(pattern, name):
            self.fail(where, f'the name does not match {pattern}')
        if not self.enabled_by(d.get('if'), where):
            return
        e = Entity(meta, name, where, d['doc'])
        e.features = self._features(d.get('features'), where)
        e.since = d.get('since')
        if meta in ('command', 'event'):
            self._interface(e, d)
        else:
            self._add_type(e)
            getattr(self, '_' + meta)(e, d)

    def _add_type(self, e):
        if e.name in self.types:
            self.fail(e.where, f'the name is taken by {self.types[e.name].where}')
        self.types[e.name] = e

    def _members(self, where, value):
        """{"name" or "name?": "type" | ["type", "doc"] | {"type", "doc", "if", "features"}}"""
        if not isinstance(value, dict):
            self.fail(where, 'members are an object')
        result = []
        for key, spec in value.items():
            name, optional = key.rstrip('?'), key.endswith('?')
            if isinstance(spec, str):
                spec = {'type': spec}
            elif isinstance(spec, list) and len(spec) == 2:
                spec = {'type': spec[0], 'doc': spec[1]}
            if not isinstance(spec, dict) or set(spec) - {'type', 'doc', 'if', 'features'} or 'type' not in spec:
                self.fail(where, f"member '{name}' is neither a type, [type, doc] nor {{type, doc, if, features}}")
            if self.enabled_by(spec.get('if'), where):
                result.append(Member(name, spec['type'], spec.get('doc', ''), optional,
                                     self._features(spec.get('features'), where)))
        return result

    def _enum(self, e, d):
        if not isinstance(d.get('values'), dict):
            self.fail(e.where, '"values" maps names to doc strings')
        for name, spec in d['values'].items():
            spec = {'doc': spec} if isinstance(spec, str) else spec
            if self.enabled_by(spec.get('if'), e.where):
                e.values.append(Member(name, None, spec.get('doc', ''), False,
                                       self._features(spec.get('features'), e.where)))
        e.header = d.get('c-header')
        e.prefix = d.get('prefix', snake(e.name).upper())

    def _struct(self, e, d):
        e.base = d.get('base')
        e.members = self._members(e.where, d.get('members', {}))

    def _union(self, e, d):
        e.base = d.get('base')
        e.tag = d.get('discriminator')
        e.branches = self._members(e.where, d.get('branches', {}))

    def _alternate(self, e, d):
        e.branches = self._members(e.where, d.get('branches', {}))

    def _implicit(self, e, value, suffix):
        """The type of inline or named arguments."""
        if value is None:
            return None
        if isinstance(value, str):
            return value
        t = Entity('struct', camel(e.name) + suffix, e.where, f'Arguments of {e.name}.')
        t.implicit = True
        t.members = self._members(e.where, value)
        self._add_type(t)
        return t.name

    def _interface(self, e, d):
        known = {x.name for x in self.interface}
        if e.name in known:
            self.fail(e.where, 'defined twice')
        e.c_name = c_name(e.name)
        if e.meta == 'command':
            e.arg = self._implicit(e, d.get('arguments'), 'Args')
            e.ret = d.get('returns')
            e.oob, e.preconfig = d.get('allow-oob', False), d.get('allow-preconfig', False)
            e.coroutine, e.raw = d.get('coroutine', False), d.get('raw', False)
            e.raw_return = d.get('raw-return', False)
            self.commands.append(e)
        else:
            e.arg = self._implicit(e, d.get('data'), 'Event')
            e.rate_limit_ms, e.rate_key = d.get('rate-limit-ms', 0), d.get('rate-key')
            self.events.append(e)
        self.interface.append(e)

    # Resolving

    def type(self, name, where):
        if name is None:
            return None
        if name not in self.types and re.fullmatch(r'\[.*\]', name):
            element = self.type(name[1:-1], where)
            if element.meta == 'array':
                self.fail(where, f"'{name}' is a list of lists")
            t = Entity('array', name, where)
            t.element = element
            t.snake = element.snake + '_list'
            self.types[name] = t
        if name not in self.types:
            self.fail(where, f"type '{name}' is not defined")
        return self.types[name]

    def _resolve(self):
        for e in list(self.types.values()):
            if e.meta in ('struct', 'union'):
                self._flatten(e, [])
        for e in list(self.types.values()):
            for m in e.members + e.branches:
                m.type = self.type(m.type_name, e.where)
            self._check(e)
        for e in self.interface:
            e.arg, e.ret = self.type(e.arg, e.where), self.type(e.ret, e.where)
            if e.arg is not None and e.arg.meta not in ('struct', 'union'):
                self.fail(e.where, f'{e.arg} can not be the arguments')
            if e.meta == 'event' and e.rate_key and e.rate_key not in [m.name for m in e.arg.members]:
                self.fail(e.where, f"\"rate-key\" '{e.rate_key}' is not a member")

    def _flatten(self, e, chain):
        """Puts the base's members before the own ones."""
        if e.name in chain:
            self.fail(e.where, f'is its own base: {" -> ".join(chain + [e.name])}')
        if e.base_members is not None:
            return
        e.base_members = []
        if isinstance(e.base, str):
            base = self.type(e.base, e.where)
            if base.meta != 'struct':
                self.fail(e.where, f"base {base} is not a struct")
            self._flatten(base, chain + [e.name])
            e.base_members = list(base.members)
        elif e.base is not None:
            e.base_members = self._members(e.where, e.base)
        e.members = e.base_members + e.members
        names = [m.name for m in e.members]
        for n in names:
            if names.count(n) > 1:
                self.fail(e.where, f"member '{n}' is there twice")

    def _check(self, e):
        if e.meta == 'union':
            tags = [m for m in e.members if m.name == e.tag]
            if not tags or tags[0].type.meta != 'enum' or tags[0].optional:
                self.fail(e.where, f"discriminator '{e.tag}' is not a required enum member of the base")
            e.tag = tags[0]
            cases = [v.name for v in e.tag.type.values]
            for b in e.branches:
                if b.name not in cases:
                    self.fail(e.where, f"branch '{b.name}' is not a value of {e.tag.type.name}")
                if b.type.meta not in ('struct', 'union'):
                    self.fail(e.where, f"branch '{b.name}' is of {b.type}, not a struct or union")
                if b.type.meta == 'union' and any(m.type.name == b.type.name for m in b.type.members):
                    self.fail(e.where, f"branch '{b.name}' contains itself")
                clash = {m.name for m in e.members} & {m.name for m in b.type.members}
                if clash:
                    self.fail(e.where, f"branch '{b.name}' repeats member '{clash.pop()}'")
        if e.meta == 'alternate':
            kinds = {}
            for b in e.branches:
                kind = {'enum': 'string', 'array': 'array', 'struct': 'object', 'union': 'object'}.get(b.type.meta)
                kind = kind or BUILTINS[b.type.name][2]
                kind = 'number' if kind == 'int' else kind
                if kind in kinds:
                    self.fail(e.where, f"branches '{kinds[kind]}' and '{b.name}' can not be told apart")
                kinds[kind] = b.name
        if e.meta == 'enum':
            names = [c_name(v.name) for v in e.values]
            if not names or len(set(names)) != len(names):
                self.fail(e.where, 'values are missing or have equal names in C')

    # What a client sees

    def _mask(self):
        """Gives visible types their numbers in the order of first mention: interface first, then breadth first."""
        todo = []

        def see(t):
            if t in self.visible:
                return
            if t.meta == 'builtin':
                if t.masked != t.name:
                    return see(self.types[t.masked])
                self.visible.append(t)
                return
            if t.meta == 'array':
                see(t.element)
                t.masked = f'[{t.element.masked}]'
                # Lists of different integer types look alike to a client.
                if any(v.meta == 'array' and v.masked == t.masked for v in self.visible):
                    return
                self.visible.append(t)
                return
            t.masked = str(sum(1 for v in self.visible if v.meta not in ('array', 'builtin')))
            self.visible.append(t)
            todo.append(t)

        see(self.empty)
        for e in self.interface:
            see(e.arg or self.empty)
            if e.meta == 'command':
                see(e.ret or self.empty)
        while todo:
            t = todo.pop(0)
            for m in t.members + t.branches:
                see(m.type)
            if t.meta == 'union' and len(t.branches) < len(t.tag.type.values):
                see(self.empty)
