/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AML encodings against bytes written down from the specification (ACPI 6.4, chapter 20 and section 6.4). */
#include "hw/acpi/aml.h"
#include "tests/check.h"

static const AmlField some_fields[] = { { "AAAA", 8 }, { NULL, 0x3f }, { "BB", 0x40 }, { NULL, 0 } };
static const uint32_t two_irqs[] = { 5, 0x10 };

static void encodes(const char *claim, const char *hex, Aml *term)
{
    g_autoptr(GString) got = g_string_new(NULL);

    for (unsigned i = 0; i < term->len; i++) {
        g_string_append_printf(got, "%02x", term->data[i]);
    }
    check_str(got->str, hex, "%s", claim);
    aml_free(term);
}

static void test_encodings(void)
{
    encodes("zero", "00", aml_int(0));
    encodes("one", "01", aml_int(1));
    encodes("a byte", "0aff", aml_int(0xff));
    encodes("a word", "0b0001", aml_int(0x100));
    encodes("a dword", "0c00000100", aml_int(0x10000));
    encodes("a qword", "0e0000000001000000", aml_int(1ull << 32));
    encodes("a string", "0d486900", aml_string("Hi"));
    encodes("a buffer", "11050a02abcd", aml_buffer("\xab\xcd", 2));
    encodes("an EISA id", "0c41d00a03", aml_eisaid("PNP0A03"));
    encodes("another EISA id", "0c41d00c0f", aml_eisaid("PNP0C0F"));
    encodes("a UUID: three groups swapped", "11130a105b4ddb33f71f1c4096577441c03dd766",
            aml_uuid("33db4d5b-1ff7-401c-9657-7441c03dd766"));
    encodes("a name segment is padded", "5f53425f", aml_ref("_SB"));
    encodes("a root path of two segments", "5c2e5f53425f50434930", aml_ref("\\_SB.PCI0"));
    encodes("a path of three segments", "2f034141414142425f5f43435f5f", aml_ref("AAAA.BB.CC"));
    encodes("parent prefixes", "5e5e41425f5f", aml_ref("^^AB"));
    encodes("the root alone", "5c00", aml_ref("\\"));
    encodes("Local3", "63", aml_local(3));
    encodes("Arg6", "6e", aml_arg(6));
    encodes("a name", "08414243440a05", aml_name("ABCD", aml_int(5)));
    encodes("a package", "1207020a050d4100", aml_package(aml_int(5), aml_string("A")));
    encodes("an empty scope", "10055f53425f", aml_scope("_SB", aml_none()));
    encodes("a device", "5b820b41424344085f55494400", aml_device("ABCD", aml_name("_UID", aml_int(0))));
    encodes("a serialized method", "14084142434409a468",
            aml_method("ABCD", 1, AML_SERIALIZED, aml_return(aml_arg(0))));
    encodes("a method of three arguments", "14064142434403", aml_method("ABCD", 3, AML_NOT_SERIALIZED, aml_none()));
    encodes("a processor", "5b830b43303030071006000006", aml_processor("C000", 7, 0x610, 6, aml_none()));
    encodes("a mutex", "5b014142434402", aml_mutex("ABCD", 2));
    encodes("an operation region", "5b8050495251020a600a04",
            aml_operation_region("PIRQ", AML_PCI_CONFIG, aml_int(0x60), aml_int(4)));
    encodes("fields: bits in the length form", "5b811341424344114141414108003f42425f5f4004",
            aml_field("ABCD", AML_BYTE_ACC, true, AML_PRESERVE, some_fields));
    encodes("store", "700a0568", aml_store(aml_int(5), aml_arg(0)));
    encodes("and without target", "7b680000", aml_and(aml_arg(0), aml_int(0), NULL));
    encodes("or with target", "7d680160", aml_or(aml_arg(0), aml_int(1), aml_local(0)));
    encodes("shift left", "79016000", aml_shift_left(aml_int(1), aml_local(0), NULL));
    encodes("if and else", "a006936800a460a103a461",
            aml_list(aml_if(aml_equal(aml_arg(0), aml_int(0)), aml_return(aml_local(0))),
                     aml_else(aml_return(aml_local(1)))));
    encodes("not equal", "92936800", aml_logical_not(aml_equal(aml_arg(0), aml_int(0))));
    encodes("while with increment", "a2069560017560",
            aml_while(aml_less(aml_local(0), aml_int(1)), aml_increment(aml_local(0))));
    encodes("index and dereference", "8388680100", aml_deref_of(aml_index(aml_arg(0), aml_int(1), NULL)));
    encodes("a call", "414243446800", aml_call("ABCD", aml_arg(0), aml_int(0)));
    encodes("notify", "86414243440a80", aml_notify("ABCD", aml_int(0x80)));
    encodes("acquire and release", "5b2341424344ffff5b2741424344",
            aml_list(aml_acquire("ABCD", 0xffff), aml_release("ABCD")));
    encodes("a dword field of a buffer", "8a6b0a0843445731", aml_create_dword_field(aml_arg(3), aml_int(8), "CDW1"));
    encodes("an I/O descriptor and the end tag", "110d0a0a4701f80cf80c01087900",
            aml_resources(aml_io(0xcf8, 0xcf8, 1, 8)));
    encodes("IRQ", "221000", aml_irq_no_flags(4));
    encodes("DMA", "2a0400", aml_dma(2));
    encodes("32-bit memory", "860900010000d0fe00040000", aml_memory32_fixed(true, 0xfed00000, 0x400));
    encodes("interrupts", "890a0009020500000010000000", aml_interrupt(AML_LEVEL, AML_ACTIVE_HIGH, true, two_irqs, 2));
    encodes("an edge-triggered low one", "890600070105000000",
            aml_interrupt(AML_EDGE, AML_ACTIVE_LOW, false, two_irqs, 1));
    encodes("bus numbers", "880d00020c0000000000ff0000000001", aml_word_bus_number(0, 255));
    encodes("I/O window", "880d00010c030000000dffff000000f3", aml_word_io(0xd00, 0xffff));
    encodes("memory window", "871700000c0100000000000000c0ffffbffe000000000000c03e",
            aml_dword_memory(false, 0xc0000000, 0xfebfffff));
    encodes("64-bit window",
            "8a2b00000c0300000000000000000000000001000000ffffffff0100000000000000000000000000000001000000",
            aml_qword_memory(true, 1ull << 32, (2ull << 32) - 1));
}

