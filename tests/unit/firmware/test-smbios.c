/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SMBIOS structures field by field, entry points, limits, and -smbios options good and bad. */
#include <unistd.h>

#include "core/option.h"
#include "hw/firmware/smbios.h"
#include "hw/firmware/smbios_options.h"
#include "tests/unit/firmware/fixture.h"

#define GIB (1ull << 30)

static SmbiosMachine machine(void)
{
    return (SmbiosMachine){
        .product = "Standard PC (Q35 + ICH9, 2009)", .version = "pc-q35-11.1", .ram_bytes = 4 * GIB,
        .ram_below_4g = 2 * GIB, .ram_above_4g = 2 * GIB, .sockets = 1, .cores = 2, .threads = 2,
        .cpuid_version = 0x60fb1, .cpuid_features = 0x178bfbfd,
        .uuid = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
    };
}

/* "fixed part as hex|string|string"; NULL: no such structure. */
static char *structure(const GByteArray *tables, uint8_t type, unsigned nth)
{
    for (unsigned at = 0; at + 4 <= tables->len;) {
        const uint8_t *p = tables->data + at;
        unsigned end = at + p[1];
        g_autoptr(GString) text = g_string_new(NULL);

        check_true(p[1] >= 4 && end + 2 <= tables->len, "structures are whole");
        for (unsigned i = 4; i < p[1]; i++) {
            g_string_append_printf(text, "%02x", p[i]);
        }
        if (!tables->data[end]) {
            end++;
        }
        while (tables->data[end]) {
            g_string_append_printf(text, "|%s", (const char *)tables->data + end);
            end += strlen((const char *)tables->data + end) + 1;
            check_true(end < tables->len, "strings end in the table");
        }
        at = end + 1;
        if (p[0] == type && nth-- == 0) {
            return g_strdup(text->str);
        }
    }
    return NULL;
}

static const struct { const char *claim; uint8_t type; unsigned nth; const char *want; } defaults[] = {
    { "system; the UUID's first groups are swapped", 1, 0,
      "010203000403020106050807090a0b0c0d0e0f10060000|QEMU|Standard PC (Q35 + ICH9, 2009)|pc-q35-11.1" },
    { "chassis", 3, 0, "010102000003030302000000000000000000|QEMU|pc-q35-11.1" },
    { "processor", 4, 0,
      "0103fe02b10f0600fdfb8b1703000000d007d0074101ffffffffffff00000002020202000100|CPU 0|QEMU|pc-q35-11.1" },
    { "memory array of 4 GiB", 16, 0, "01030600004000feff01000000000000000000" },
    { "one memory device", 17, 0,
      "0010feffffffffff00100900010007020000000200000000000000000000000000000000|DIMM 0|QEMU" },
    { "memory below the hole", 19, 0, "00000000ffff1f0000100100000000000000000000000000000000" },
    { "memory above it", 19, 1, "00004000ffff5f0000100100000000000000000000000000000000" },
    { "boot status", 32, 0, "00000000000000" },
    { "end", 127, 0, "" },
    { "no firmware of our own", 0, 0, NULL },
    { "no board", 2, 0, NULL },
};

static void test_defaults(void)
{
    SmbiosMachine m = machine();
    g_autoptr(GByteArray) tables = NULL, anchor = NULL;

    check_true(smbios_build(&m, &tables, &anchor, NULL), "built");
    for (size_t i = 0; i < G_N_ELEMENTS(defaults); i++) {
        g_autofree char *got = structure(tables, defaults[i].type, defaults[i].nth);

        check_str(got, defaults[i].want, "%s", defaults[i].claim);
    }
    check_true(anchor->len == 0x1f && !memcmp(anchor->data, "_SM_", 4) && !memcmp(anchor->data + 16, "_DMI_", 5),
               "2.8 entry point");
    check_int(anchor->data[22] | anchor->data[23] << 8, ==, tables->len, "length of the tables");
    check_int(anchor->data[28], ==, 9, "number of structures");
    check_int(anchor->data[8], ==, 0x4c, "largest structure");
}

static void test_sizes(void)
{
    SmbiosMachine m = machine();
    g_autoptr(GError) err = NULL;

    for (int round = 0; round < 4; round++) {
        g_autoptr(GByteArray) tables = NULL, anchor = NULL;
        g_autofree char *got = NULL;

        switch (round) {
        case 0:
            m.entry_point_64 = true;
            check_true(smbios_build(&m, &tables, &anchor, NULL), "built");
            check_true(anchor->len == 0x18 && !memcmp(anchor->data, "_SM3_", 5), "3.0 entry point on request");
            got = structure(tables, 4, 0);
            check_true(strstr(got, "02020202000100020002000200|"), "with 16-bit core counts: %s", got);
            m.entry_point_64 = false;
            break;
        case 1:
            m.cores = m.threads = 300;
            check_true(smbios_build(&m, &tables, &anchor, NULL), "built");
            check_true(!memcmp(anchor->data, "_SM3_", 5), "300 cores need it");
            got = structure(tables, 4, 0);
            check_true(strstr(got, "ffffff020001002c012c012c01|"), "the old fields say 255: %s", got);
            m.cores = m.threads = 1;
            break;
        case 2:
            m.ram_bytes = 5ull << 40;
            m.ram_above_4g = m.ram_bytes - m.ram_below_4g;
            check_true(smbios_build(&m, &tables, &anchor, NULL), "built");
            got = structure(tables, 17, 2);
            check_str(got, "0010feffffffffffff7f0900010007020000000200000000000010000000000000000000|DIMM 2|QEMU",
                      "5 TiB are three devices, the last of 1 TiB, by the extended size");
            g_free(got);
            got = structure(tables, 16, 0);
            check_str(got, "01030600000080feff03000000000000050000", "extended capacity");
            g_free(got);
            got = structure(tables, 19, 1);
            check_str(got, "ffffffffffffffff0010010000000001000000ffffff7f00050000", "mapping in bytes instead of KiB");
            m = machine();
            break;
        default:
            m.sockets = 200;
            check_true(smbios_build(&m, &tables, &anchor, NULL), "built");
            got = structure(tables, 4, 199);
            check_true(got && strstr(got, "|CPU 199|"), "one structure a socket");
            m.sockets = 1000;
            check_true(!smbios_build(&m, &tables, &anchor, &err) && strstr(err->message, "1000"), "up to 256");
        }
    }
}

