/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8259 pair and IO APIC as a processor sees them: vectors of acknowledges, messages to local APICs. Registers are tested
 * in tests/qtest/i8259.py and ioapic.py.
 */
#include "core/thread.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "target/i386/apic.h"
#include "tests/check.h"

/* --- what the controllers drive --- */

static GString *messages;                       /* "ADDR=DATA " each */
static int intr;

void apic_send_msi(uint64_t addr, uint32_t data)
{
    g_string_append_printf(messages, "%" PRIx64 "=%x ", addr, data);
}

static void intr_changed(void *opaque, int n, int level)
{
    intr = level;
}

/* --- the bench --- */

static IsaBus bus;
static IrqLine *pic_in[ISA_IRQS], *pin[IOAPIC_PINS];
static Device *ioapic;

static void out(uint16_t port, uint8_t value)
{
    memory_store(address_space_io(), port, 1, value, MEMTXATTRS_NONE, NULL);
}

static uint8_t in(uint16_t port)
{
    return memory_load(address_space_io(), port, 1, MEMTXATTRS_NONE, NULL);
}

static void init_pic(uint16_t base, uint8_t vector, uint8_t cascade, uint8_t icw4)
{
    out(base, 0x11);
    out(base + 1, vector);
    out(base + 1, cascade);
    out(base + 1, icw4);
}

static void init_pics(uint8_t icw4)
{
    for (int n = 0; n < ISA_IRQS; n++) {
        irq_lower(pic_in[n]);
    }
    out(0x4d0, 0);
    out(0x4d1, 0);
    init_pic(0x20, 0x20, 0x04, icw4);
    init_pic(0xa0, 0x28, 0x02, icw4);
    out(0x21, 0);
    out(0xa1, 0);
}

static void write_entry(int n, uint64_t entry)
{
    for (int half = 1; half >= 0; half--) {
        memory_store(address_space_memory(), IOAPIC_BASE, 4, 0x10 + 2 * n + half, MEMTXATTRS_NONE, NULL);
        memory_store(address_space_memory(), IOAPIC_BASE + 0x10, 4, entry >> 32 * half, MEMTXATTRS_NONE, NULL);
    }
}

static const char *sent(void)
{
    static char text[256];
    g_strlcpy(text, messages->str, sizeof text);
    g_string_truncate(messages, 0);
    return text;
}

/* --- 8259 --- */

static void test_vectors(void)
{
    static const struct { const char *claim; int irq, vector; uint8_t master_isr, slave_isr; } rows[] = {
        { "the timer",                  0,  0x20, 0x01, 0x00 },
        { "the last of the master",     7,  0x27, 0x80, 0x00 },
        { "the first of the slave",     8,  0x28, 0x04, 0x01 },
        { "the last of the slave",      15, 0x2f, 0x04, 0x80 },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        init_pics(0x01);
        check_int(intr, ==, 0, "%s: INT is low before", rows[i].claim);
        irq_raise(pic_in[rows[i].irq]);
        check_int(intr, ==, 1, "%s: INT", rows[i].claim);
        check_int(i8259_acknowledge(NULL), ==, rows[i].vector, "%s: vector", rows[i].claim);
        check_int(intr, ==, 0, "%s: INT after acknowledge", rows[i].claim);
        out(0x20, 0x0b);
        out(0xa0, 0x0b);
        check_int(in(0x20), ==, rows[i].master_isr, "%s: master in service", rows[i].claim);
        check_int(in(0xa0), ==, rows[i].slave_isr, "%s: slave in service", rows[i].claim);
    }
}