/* A package length takes one to four bytes and counts them: the steps are where a byte is added. */
static void test_package_lengths(void)
{
    static const struct { unsigned content, length_bytes; } sizes[] = {
        { 0, 1 }, { 0x3e - 4, 1 }, { 0x3f - 4, 2 }, { 0xffd - 4, 2 }, { 0xffe - 4, 3 },
            { 0xffffc - 4, 3 }, { 0xffffd - 4, 4 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        Aml *filler = aml_none();
        g_byte_array_set_size(filler, sizes[i].content);
        if (filler->len) {
            memset(filler->data, 0, filler->len);
        }
        Aml *scope = aml_scope("ABCD", filler);
        const uint8_t *p = scope->data + 1;
        unsigned more = p[0] >> 6, length = more ? p[0] & 0x0f : p[0];

        for (unsigned k = 0; k < more; k++) {
            length |= (unsigned)p[1 + k] << (4 + 8 * k);
        }
        check_int(more + 1, ==, sizes[i].length_bytes, "bytes of the length of %u bytes", sizes[i].content);
        check_int(length, ==, scope->len - 1, "the length covers everything behind the opcode");
        aml_free(scope);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/firmware/aml/encodings", test_encodings);
    g_test_add_func("/firmware/aml/package-lengths", test_package_lengths);
    return g_test_run();
}