static bool add(const char *text, GError **err)
{
    json_object *args = keyval_parse(text, NULL, false, NULL, err);
    bool ok;

    check_true(args, "'%s' parses", text);
    ok = smbios_add_option(args, err);
    json_object_put(args);
    return ok;
}

static void test_options(void)
{
    static const char *const good[] = {
        "type=0,vendor=V,version=W,date=01/02/2003,release=1.2,uefi=on",
        "type=1,manufacturer=M,serial=S,sku=K,family=F",
        "type=1,uuid=0a0b0c0d-0e0f-1011-1213-141516171819", "type=2,manufacturer=B", "type=3,asset=A",
        "type=4,sock_pfx=S,max-speed=3000",
        "type=11,value.0=hello,value.1=world", "type=17,loc_pfx=L,speed=2400,part=P",
    };
    static const struct { const char *args, *error; } bad[] = {
        { "vendor=V", "file or type" }, { "type=5,x=y", "5" }, { "type=300", "300" },
        { "type=1,manufactura=M", "manufacturer" },
        { "type=0,release=1", "release" }, { "type=0,release=1.999", "1.999" }, { "type=1,uuid=12", "12" },
        { "type=4,max-speed=fast", "fast" }, { "type=4,max-speed=70000", "70000" },
        { "type=0,uefi=perhaps", "perhaps" },
        { "file=/nonexistent/f", "/nonexistent/f" }, { "file=x,type=1", "either" }, { "type=11,value=", "empty" },
    };
    SmbiosMachine m = machine();
    g_autoptr(GByteArray) tables = NULL, anchor = NULL;
    static const struct { uint8_t type; const char *want; } wants[] = {
        { 0, "010200e803000800000000000000001c0102ffff|V|W|01/02/2003" },
        { 1, "010203040d0c0b0a0f0e11101213141516171819060506|M|Standard PC (Q35 + ICH9, 2009)|pc-q35-11.1|S|K|F" },
        { 2, "0102030000010000030a00|B|Standard PC (Q35 + ICH9, 2009)|pc-q35-11.1" },
        { 3, "010102000303030302000000000000000000|QEMU|pc-q35-11.1|A" },
        { 11, "02|hello|world" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GError) err = NULL;
        check_true(add(good[i], &err), "%s: %s", good[i], err ? err->message : "");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) err = NULL;
        check_true(!add(bad[i].args, &err), "%s is refused", bad[i].args);
        check_true(strstr(err->message, bad[i].error), "%s: '%s' should name '%s'", bad[i].args, err->message,
                   bad[i].error);
    }
    check_true(smbios_build(&m, &tables, &anchor, NULL), "built");
    for (size_t i = 0; i < G_N_ELEMENTS(wants); i++) {
        g_autofree char *got = structure(tables, wants[i].type, 0);

        check_str(got, wants[i].want, "type %u with options", wants[i].type);
    }
    smbios_options_clear();
}

static void test_files(void)
{
    static const struct { const char *claim; const char *data; unsigned len; bool ok; } rows[] = {
        { "one structure without strings", "\x80\x06\x01\x80\xaa\xbb\0\0", 8, true },
        { "one with a string", "\x80\x05\x02\x80\x01hi\0\0", 9, true },
        { "a length below the header's", "\x80\x03\x01\x80\0\0", 6, false },
        { "a length beyond the file", "\x80\x10\x01\x80\0\0", 6, false },
        { "no double zero at the end", "\x80\x05\x02\x80\x01hi\0", 8, false },
        { "a lone byte", "\x80", 1, false },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        char path[] = "/tmp/rhea-smbios-XXXXXX";
        g_autofree char *option = NULL;
        g_autoptr(GError) err = NULL;
        SmbiosMachine m = machine();
        g_autoptr(GByteArray) tables = NULL, anchor = NULL;
        int fd = mkstemp(path);

        check_int(write(fd, rows[i].data, rows[i].len), ==, rows[i].len, "written");
        close(fd);
        option = g_strdup_printf("file=%s", path);
        check_int(add(option, &err), ==, rows[i].ok, "%s: %s", rows[i].claim, err ? err->message : "");
        check_true(smbios_build(&m, &tables, &anchor, NULL), "built");
        g_autofree char *got = structure(tables, 0x80, 0);
        check_int(got != NULL, ==, rows[i].ok, "%s: is in the tables", rows[i].claim);
        check_int(anchor->data[28], ==, rows[i].ok ? 10 : 9, "%s: is counted", rows[i].claim);
        smbios_options_clear();
        unlink(path);
    }
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/firmware/smbios/defaults", test_defaults);
    g_test_add_func("/firmware/smbios/sizes", test_sizes);
    g_test_add_func("/firmware/smbios/options", test_options);
    g_test_add_func("/firmware/smbios/files", test_files);
    return g_test_run();
}