static void test_spurious(void)
{
    init_pics(0x01);
    check_int(i8259_acknowledge(NULL), ==, 0x27, "nothing pending: IR7 of the master");
    out(0x20, 0x0b);
    check_int(in(0x20), ==, 0, "and not in service");

    out(0x4d1, 0x02);                           /* a level that goes away between INT and acknowledge */
    irq_raise(pic_in[9]);
    irq_lower(pic_in[9]);
    check_int(i8259_acknowledge(NULL), ==, 0x2f, "the slave has nothing: its IR7");
    out(0x20, 0x0b);
    out(0xa0, 0x0b);
    check_int(in(0x20), ==, 0x04, "the master has IR2 in service");
    check_int(in(0xa0), ==, 0, "the slave nothing");
}

static void test_masked_at_acknowledge(void)
{
    init_pics(0x01);
    irq_raise(pic_in[3]);
    out(0x21, 0xff);
    check_int(intr, ==, 0, "masking withdraws INT");
    out(0x21, 0);
    check_int(i8259_acknowledge(NULL), ==, 0x23, "unmasking offers it again");
}

static void test_second_request_of_the_slave(void)
{
    init_pics(0x03);                            /* automatic EOI: nothing of the first blocks the second */
    irq_raise(pic_in[9]);
    irq_raise(pic_in[12]);
    check_int(i8259_acknowledge(NULL), ==, 0x29, "first");
    check_int(intr, ==, 1, "INT for the second");
    check_int(i8259_acknowledge(NULL), ==, 0x2c, "second");
    check_int(intr, ==, 0, "no third");

    init_pics(0x01);
    irq_raise(pic_in[12]);
    irq_raise(pic_in[9]);
    i8259_acknowledge(NULL);
    out(0xa0, 0x20);
    out(0x20, 0x20);
    check_int(i8259_acknowledge(NULL), ==, 0x2c, "after EOI at both");
}

/* --- who listens --- */

static GString *heard;

static void note_irq(void *opaque, unsigned n)
{
    g_string_append_printf(heard, "%s%u ", (const char *)opaque, n);
}

static void test_listening(void)
{
    heard = g_string_new(NULL);
    init_pics(0x01);
    i8259_set_listen_hook(note_irq, (void *)"irq");
    ioapic_set_listen_hook(note_irq, (void *)"pin");
    check_true(!i8259_edge_is_lost(0), "an edge on an idle input is noticed, masked or not");
    irq_raise(pic_in[0]);
    irq_lower(pic_in[0]);
    check_true(i8259_edge_is_lost(0), "while one is latched, no other is");
    i8259_acknowledge(NULL);
    check_true(!i8259_edge_is_lost(0), "acknowledged");
    check_str(heard->str, "irq0 ", "the acknowledge says so");
    g_string_truncate(heard, 0);
    irq_raise(pic_in[8]);
    init_pic(0xa0, 0x28, 0x02, 0x01);
    check_str(heard->str, "irq8 ", "so does initialisation");
    g_string_truncate(heard, 0);

    write_entry(2, 0x10030);
    check_true(ioapic_edge_is_lost(ioapic, 2), "an edge on a masked pin is lost");
    write_entry(2, 0x00030);
    check_true(!ioapic_edge_is_lost(ioapic, 2), "on an unmasked one not");
    check_str(heard->str, "pin2 ", "unmasking says so");
    write_entry(2, 0x18030);
    check_true(!ioapic_edge_is_lost(ioapic, 2), "a level is never lost");
    i8259_set_listen_hook(NULL, NULL);
    ioapic_set_listen_hook(NULL, NULL);
    write_entry(2, 0x10000);
    g_string_free(heard, true);
}

/* --- IO APIC --- */

