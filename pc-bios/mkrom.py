#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes an option ROM: assembles, links to address 0, sets the checksums of the PnP header and of the whole image.

usage: mkrom.py SOURCE OUTPUT LD COMPILER [ARG ...]
"""
import os
import subprocess
import sys
import tempfile


def checksum_byte(data, skip):
    return -(sum(data) - data[skip]) & 0xff


def main():
    source, output, ld, *compiler = sys.argv[1:]
    with tempfile.TemporaryDirectory() as work:
        obj = os.path.join(work, "rom.o")
        raw = os.path.join(work, "rom.raw")
        subprocess.run(compiler + ["-m32", "-x", "assembler-with-cpp", "-c", source, "-o", obj], check=True)
        subprocess.run([ld, "-m", "elf_i386", "-Ttext=0", "--oformat=binary", "-e", "_start", obj, "-o", raw],
                       check=True)
        with open(raw, "rb") as f:
            rom = bytearray(f.read())

    if rom[:2] != b"\x55\xaa" or len(rom) != rom[2] * 512:
        sys.exit(f"{source}: image of {len(rom)} bytes does not match its header, which says {rom[2]} * 512")
    pnp = int.from_bytes(rom[0x1a:0x1c], "little")
    if pnp:
        header = rom[pnp:pnp + rom[pnp + 5] * 16]
        if header[:4] != b"$PnP":
            sys.exit(f"{source}: no $PnP header at 0x{pnp:x}")
        rom[pnp + 9] = checksum_byte(header, 9)
    rom[-1] = checksum_byte(rom, len(rom) - 1)
    with open(output, "wb") as f:
        f.write(rom)


main()
