/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HMP commands that look at memory, ports and values: x, xp, print, i, o, sum, gva2gpa, gpa2hva.
 *
 * A dump reads one line's worth at a time, so that what can be read is shown up to the first address that can not.
 */
#include <inttypes.h>
#include <string.h>
#include <urcu.h>

#include "monitor/hmp.h"
#include "monitor/target_hooks.h"

typedef struct Dump {
    Cpu *cpu;                           /* NULL: physical addresses without a CPU */
    bool physical;
    uint64_t addr;
    GString *out;
} Dump;

static uint64_t arg_int(json_object *args, const char *name)
{
    return json_object_get_int64(json_object_object_get(args, name));
}

static bool dump_read(const Dump *d, uint64_t addr, void *buf, size_t len)
{
    if (d->physical) {
        return memory_read(address_space_memory(), addr, MEMTXATTRS_NONE, buf, len) == MEMTX_OK;
    }
    return monitor_target.read_virtual(d->cpu, addr, buf, len);
}

static void print_address(const Dump *d)
{
    g_string_append_printf(d->out, "%0*" PRIx64 ":", d->physical ? 8 : monitor_target.address_digits, d->addr);
}

static void print_char(GString *out, uint8_t c)
{
    static const char escapes[][2] = { { '\'', '\'' }, { '\\', '\\' }, { '\n', 'n' }, { '\r', 'r' }, { '\t', 't' } };
    for (size_t i = 0; i < G_N_ELEMENTS(escapes); i++) {
        if (c == (uint8_t)escapes[i][0]) {
            g_string_append_printf(out, "'\\%c'", escapes[i][1]);
            return;
        }
    }
    g_string_append_printf(out, c >= ' ' && c < 0x7f ? "'%c'" : "'\\x%02x'", c);
}

static uint64_t load_le(const uint8_t *p, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, p, size);
    return GUINT64_FROM_LE(value);
}

static int64_t sign_extend(uint64_t value, unsigned size)
{
    return (int64_t)(value << (64 - 8 * size)) >> (64 - 8 * size);
}

/* One item with the blank before it; all of one format and size are equally wide. */
static void print_item(GString *out, uint64_t value, char format, unsigned size)
{
    static const int decimal_digits[9] = { [1] = 3, [2] = 5, [4] = 10, [8] = 20 };
    static const int octal_digits[9] = { [1] = 3, [2] = 6, [4] = 11, [8] = 22 };
    g_string_append_c(out, ' ');
    switch (format) {
    case 'o':
        g_string_append_printf(out, "0%0*" PRIo64, octal_digits[size], value);
        break;
    case 'x':
        g_string_append_printf(out, "0x%0*" PRIx64, 2 * size, value);
        break;
    case 'u':
        g_string_append_printf(out, "%*" PRIu64, decimal_digits[size], value);
        break;
    case 'd':
        g_string_append_printf(out, "%*" PRId64, decimal_digits[size], sign_extend(value, size));
        break;
    case 'c':
        print_char(out, value);
        break;
    }
}

static bool dump_values(Dump *d, int count, char format, unsigned size)
{
    unsigned per_line = size == 1 || size == 2 ? 8 : 16 / size;
    while (count > 0) {
        uint8_t buf[16];
        unsigned items = MIN(count, per_line);
        if (!dump_read(d, d->addr, buf, items * size)) {
            return false;
        }
        print_address(d);
        for (unsigned i = 0; i < items; i++) {
            print_item(d->out, load_le(buf + i * size, size), format, size);
        }
        g_string_append_c(d->out, '\n');
        d->addr += items * size;
        count -= items;
    }
    return true;
}

#define INSN_MAX_BYTES 15

/* Reads as much of [addr, +INSN_MAX_BYTES) as there is; 0: nothing. */
static size_t read_code(const Dump *d, uint8_t *buf)
{
    for (size_t len = INSN_MAX_BYTES; len > 0; len--) {
        if (dump_read(d, d->addr, buf, len)) {
            return len;
        }
    }
    return 0;
}

static bool dump_code(Dump *d, int count)
{
    while (count-- > 0) {
        uint8_t buf[INSN_MAX_BYTES];
        size_t len = read_code(d, buf);
        if (!len) {
            return false;
        }
        g_autoptr(GString) insn = g_string_new(NULL);
        unsigned size = monitor_target.disassemble(d->cpu, d->addr, buf, len, insn);
        if (!size) {
            size = 1;
            g_string_printf(insn, "%-8s 0x%02x", ".byte", buf[0]);
        }
        g_autoptr(GString) bytes = g_string_new(NULL);
        for (unsigned i = 0; i < size; i++) {
            g_string_append_printf(bytes, "%02x ", buf[i]);
        }
        g_string_append_printf(d->out, "0x%0*" PRIx64 ":  %-24s %s\n", 8, d->addr, bytes->str, insn->str);
        d->addr += size;
    }
    return true;
}