static void test_messages(void)
{
    static const struct { const char *claim; uint64_t entry; const char *message; } rows[] = {
        { "fixed, edge, physical",        0x0000000000000031, "fee00000=4031 " },
        { "destination",                  0x0500000000000031, "fee05000=4031 " },
        { "logical destination",          0xff00000000000831, "feeff004=4031 " },
        { "lowest priority",              0x0000000000000131, "fee00000=4131 " },
        { "SMI",                          0x0000000000000200, "fee00000=4200 " },
        { "NMI",                          0x0000000000000400, "fee00000=4400 " },
        { "INIT",                         0x0000000000000500, "fee00000=4500 " },
        { "level",                        0x0000000000008031, "fee00000=c031 " },
        { "active low is the same",       0x000000000000a031, "fee00000=c031 " },
        { "masked",                       0x0000000000010031, "" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        irq_lower(pin[5]);
        write_entry(5, 0x10000);
        write_entry(5, rows[i].entry);
        check_str(sent(), "", "%s: nothing before", rows[i].claim);
        irq_raise(pin[5]);
        check_str(sent(), rows[i].message, "%s", rows[i].claim);
        irq_raise(pin[5]);
        check_str(sent(), "", "%s: once", rows[i].claim);
    }
    irq_lower(pin[5]);
}

static void test_extint(void)
{
    init_pics(0x01);
    irq_raise(pic_in[6]);
    write_entry(5, 0x0700);
    irq_raise(pin[5]);
    check_str(sent(), "fee00000=4026 ", "the vector is the 8259's");
    out(0x20, 0x0b);
    check_int(in(0x20), ==, 0x40, "which has it in service");
    irq_lower(pin[5]);
    write_entry(5, 0x10000);
}

static void test_edges_while_masked_are_lost(void)
{
    write_entry(6, 0x10032);
    irq_raise(pin[6]);
    write_entry(6, 0x00032);
    check_str(sent(), "", "unmasked with the line still high");
    irq_lower(pin[6]);
    irq_raise(pin[6]);
    check_str(sent(), "fee00000=4032 ", "the next edge");
    irq_lower(pin[6]);
}

static void test_levels_and_eoi(void)
{
    write_entry(7, 0x8033);
    write_entry(8, 0x8033);
    irq_raise(pin[7]);
    check_str(sent(), "fee00000=c033 ", "sent");
    irq_lower(pin[7]);
    irq_raise(pin[7]);
    check_str(sent(), "", "not again before EOI");
    irq_raise(pin[8]);
    check_str(sent(), "fee00000=c033 ", "another pin with that vector has its own Remote IRR");
    ioapic_eoi_broadcast(NULL, 0x34);
    check_str(sent(), "", "EOI of another vector");
    irq_lower(pin[8]);
    ioapic_eoi_broadcast(NULL, 0x33);
    check_str(sent(), "fee00000=c033 ", "the line that is still high comes again");
    irq_lower(pin[7]);
    ioapic_eoi_broadcast(NULL, 0x33);
    check_str(sent(), "", "and no more");

    write_entry(7, 0x18033);
    irq_raise(pin[7]);
    check_str(sent(), "", "masked level");
    write_entry(7, 0x08033);
    check_str(sent(), "fee00000=c033 ", "sent when unmasked");
    write_entry(7, 0x18033);
    ioapic_eoi_broadcast(NULL, 0x33);
    check_str(sent(), "", "EOI while masked");
    irq_lower(pin[7]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bql_lock();
    memory_thread_register();
    messages = g_string_new(NULL);
    isa_bus_init(&bus, NULL, "isa.0", system_memory(), system_io());
    i8259_create_pair(&bus, irq_lines_new(intr_changed, NULL, 1), pic_in);
    ioapic = ioapic_create(IOAPIC_BASE, pin);
    reset_all(RESET_COLD);
    g_test_add_func("/i8259/vectors", test_vectors);
    g_test_add_func("/i8259/spurious", test_spurious);
    g_test_add_func("/i8259/masked", test_masked_at_acknowledge);
    g_test_add_func("/i8259/second-request", test_second_request_of_the_slave);
    g_test_add_func("/intc/listening", test_listening);
    g_test_add_func("/ioapic/messages", test_messages);
    g_test_add_func("/ioapic/extint", test_extint);
    g_test_add_func("/ioapic/masked-edges", test_edges_while_masked_are_lost);
    g_test_add_func("/ioapic/levels", test_levels_and_eoi);
    return g_test_run();
}
