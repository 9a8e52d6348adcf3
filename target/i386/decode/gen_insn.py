#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Make the instruction tables from insn.def.

    gen_insn.py insn.def insn-gen.h insn-table.c

The header has the enums OP_* (mnemonics) and OPERAND_* (operand kinds) and the families' bind prototypes. The C
file has insn_rows[] in the order of insn.def and, for every map and opcode, the list of rows that may match. What
can be told from the operands (needs ModRM, uses vvvv, touches vector state, operand size) is worked out here, not
written in the rows.

Errors name file, line and the word at fault; two rows that could claim the same bytes are refused, naming both.
"""
import re
import sys

COLUMNS = 14
CONDITIONS = ["O", "NO", "B", "AE", "E", "NE", "BE", "A", "S", "NS", "P", "NP", "L", "GE", "LE", "G"]
CONDITION_FLAGS = ["O", "O", "C", "C", "Z", "Z", "CZ", "CZ", "S", "S", "P", "P", "SO", "SO", "ZSO", "ZSO"]
FLAGS = {"O": "OF", "S": "SF", "Z": "ZF", "A": "AF", "P": "PF", "C": "CF", "D": "DF"}
# rule name in the "undefined" column: flags it may leave undefined
RULES = {"shift": "OAC", "rotate": "O", "shiftd": "OSZAPC"}
PROPERTIES = """
LOCKABLE BRANCH ENDS_BLOCK PRIVILEGED NO_64 ONLY_64 DEFAULT_64 PROTECTED_ONLY X87 MMX SSE FP ALIGNED STRING FORCE_64
SERIALIZING NO_TEST IO VM_SENSITIVE UMIP OR_PLAIN BCST ER SAE NO_MASK NO_ZERO VSIB NO_WAIT MODRM VVVV XSAVE TUPLE1 NF
OPMASK E1 E2 E4 E8 REPEAT""".split()
# Words of the properties column that only steer what is derived.
HINTS = ["UNALIGNED"]
ABBREVIATIONS = {
    "D64": ["DEFAULT_64"],
    "VM": ["VM_SENSITIVE"],
    "NEAR": ["BRANCH", "DEFAULT_64", "FORCE_64"],
    "END": ["ENDS_BLOCK", "NO_TEST"],
    "FAR": ["BRANCH", "ENDS_BLOCK", "NO_TEST"],
    "PRIV": ["PRIVILEGED", "NO_TEST"],
    "SYSTEM": ["PRIVILEGED", "ENDS_BLOCK", "NO_TEST"],
    "PM": ["PROTECTED_ONLY", "NO_TEST"],
    "IO_INSN": ["IO", "NO_TEST"],
}
# Lookup spaces: (encoding, map number in the row) in the order the decoder numbers them.
SPACES = ["0", "1", "2", "3", "V1", "V2", "V3", "E1", "E2", "E3", "E5", "E6"]
PREFIX_SETS = {"np": 1, "66": 2, "f3": 4, "f2": 8, "norep": 3, "no3": 11, "no2": 7}
SELECT_RM_REG, SELECT_W, SELECT_L, SELECT_MODE64, SELECT_REX_B = 1 << 8, 1 << 9, 3 << 10, 1 << 12, 1 << 13

# Operand letters: group -> kind. Registers named in full and constants are "fixed".
FIXED = {
    "AL": "b", "rAX": "v", "rAXz": "z", "CL": "b", "DX": "w", "ONE": "", "ES": "", "CS": "", "SS": "", "DS": "",
    "FS": "", "GS": "", "ST0": "t", "STi": "t", "XMM0": "dq", "M": "", "AX": "w",
}
GROUPS = [
    "KG", "KE", "KR", "KH", "KM", "E", "M", "R", "G", "B", "Z", "I", "J", "O", "A", "S", "C", "D", "X", "Y", "P",
    "Q", "N", "V", "W", "U", "H", "L",
]
SUFFIXES = {
    "b": "B", "w": "W", "d": "D", "q": "Q", "dq": "DQ", "qq": "QQ", "oq": "OQ", "v": "V", "z": "Z", "y": "Y", "n":
    "N", "vw": "VW", "db": "DB", "dw": "DW", "bs": "BS", "x": "X", "hx": "HX", "qx": "QX", "ex": "EX", "p": "P",
    "a": "A", "s": "S", "ss": "D", "sd": "Q", "sh": "W", "t": "T", "env": "ENV", "sav": "SAV", "fx": "FX", "xs":
    "XS", "": "NONE",
}
VECTOR_GROUPS = {"V", "W", "U", "H", "L"}
MMX_GROUPS = {"P", "Q", "N"}
K_GROUPS = {"KG", "KE", "KR", "KH", "KM"}
MODRM_GROUPS = {"E", "M", "R", "G", "S", "C", "D", "P", "Q", "N", "V", "W", "U", "KG", "KE", "KR", "KM"}
RM_GROUPS = {"E", "M", "R", "Q", "N", "W", "U", "KE", "KR", "KM"}


class DefError(Exception):
    pass


def split_operand(text):
    """Group letter(s) and size suffix of an operand, or ("fixed", text)."""
    if text in FIXED:
        return ("M" if text == "M" else "fixed"), FIXED[text]
    for group in GROUPS:
        if text.startswith(group) and text[len(group):] in SUFFIXES:
            return group, text[len(group):]
    raise DefError(f"unknown operand '{text}'")


class Row:
    def __init__(self, line, columns):
        (self.map, self.opcode_text, self.select, self.name, *ops, self.read, self.written, self.undefined,
         self.feature, self.how, properties) = columns
        self.line = line
        self.op = self.name
        if self.map not in SPACES:
            raise DefError(f"unknown map '{self.map}'")
        self.operands = [o for o in ops if o != "__"]
        self.parts = [split_operand(o) for o in self.operands]
        self.properties = set()
        for word in properties.split("|"):
            word = word.strip()
            for p in ABBREVIATIONS.get(word, [] if word == "NONE" else [word]):
                if p not in PROPERTIES + HINTS:
                    raise DefError(f"unknown property '{p}'")
                self.properties.add(p)
        self.encoding = {"V": "VEX", "E": "EVEX"}.get(self.map[0], "LEGACY")
        self.opcodes = self.parse_opcode()
        self.parse_select()
        self.derive()

    def parse_opcode(self):
        m = re.fullmatch(r"([0-9A-F]{2})(\+cc|\+|-[0-9A-F]{2})?", self.opcode_text)
        if not m:
            raise DefError(f"bad opcode '{self.opcode_text}'")
        first = int(m[1], 16)
        last = first
        if m[2] == "+":
            last = first + 7
        elif m[2] == "+cc":
            last = first + 15
        elif m[2]:
            last = int(m[2][1:], 16)
        return range(first, last + 1)

    def parse_select(self):
        mask = value = 0
        self.prefix_set = 15

        def fix(bits, v):
            nonlocal mask, value
            mask |= bits
            value |= v
        for word in [] if self.select == "-" else self.select.split("."):
            m = re.fullmatch(r"m([0-9A-F]{2})(\+?)", word)
            if word in PREFIX_SETS:
                self.prefix_set = PREFIX_SETS[word]
            elif re.fullmatch("[0-7]", word):
                fix(0x38, int(word) << 3)
                self.properties.add("MODRM")
            elif word in ("mem", "reg"):
                fix(SELECT_RM_REG, SELECT_RM_REG if word == "reg" else 0)
            elif word in ("w0", "w1"):
                fix(SELECT_W, SELECT_W if word == "w1" else 0)
            elif word in ("l0", "l1", "l2"):
                fix(SELECT_L, int(word[1]) << 10)
            elif word in ("b0", "b1"):
                fix(SELECT_REX_B, SELECT_REX_B if word == "b1" else 0)
            elif m:
                fix(SELECT_RM_REG | (0xf8 if m[2] else 0xff), SELECT_RM_REG | int(m[1], 16))
                self.properties.add("MODRM")
            else:
                raise DefError(f"unknown selector '{word}'")
        if "NO_64" in self.properties:
            fix(SELECT_MODE64, 0)
        if "ONLY_64" in self.properties:
            fix(SELECT_MODE64, SELECT_MODE64)
        self.select_mask, self.select_value = mask, value

    def derive(self):
        groups = [g for g, _ in self.parts]
        if any(g in MODRM_GROUPS for g in groups):
            self.properties.add("MODRM")
        if any(g in ("H", "B", "KH") for g in groups):
            self.properties.add("VVVV")
        masks = any(g in K_GROUPS for g in groups)
        if any(g in VECTOR_GROUPS for g in groups) or (self.encoding != "LEGACY" and masks):
            self.properties.add("SSE")
        if any(g in MMX_GROUPS for g in groups):
            self.properties.add("MMX")
        if self.encoding == "VEX" and masks:
            self.properties.add("OPMASK")
        for group, kind in (("M", "mem"), ("R", "reg"), ("N", "reg"), ("U", "reg"), ("KR", "reg"), ("KM", "mem")):
            if group in groups and not self.select_mask & SELECT_RM_REG and self.how != "control":
                self.select_mask |= SELECT_RM_REG
                self.select_value |= SELECT_RM_REG if kind == "reg" else 0
        whole = any(g in ("W", "M") and s in ("x", "dq") for g, s in self.parts)
        if self.encoding == "LEGACY" and "UNALIGNED" not in self.properties and whole and "SSE" in self.properties:
            self.properties.add("ALIGNED")          # a whole vector in memory, unless the row says UNALIGNED
        if groups and groups[0] in ("M", "KG", "KM") and self.encoding == "EVEX":
            self.properties.add("NO_ZERO")
        self.mem_operand = next((i for i, g in enumerate(groups) if g in RM_GROUPS), 4)
        self.imm = [o for o, (g, _) in zip(self.operands, self.parts) if g in ("I", "J", "O", "A", "L")]
        self.size_kind = self.find_size()

    def find_size(self):
        sizes = [s for g, s in self.parts if g not in ("I", "J", "A", "S")]
        groups = [g for g, _ in self.parts]
        if any(g in VECTOR_GROUPS for g in groups):
            return "XMM" if self.encoding == "LEGACY" else "VL"
        if any(g in MMX_GROUPS for g in groups):
            return "MMX"
        if any(g in K_GROUPS for g in groups):
            return {"b": "B", "w": "W", "d": "D", "q": "Q"}[sizes[0]]
        for suffix, kind in (("v", "V"), ("vw", "V"), ("z", "Z"), ("y", "Y"), ("n", "N")):
            if suffix in sizes:
                return kind
        for s in sizes:
            if s in ("b", "w", "d", "q", "dq"):
                if s == "w" and "DX" in self.operands and len(sizes) > 1:
                    continue                        # IN, OUT: the port register does not tell the size
                return {"b": "B", "w": "W", "d": "D", "q": "Q", "dq": "DQ"}[s]
        return "V"

    def where(self):
        ops = ", ".join(self.operands)
        return f"line {self.line}: {self.map} {self.opcode_text} {self.select} {self.name} {ops}"


def flags_mask(text, what):
    if text == "_":
        return "0"
    try:
        return " | ".join("RFLAGS_" + FLAGS[c] for c in text)
    except KeyError as e:
        raise DefError(f"unknown flag '{e.args[0]}' in column {what}") from None


def parse(path):
    text = open(path, encoding="utf-8").read()
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line:
            continue
        m = re.fullmatch(r"INSN\((.*)\)", line)
        columns = [c.strip() for c in m[1].split(",")] if m else []
        if len(columns) != COLUMNS:
            raise DefError(f"{path}:{number}: not an INSN row of {COLUMNS} columns")
        try:
            if columns[1].endswith("+cc"):
                first = int(columns[1][:2], 16)
                for i, cc in enumerate(CONDITIONS):
                    one = list(columns)
                    one[1] = f"{first + i:02X}"
                    one[3] = columns[3].replace("cc", cc)
                    one[8] = CONDITION_FLAGS[i]
                    row = Row(number, one)
                    row.op = columns[3]
                    rows.append(row)
            else:
                rows.append(Row(number, columns))
        except DefError as e:
            raise DefError(f"{path}:{number}: {e}") from None
    if not rows:
        raise DefError(f"{path}: no rows")
    if len(rows) > 0xffff:
        raise DefError(f"{path}: more rows than a row number holds")
    return rows


def candidates(path, rows):
    """{(space, opcode): [row index]}, checked for overlaps."""
    table = {}
    for index, row in enumerate(rows):
        for opcode in row.opcodes:
            table.setdefault((SPACES.index(row.map), opcode), []).append(index)
    for (_, opcode), members in table.items():
        for i, a in enumerate(members):
            for b in members[i + 1:]:
                ra, rb = rows[a], rows[b]
                if not ra.prefix_set & rb.prefix_set:
                    continue
                if (ra.select_value ^ rb.select_value) & ra.select_mask & rb.select_mask:
                    continue
                raise DefError(f"{path}: rows overlap at opcode {opcode:02X}:\n  {ra.where()}\n  {rb.where()}")
        modrm = {("MODRM" in rows[i].properties) for i in members}
        if len(modrm) > 1:
            raise DefError(f"{path}: rows of one opcode disagree about a ModRM byte:\n  " +
                           "\n  ".join(rows[i].where() for i in members))
    return table


HEADER = """/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Generated by target/i386/decode/gen_insn.py from insn.def. Do not edit. */
"""


def write_header(rows, out):
    ops = sorted({r.op for r in rows})
    kinds = sorted({o for r in rows for o in r.operands})
    families = sorted({r.how for r in rows})
    out.write(HEADER + "#ifndef TARGET_I386_INSN_GEN_H\n#define TARGET_I386_INSN_GEN_H\n\n")
    out.write("#include \"target/i386/insn.h\"\n\n")
    out.write("enum {\n" + "".join(f"    OP_{o},\n" for o in ops) + "    OP_COUNT\n};\n\n")
    out.write("enum {\n    OPERAND_NONE,\n" + "".join(f"    OPERAND_{k},\n" for k in kinds))
    out.write("    OPERAND_COUNT\n};\n\n")
    out.write("/* How many bytes an operand kind has: a fixed number, or what the instruction says. */\n")
    out.write("enum {\n" + "".join(f"    BYTES_{b},\n" for b in sorted(set(SUFFIXES.values()))) + "};\n\n")
    out.write("/* What a kind's letter says. */\nenum {\n    GROUP_NONE, GROUP_fixed,\n" +
              "".join(f"    GROUP_{g},\n" for g in GROUPS) + "};\n\n")
    out.write("typedef struct OperandKind { const char *name; uint8_t bytes, group; } OperandKind;\n")
    out.write("extern const OperandKind operand_kinds[OPERAND_COUNT];\n\n")
    out.write("/* A family not written yet is absent at link time, and its instructions are #UD. */\n")
    for f in families:
        out.write(f"InsnFn *bind_{f}(const CpuX86 *cpu, Insn *insn) __attribute__((weak));\n")
    out.write("\n#endif\n")


def write_table(rows, table, out):
    out.write(HEADER + "#include \"target/i386/decode/table.h\"\n#include \"target/i386/insn-gen.h\"\n\n")
    out.write("const InsnRow insn_rows[] = {\n")
    for r in rows:
        rule = r.undefined if r.undefined in RULES else None
        undefined = RULES[rule] if rule else r.undefined
        number = int(r.map[-1])
        props = " | ".join("ROW_" + p for p in sorted(r.properties) if p not in HINTS) or "0"
        ops = ", ".join(f"OPERAND_{o}" for o in r.operands) or "0"
        imm = ", ".join(f"OPERAND_{o}" for o in r.imm) or "0"
        if len(r.imm) > 2:
            raise DefError(f"more than two immediates: {r.where()}")
        feature = "0" if r.feature == "BASE" else f"FEATURE_{r.feature}"
        out.write(f"    {{ \"{r.name}\", bind_{r.how}, {number}, 0x{r.opcodes[0]:02x}, {{ {ops} }},\n"
                  f"      {flags_mask(r.read, 'read')}, {flags_mask(r.written, 'written')}, "
                  f"{flags_mask(undefined, 'undefined')},\n"
                  f"      {feature}, {props}, UNDEFINED_{(rule or 'always').upper()},\n"
                  f"      ENCODING_{r.encoding}, {r.prefix_set}, OP_{r.op}, 0x{r.select_mask:x}, 0x{r.select_value:x}, "
                  f"SIZE_{r.size_kind}, {{ {imm} }}, {r.mem_operand} }},\n")
    out.write("};\nconst unsigned insn_row_count = sizeof insn_rows / sizeof insn_rows[0];\n\n")
    order, first = [], {}
    for key in sorted(table):
        first[key] = (len(order), len(table[key]))
        order += table[key]
    if len(order) > 0xffff:
        raise DefError("more candidates than an index holds")
    out.write("const InsnCandidate insn_candidates[] = {\n")
    for i in order:
        r = rows[i]
        out.write(f"    {{ 0x{r.select_mask:x}, 0x{r.select_value:x}, {i}, {r.prefix_set} }},\n")
    out.write(f"}};\n\nconst InsnOpcode insn_opcodes[{len(SPACES)}][256] = {{\n")
    for (space, opcode), (start, count) in sorted(first.items()):
        modrm = int("MODRM" in rows[table[space, opcode][0]].properties)
        out.write(f"    [{space}][0x{opcode:02x}] = {{ {start}, {count}, {modrm} }},\n")
    out.write("};\n\nconst OperandKind operand_kinds[OPERAND_COUNT] = {\n    { \"\", BYTES_NONE, GROUP_NONE },\n")
    for k in sorted({o for r in rows for o in r.operands}):
        group, suffix = split_operand(k)
        out.write(f"    {{ \"{k}\", BYTES_{SUFFIXES[suffix]}, GROUP_{group} }},\n")
    out.write("};\n")


def main(argv):
    if len(argv) != 4:
        print("usage: gen_insn.py insn.def insn-gen.h insn-table.c", file=sys.stderr)
        return 2
    try:
        rows = parse(argv[1])
        table = candidates(argv[1], rows)
        with open(argv[2], "w", encoding="utf-8") as out:
            write_header(rows, out)
        with open(argv[3], "w", encoding="utf-8") as out:
            write_table(rows, table, out)
    except DefError as e:
        print(f"gen_insn.py: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
