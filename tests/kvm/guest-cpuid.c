/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs in a guest: what CPUID shows there, a leaf a line. */
#include <cpuid.h>
#include <stdio.h>

static void range(unsigned first, unsigned most)
{
    unsigned a, b, c, d, last;

    __cpuid(first, last, b, c, d);
    if (last < first || last > first + most) {
        last = first + most;
    }
    for (unsigned leaf = first; leaf <= last; leaf++) {
        for (unsigned sub = 0; sub < 16; sub++) {
            __cpuid_count(leaf, sub, a, b, c, d);
            if (sub && !(a | b | c | d)) {
                continue;
            }
            printf("%08x.%u %08x %08x %08x %08x\n", leaf, sub, a, b, c, d);
            if (leaf != 4 && leaf != 7 && leaf != 0xb && leaf != 0xd && leaf != 0x1f && leaf != 0x8000001d) {
                break;
            }
        }
    }
}

int main(void)
{
    range(0, 0x40);
    range(0x40000000, 0x10);
    range(0x40000100, 1);
    range(0x80000000, 0x40);
    return 0;
}
