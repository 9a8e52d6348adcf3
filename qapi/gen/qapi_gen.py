#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Generates C code and the manual from the interface schema: qapi_gen.py --out FOLDER [--enable SYMBOL...] FILE..."""
import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import emit_docs        # noqa: E402
import emit_interface   # noqa: E402
import emit_types       # noqa: E402
from schema import Schema, SchemaError  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', required=True, help='folder of the generated files')
    parser.add_argument('--enable', action='append', default=[], metavar='SYMBOL', help='makes "if": "SYMBOL" true')
    parser.add_argument('--include', default='qapi', metavar='FOLDER', help='where #include finds the generated headers')
    parser.add_argument('files', nargs='+', help='schema files, in order')
    args = parser.parse_args()
    try:
        schema = Schema(args.files, args.enable)
    except SchemaError as e:
        sys.exit(f'qapi_gen.py: {e}')
    schema.include = args.include
    for emit in (emit_types.emit_header, emit_types.emit_source, emit_interface.emit_schema,
                 emit_interface.emit_commands_header, emit_interface.emit_commands,
                 emit_interface.emit_events_header, emit_interface.emit_events, emit_docs.emit_docs):
        emit(schema).write(args.out)


if __name__ == '__main__':
    main()
