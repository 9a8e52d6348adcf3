#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""gen_insn.py refuses a table that contradicts itself, naming the rows or the word at fault."""
import os
import subprocess
import sys
import tempfile
import unittest

GENERATOR = os.path.abspath(sys.argv.pop(1))
ADD = "INSN(0, 00, -, ADD, Eb, Gb, __, __, _, OSZAPC, _, BASE, alu, LOCKABLE)"

# claim, rows, words that the error must hold (none: the table is good)
CASES = [
    ("one row is a table", [ADD], []),
    ("an empty table is refused", [], ["no rows"]),
    ("two rows for one opcode are refused", [ADD, ADD.replace("ADD", "SUB")],
     ["overlap", "ADD", "SUB", "line 1", "line 2"]),
    ("different ModRM.reg do not overlap",
     ["INSN(0, F6, 2, NOT, Eb, __, __, __, _, _, _, BASE, alu, NONE)",
      "INSN(0, F6, 3, NEG, Eb, __, __, __, _, _, _, BASE, alu, NONE)"], []),
    ("any prefix overlaps one prefix",
     ["INSN(1, B8, -, A, Gv, Ev, __, __, _, _, _, BASE, bit, NONE)",
      "INSN(1, B8, f3, B, Gv, Ev, __, __, _, _, _, BASE, bit, NONE)"],
     ["overlap"]),
    ("none and F3 do not overlap",
     ["INSN(1, B8, no3, A, Gv, Ev, __, __, _, _, _, BASE, bit, NONE)",
      "INSN(1, B8, f3, B, Gv, Ev, __, __, _, _, _, BASE, bit, NONE)"], []),
    ("an opcode range overlaps an opcode inside it",
     ["INSN(0, 50+, -, PUSH, Zv, __, __, __, _, _, _, BASE, stack, NONE)",
      "INSN(0, 53, -, X, Zv, __, __, __, _, _, _, BASE, stack, NONE)"],
     ["overlap", "53"]),
    ("modes select", ["INSN(0, 63, -, ARPL, Ew, Gw, __, __, _, Z, _, BASE, a, NO_64)",
                      "INSN(0, 63, -, MOVSXD, Gv, Ed, __, __, _, _, _, BASE, b, ONLY_64)"], []),
    ("one opcode has a ModRM byte or not",
     ["INSN(0, 63, -, A, Ew, Gw, __, __, _, _, _, BASE, a, NO_64)",
      "INSN(0, 63, -, B, __, __, __, __, _, _, _, BASE, b, ONLY_64)"],
     ["ModRM", "A", "B"]),
    ("an unknown operand is named", [ADD.replace("Gb", "Gxx")], ["'Gxx'", ":1:"]),
    ("an unknown property is named", [ADD.replace("LOCKABLE", "LOCKED")], ["'LOCKED'"]),
    ("an unknown selector is named", [ADD.replace(" -,", " f4,")], ["'f4'"]),
    ("an unknown flag is named", [ADD.replace("OSZAPC", "OX")], ["'X'", "written"]),
    ("a missing column is refused", [ADD.replace(" __,", "", 1)], ["14 columns"]),
    ("an unknown map is named", [ADD.replace("(0,", "(7,")], ["'7'"]),
]


class TableErrors(unittest.TestCase):
    def test_cases(self):
        for claim, rows, words in CASES:
            with self.subTest(claim), tempfile.TemporaryDirectory() as d:
                path = os.path.join(d, "insn.def")
                with open(path, "w", encoding="utf-8") as f:
                    f.write("\n".join(rows) + "\n")
                run = subprocess.run([sys.executable, GENERATOR, path, os.path.join(d, "h"), os.path.join(d, "c")],
                                     capture_output=True, text=True, check=False)
                self.assertEqual(run.returncode, 1 if words else 0, run.stderr)
                for word in words:
                    self.assertIn(word, run.stderr)


if __name__ == "__main__":
    unittest.main()