static void examine(Monitor *mon, json_object *args, bool physical, GError **err)
{
    bool code = hmp_format.format == 'i';
    Cpu *cpu = hmp_cpu(mon, physical && !code ? NULL : err);
    if (!cpu && (!physical || code)) {
        return;
    }
    Dump d = { .cpu = cpu, .physical = physical, .addr = arg_int(args, "addr"), .out = g_string_new(NULL) };
    unsigned size = hmp_format.format == 'c' ? 1 : hmp_format.size;
    if (!(code ? dump_code(&d, hmp_format.count) : dump_values(&d, hmp_format.count, hmp_format.format, size))) {
        error_set(err, "cannot access memory at 0x%" PRIx64, d.addr);
    }
    monitor_puts(mon, d.out->str);
    g_string_free(d.out, true);
}

void hmp_examine_virtual(Monitor *mon, json_object *args, GError **err)
{
    examine(mon, args, false, err);
}

void hmp_examine_physical(Monitor *mon, json_object *args, GError **err)
{
    examine(mon, args, true, err);
}

void hmp_print_value(Monitor *mon, json_object *args, GError **err)
{
    uint64_t value = arg_int(args, "expr");
    switch (hmp_format.format) {
    case 'o':
        monitor_printf(mon, "%#" PRIo64 "\n", value);
        break;
    case 'x':
        monitor_printf(mon, "%#" PRIx64 "\n", value);
        break;
    case 'u':
        monitor_printf(mon, "%" PRIu64 "\n", value);
        break;
    case 'c': {
        g_autoptr(GString) text = g_string_new(NULL);
        print_char(text, value);
        monitor_printf(mon, "%s\n", text->str);
        break;
    }
    default:
        monitor_printf(mon, "%" PRId64 "\n", (int64_t)value);
        break;
    }
}

static unsigned port_size(void)
{
    return MIN(hmp_format.size, 4);
}

void hmp_port_read(Monitor *mon, json_object *args, GError **err)
{
    uint16_t port = arg_int(args, "addr");
    if (json_object_object_get(args, "index")) {
        memory_store(address_space_io(), port, 1, arg_int(args, "index"), MEMTXATTRS_NONE, NULL);
        port++;
    }
    uint64_t value = memory_load(address_space_io(), port, port_size(), MEMTXATTRS_NONE, NULL);
    monitor_printf(mon, "port%c[0x%04x] = 0x%0*" PRIx64 "\n", "?bw?l"[port_size()], port, 2 * port_size(), value);
}

void hmp_port_write(Monitor *mon, json_object *args, GError **err)
{
    memory_store(address_space_io(), (uint16_t)arg_int(args, "addr"), port_size(), arg_int(args, "val"), MEMTXATTRS_NONE, NULL);
}

void hmp_sum(Monitor *mon, json_object *args, GError **err)
{
    uint64_t addr = arg_int(args, "start"), left = arg_int(args, "size");
    uint16_t sum = 0;
    if (left > 1ull << 32) {
        error_set(err, "size 0x%" PRIx64 " is more than 4 GiB", left);
        return;
    }
    while (left) {
        uint8_t buf[4096];
        size_t n = MIN(left, sizeof buf);
        memory_read(address_space_memory(), addr, MEMTXATTRS_NONE, buf, n);
        for (size_t i = 0; i < n; i++) {        /* the BSD checksum: rotate right, add */
            sum = (uint16_t)((sum >> 1) | (sum << 15)) + buf[i];
        }
        addr += n;
        left -= n;
    }
    monitor_printf(mon, "%05d\n", sum);
}

void hmp_gva2gpa(Monitor *mon, json_object *args, GError **err)
{
    Cpu *cpu = hmp_cpu(mon, err);
    GuestAddr phys;
    if (!cpu) {
        return;
    }
    if (monitor_target.translate(cpu, arg_int(args, "addr"), &phys)) {
        monitor_printf(mon, "gpa: %#" PRIx64 "\n", phys);
    } else {
        monitor_puts(mon, "Unmapped\n");
    }
}

void hmp_gpa2hva(Monitor *mon, json_object *args, GError **err)
{
    GuestAddr addr = arg_int(args, "addr");
    rcu_read_lock();
    MemorySection section = memory_lookup(address_space_memory(), addr);
    uint8_t *host = memory_section_ram(&section);
    if (host) {
        monitor_printf(mon, "Host virtual address for 0x%" PRIx64 " (%s) is %p\n", addr, section.mr->name, host);
    } else {
        error_set(err, "there is no RAM at 0x%" PRIx64, addr);
    }
    rcu_read_unlock();
}
