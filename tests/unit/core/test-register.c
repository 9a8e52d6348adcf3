/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Register maps: masks, side effects, and accesses of every width at every offset. */
#include "core/device.h"
#include "core/log.h"
#include "tests/check.h"

typedef struct Chip {
    Device device;
    uint8_t control, status, latch, shared;
    uint16_t divisor;
    uint32_t data, exact;
    uint64_t wide;
    uint64_t last_old, last_value;
    int writes, reads;
} Chip;

static uint64_t read_made_up(Device *dev, uint64_t value)
{
    ((Chip *)dev)->reads++;
    return 0xabcd;                      /* wider than the register: cut to its width */
}

static void note_write(Device *dev, uint64_t old, uint64_t value)
{
    Chip *s = DEVICE(Chip, dev);
    s->last_old = old;
    s->last_value = value;
    s->writes++;
}

static uint64_t seen_at_read;
static uint64_t read_latch(Device *dev, uint64_t value)
{
    seen_at_read = ((Chip *)dev)->latch;
    return value;
}

static const Register chip_regs[] = {
    {0x00, 1, "CONTROL", REG_RW, 0x0f, .reset = 0xa5, .field = REG_FIELD(Chip, control), .on_write = note_write},
    {0x01, 1, "STATUS", REG_RW, 0x00, .write_1_clear = 0xf0, .reset = 0xff, .field = REG_FIELD(Chip, status)},
    {0x02, 1, "LATCH", REG_RO, .read_clear = 0x0f, .reset = 0x3c, .field = REG_FIELD(Chip, latch),
     .on_read = read_latch},
    {0x03, 1, "COMMAND", REG_WO, .on_write = note_write},
    {0x04, 4, "DATA", REG_RW, 0xffffffff, .field = REG_FIELD(Chip, data), .on_write = note_write},
    {0x08, 2, "DIVISOR", REG_RW, 0x7fff, .write_1_clear = 0x8000, .reset = 0x8001, .field = REG_FIELD(Chip, divisor)},
    {0x0a, 1, "MADE_UP", REG_RO, .on_read = read_made_up},
    {0x0b, 1, "RBR", REG_RO, .reset = 0x11, .field = REG_FIELD(Chip, shared)},
    {0x0b, 1, "THR", REG_WO, 0x3f, .on_write = note_write},
    {0x10, 4, "INDEX", REG_RW, 0xff, .field = REG_FIELD(Chip, exact), .exact = true},
    {0x11, 1, "RESET", REG_WO, .exact = true, .on_write = note_write},
    {0x18, 8, "WIDE", REG_RW, UINT64_MAX, .reset = 0x1122334455667788, .field = REG_FIELD(Chip, wide)},
    {}};

static const DeviceType chip_type = { .name = "chip", .parent = &device_type.type, .size = sizeof(Chip) };

static Chip *chip_new(void)
{
    Chip *s = (Chip *)device_new(&chip_type);
    registers_reset(chip_regs, &s->device);
    return s;
}

static void test_reset(void)
{
    Chip *s = chip_new();
    check_int(s->control, ==, 0xa5, "CONTROL");
    check_int(s->divisor, ==, 0x8001, "DIVISOR");
    check_int(s->wide, ==, 0x1122334455667788, "WIDE");
    check_int(s->data, ==, 0, "DATA without reset value");
    check_int(s->writes, ==, 0, "reset calls no on_write");
    object_unref(&s->device.object);
}

static void test_reads(void)
{
    static const struct { const char *claim; uint32_t offset; unsigned size; uint64_t value; } rows[] = {
        { "a byte", 0x00, 1, 0xa5 },
        { "two neighbours", 0x00, 2, 0xffa5 },
        { "four: the write-only one is absent", 0x00, 4, 0xee3cffa5 },
        { "write-only alone is absent", 0x03, 1, 0xee },
        { "low half of a wide register", 0x08, 1, 0x01 },
        { "high half", 0x09, 1, 0x80 },
        { "what is made up is cut to the width", 0x0a, 1, 0xcd },
        { "read-only row of a shared offset", 0x0b, 1, 0x11 },
        { "across registers, unaligned", 0x09, 2, 0xcd80 },
        { "exact width", 0x10, 4, 0 },
        { "exact: narrower is absent", 0x10, 1, 0xee },
        { "exact: wider is absent", 0x10, 8, 0xeeeeeeeeeeeeeeee },
        { "exact: within is absent", 0x12, 2, 0xeeee },
        { "eight bytes", 0x18, 8, 0x1122334455667788 },
        { "eight bytes by four", 0x1c, 4, 0x11223344 },
        { "from the middle over the end", 0x1e, 4, 0xeeee1122 },
        { "nothing there", 0x100, 4, 0xeeeeeeee },
        { "an access that wraps at 2^32 goes on at 0", 0xffffffff, 4, 0x3cffa5ee },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        Chip *s = chip_new();
        uint64_t v = registers_read(chip_regs, &s->device, rows[i].offset, rows[i].size, 0xeeeeeeeeeeeeeeee);
        check_int(v, ==, rows[i].value, "%s", rows[i].claim);
        object_unref(&s->device.object);
    }
}

static void test_writes(void)
{
    static const struct {
        const char *claim;
        uint32_t offset;
        unsigned size;
        uint64_t value;
        uint32_t field;
        unsigned bytes;
        uint64_t want;
    } rows[] = {
        {"only writable bits change", 0x00, 1, 0xff, offsetof(Chip, control), 1, 0xaf},
        {"write 1 to clear", 0x01, 1, 0x3c, offsetof(Chip, status), 1, 0xcf},
        {"writing 0 clears nothing", 0x01, 1, 0x00, offsetof(Chip, status), 1, 0xff},
        {"read-only", 0x02, 1, 0xff, offsetof(Chip, latch), 1, 0x3c},
        {"a word to two registers: low", 0x00, 2, 0xf000, offsetof(Chip, control), 1, 0xa0},
        {"a word to two registers: high", 0x00, 2, 0xf000, offsetof(Chip, status), 1, 0x0f},
        {"a byte of four merges", 0x06, 1, 0x77, offsetof(Chip, data), 4, 0x00770000},
        {"a narrow write clears only what it covers", 0x08, 1, 0x22, offsetof(Chip, divisor), 2, 0x8022},
        {"the other half", 0x09, 1, 0xff, offsetof(Chip, divisor), 2, 0x7f01},
        {"exact width", 0x10, 4, 0x1234, offsetof(Chip, exact), 4, 0x34},
        {"exact: narrower is dropped", 0x10, 1, 0xff, offsetof(Chip, exact), 4, 0},
        {"exact: wider is dropped", 0x10, 8, 0xff, offsetof(Chip, exact), 4, 0},
        {"a wide write", 0x18, 8, 0xffffffff00000000, offsetof(Chip, wide), 8, 0xffffffff00000000},
        {"the upper half of it", 0x1c, 4, 0, offsetof(Chip, wide), 8, 0x55667788},
        {"over the end", 0x1e, 4, 0, offsetof(Chip, wide), 8, 0x0000334455667788},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        Chip *s = chip_new();
        uint64_t v = 0;
        registers_write(chip_regs, &s->device, rows[i].offset, rows[i].size, rows[i].value);
        memcpy(&v, (char *)s + rows[i].field, rows[i].bytes);
        check_int(v, ==, rows[i].want, "%s", rows[i].claim);
        object_unref(&s->device.object);
    }
}

static void test_effects(void)
{
    Chip *s = chip_new();

    registers_write(chip_regs, &s->device, 0, 1, 0x01);
    check_int(s->last_old, ==, 0xa5, "on_write gets the old value");
    check_int(s->last_value, ==, 0xa1, "and what is now stored");
    registers_write(chip_regs, &s->device, 3, 1, 0xfe);
    check_int(s->last_value, ==, 0xfe, "without storage and mask: what was written");
    registers_write(chip_regs, &s->device, 0x0b, 1, 0xff);
    check_int(s->last_value, ==, 0x3f, "without storage, with mask: masked");
    check_int(s->shared, ==, 0x11, "the read-only row of that offset is untouched");
    registers_write(chip_regs, &s->device, 0x11, 1, 6);
    check_int(s->last_value, ==, 6, "an exact byte inside an exact dword");
    check_int(s->writes, ==, 4, "one call each");
    registers_write(chip_regs, &s->device, 4, 4, 0x01020304);
    check_int(s->writes, ==, 5, "one call for four bytes");
    registers_write(chip_regs, &s->device, 4, 2, 0xaabb);
    check_int(s->last_old, ==, 0x01020304, "narrow write: old");
    check_int(s->last_value, ==, 0x0102aabb, "narrow write: merged");

    check_int(registers_read(chip_regs, &s->device, 2, 1, 0), ==, 0x3c, "the first read sees the bits");
    check_int(seen_at_read, ==, 0x30, "which are clear when on_read runs");
    check_int(registers_read(chip_regs, &s->device, 2, 1, 0), ==, 0x30, "the second does not");
    check_int(registers_read(chip_regs, &s->device, 0x0a, 2, 0), ==, 0x11cd, "made up, beside another");
    check_int(s->reads, ==, 1, "one call a read");
    object_unref(&s->device.object);
}

/* Whatever a guest does is answered: all offsets, sizes and a few values, with redzones of the sanitizer around. */
static void test_all_accesses(void)
{
    Chip *s = chip_new();
    for (uint32_t offset = 0; offset < 0x30; offset++) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            registers_write(chip_regs, &s->device, offset, size, UINT64_MAX);
            registers_read(chip_regs, &s->device, offset, size, UINT64_MAX);
            check_int(s->latch & 0xf0, ==, 0x30, "offset 0x%x size %u leaves read-only bits alone", offset, size);
        }
    }
    object_unref(&s->device.object);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/register/reset", test_reset);
    g_test_add_func("/register/reads", test_reads);
    g_test_add_func("/register/writes", test_writes);
    g_test_add_func("/register/effects", test_effects);
    g_test_add_func("/register/all-accesses", test_all_accesses);
    return g_test_run();
}
