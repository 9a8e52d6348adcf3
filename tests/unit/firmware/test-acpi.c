/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables: built for several machines, linked as firmware does it, walked from RSDP with every checksum verified;
 * then disassembled and compiled again by iasl, if it is there. And the fw_cfg files.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "hw/acpi/acpi_tables.h"
#include "tests/unit/firmware/fixture.h"

enum { CPUS = 300, TABLES_AT = 0x7fe0000, RSDP_AT = 0xf5000 };

static AcpiCpu cpus[CPUS];

typedef struct Case { const char *claim; bool q35; unsigned cpus; bool ecam, hpet, hole64, hotplug; } Case;

static const Case cases[] = {
    { "pc, one CPU",                 false, 1, false, true, false, false },
    { "pc, no HPET",                 false, 2, false, false, true, true },
    { "q35, four CPUs",              true, 4, true, true, true, true },
    { "q35 before firmware set up ECAM", true, 4, false, true, false, false },
    { "q35, 300 CPUs, x2APIC",       true, CPUS, true, true, true, true },
};

/* A root bus with a device that has a number, a slot for hot-plug, and a bridge to more of them; two expanders. */
static const AcpiPciBus behind_bridge = { 1, 2, { { 0x00, .ejectable = true }, { 0x0a, .index = 7 } } };
static const AcpiPciBus main_bus = { 0, 3, { { 0x10, .index = 3 }, { 0x18, .ejectable = true }, { 0x20, .bus = &behind_bridge } } };
static const AcpiPciBus quiet_bus = { -1, 1, { { 0x10, .index = 3 } } };
static const AcpiRange ranges[] = {
    { true, 0xd00, 0x1fff }, { false, 0x80000000, 0x807fffff }, { false, 0xfeb00000, 0xfebfffff }, { false, 0x180000000, 0x1bfffffff },
};
static const AcpiPciRoot roots[] = {
    { .express = true, .bus_first = 0x40, .bus_last = 0x42, .numa_node = 1, .ranges = ranges, .range_count = G_N_ELEMENTS(ranges) },
    { .bus_first = 0x80, .bus_last = 0x80, .numa_node = -1 },
};

static AcpiMachine describe_case(const Case *c)
{
    AcpiMachine m = {
        .q35 = c->q35, .cpus = cpus, .cpu_count = c->cpus, .pci_hole_start = 0x80000000, .pci_hole_end = 0xfebfffff,
        .pci_hole64_start = c->hole64 ? 0x180000000 : 0, .pci_hole64_end = c->hole64 ? 0x97fffffff : 0,
        .ecam_base = c->ecam ? 0xb0000000 : 0, .ecam_bytes = 256 << 20, .pm_base = 0x600,
        .gpe0_base = c->q35 ? 0x620 : 0xafe0, .gpe0_bytes = c->q35 ? 16 : 4, .sci_irq = 9,
        .smm = true, .acpi_enable = 2, .acpi_disable = 3, .s3 = true, .s4 = true,
        .s4_value = 2, .hpet = c->hpet, .rtc = true, .i8042_keyboard = true, .i8042_mouse = true,
        .com = { true, true, true, true }, .parallel = true, .floppy = true, .fw_cfg = true, .ioapic_address = 0xfec00000,
        .pci = c->hotplug ? &main_bus : &quiet_bus, .pci_hotplug_base = c->hotplug ? 0xcc0 : 0,
        .roots = roots, .root_count = c->hotplug ? G_N_ELEMENTS(roots) : 0,
    };

    for (unsigned i = 0; i < CPUS; i++) {
        cpus[i] = (AcpiCpu){ .apic_id = i, .present = i < 3 };
    }
    return m;
}

static uint64_t le(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;

    memcpy(&v, p, bytes);
    return GUINT64_FROM_LE(v);
}

static void put_le(uint8_t *p, uint64_t v, unsigned bytes)
{
    v = GUINT64_TO_LE(v);
    memcpy(p, &v, bytes);
}

/* Carries out the loader script, as SeaBIOS does, with bounds checked. */
typedef struct File { const char *name; GByteArray *bytes; uint64_t at; bool allocated; } File;

static File *file_of(File *files, const uint8_t *name)
{
    for (File *f = files; f->name; f++) {
        if (!strcmp(f->name, (const char *)name)) {
            return f;
        }
    }
    g_error("loader script names file '%s', which there is not", name);
}

static void link_tables(const AcpiBlobs *blobs)
{
    File files[] = { { "etc/acpi/rsdp", blobs->rsdp, RSDP_AT }, { "etc/acpi/tables", blobs->tables, TABLES_AT },
                     { NULL } };

    for (unsigned at = 0; at < blobs->loader->len; at += 128) {
        const uint8_t *c = blobs->loader->data + at;
        File *file = le(c, 4) ? file_of(files, c + 4) : NULL;

        switch (le(c, 4)) {
        case 0: break;                          /* padding */
        case 1:
            check_true(!file->allocated, "a file is allocated once");
            check_int(file->at & (le(c + 60, 4) - 1), ==, 0, "alignment that the test's addresses have");
            file->allocated = true;
            break;
        case 2: {
            File *src = file_of(files, c + 60);
            unsigned offset = le(c + 116, 4), size = c[120];
            check_true(file->allocated && src->allocated, "pointers join allocated files");
            check_true(offset + size <= file->bytes->len, "a pointer is in its file");
            uint64_t value = le(file->bytes->data + offset, size);
            check_true(value < src->bytes->len, "and points into the other");
            put_le(file->bytes->data + offset, value + src->at, size);
            break;
        }
        case 3: {
            unsigned offset = le(c + 60, 4), start = le(c + 64, 4), len = le(c + 68, 4);
            uint8_t sum = 0;
            check_true(start + len <= file->bytes->len && offset >= start && offset < start + len,
                       "a checksum is in its range");
            check_int(file->bytes->data[offset], ==, 0, "and 0 before");
            for (unsigned i = start; i < start + len; i++) {
                sum += file->bytes->data[i];
            }
            file->bytes->data[offset] = -sum;
            break;
        }
        default: g_error("loader command %u", (unsigned)le(c, 4));
        }
    }
}

static const uint8_t *table_at(const AcpiBlobs *blobs, uint64_t address, const char *signature)
{
    const uint8_t *t = blobs->tables->data + (address - TABLES_AT);
    uint8_t sum = 0;

    check_true(address >= TABLES_AT && address + 36 <= TABLES_AT + blobs->tables->len, "%s is in the file", signature);
    check_true(!signature[0] || !memcmp(t, signature, 4), "%.4s should be %s", (const char *)t, signature);
    check_true(address + le(t + 4, 4) <= TABLES_AT + blobs->tables->len, "%.4s ends in the file", (const char *)t);
    for (unsigned i = 0; i < le(t + 4, 4); i++) {
        sum += t[i];
    }
    check_true(!memcmp(t, "FACS", 4) || sum == 0, "checksum of %.4s", (const char *)t);
    return t;
}

/* iasl on one table: disassemble, compile the result. Its own words tell of errors and warnings. */
static void run_iasl(const char *dir, const uint8_t *table)
{
    g_autofree char *name = g_strdup_printf("%.4s", (const char *)table);
    g_autofree char *aml = g_strdup_printf("%s/%s.aml", dir, name), *dsl = g_strdup_printf("%s/%s.dsl", dir, name);
    g_autofree char *again = g_strdup_printf("%s/again", dir), *out = NULL, *text = NULL;
    char *disassemble[] = { (char *)IASL, (char *)"-d", aml, NULL };
    char *compile[] = { (char *)IASL, (char *)"-p", again, dsl, NULL };
    int status = 1;

    check_true(g_file_set_contents(aml, (const char *)table, le(table + 4, 4), NULL), "%s is written", aml);
    check_true(g_spawn_sync(dir, disassemble, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &text, NULL, &status,
                            NULL) && !status,
               "iasl disassembles %s: %s", name, text);
    check_true(g_spawn_sync(dir, compile, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &out, NULL, &status,
                            NULL) && !status,
               "iasl compiles %s again: %s", name, out);
    check_true(strstr(out, "0 Errors, 0 Warnings, 0 Remarks"), "iasl is content with %s: %s", name, out);
    unlink(aml);
    unlink(dsl);
}

static const uint8_t *find_entry(const uint8_t *root, unsigned pointer, const AcpiBlobs *blobs, const char *signature)
{
    for (unsigned at = 36; at < le(root + 4, 4); at += pointer) {
        const uint8_t *t = table_at(blobs, le(root + at, pointer), "");
        if (!memcmp(t, signature, 4)) {
            return t;
        }
    }
    return NULL;
}

static void test_walk(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Case *c = &cases[i];
        AcpiMachine m = describe_case(c);
        AcpiBlobs blobs = acpi_build(&m);
        uint8_t sum1 = 0, sum2 = 0;

        check_int(blobs.tables->len % (128 << 10), ==, 0, "%s: the file is padded", c->claim);
        check_int(blobs.loader->len, ==, 4096, "%s: the script too", c->claim);
        link_tables(&blobs);
        const uint8_t *rsdp = blobs.rsdp->data;
        for (unsigned k = 0; k < 36; k++) {
            sum1 += k < 20 ? rsdp[k] : 0;
            sum2 += rsdp[k];
        }
        check_true(!memcmp(rsdp, "RSD PTR BOCHS", 3) && sum1 == 0 && sum2 == 0, "%s: RSDP and both its checksums",
                   c->claim);
        const uint8_t *rsdt = table_at(&blobs, le(rsdp + 16, 4), "RSDT"), *xsdt = table_at(&blobs,
                                       le(rsdp + 24, 8), "XSDT");
        const uint8_t *fadt = find_entry(rsdt, 4, &blobs, "FACP"), *madt = find_entry(rsdt, 4, &blobs, "APIC");
        check_true(fadt == find_entry(xsdt, 8, &blobs, "FACP"), "%s: RSDT and XSDT list the same", c->claim);
        check_int(find_entry(rsdt, 4, &blobs, "HPET") != NULL, ==, c->hpet, "%s: HPET table", c->claim);
        const uint8_t *mcfg = find_entry(rsdt, 4, &blobs, "MCFG");
        check_int(mcfg != NULL, ==, c->ecam, "%s: MCFG table", c->claim);
        check_true(!mcfg || (le(mcfg + 44, 8) == m.ecam_base && mcfg[55] == 255), "%s: MCFG area", c->claim);
        check_true(find_entry(rsdt, 4, &blobs, "WAET"), "%s: WAET table", c->claim);

        const uint8_t *facs = table_at(&blobs, le(fadt + 36, 4), "FACS"), *dsdt = table_at(&blobs,
                                       le(fadt + 40, 4), "DSDT");
        check_int((le(fadt + 36, 4)) & 63, ==, 0, "%s: FACS is aligned", c->claim);
        check_true(le(fadt + 132, 8) == 0 && le(fadt + 140, 8) == le(fadt + 40, 4),
                   "%s: one pointer to FACS, both to DSDT", c->claim);
        check_int(le(fadt + 4, 4), ==, 244, "%s: FADT of revision 3", c->claim);
        check_true(le(fadt + 56, 4) == 0x600 && le(fadt + 64, 4) == 0x604 && le(fadt + 76, 4) == 0x608, "%s: PM ports",
                   c->claim);
        check_true(fadt[116] == 1 && le(fadt + 120, 8) == 0xcf9 && fadt[128] == 0x0f && le(fadt + 112, 4) & 1 << 10,
                   "%s: reset register", c->claim);
        check_int(le(fadt + 46, 2), ==, 9, "%s: SCI", c->claim);

        unsigned lapics = 0, x2apics = 0, enabled = 0;
        for (unsigned at = 44; at < le(madt + 4, 4); at += madt[at + 1]) {
            check_true(madt[at + 1] >= 6 && at + madt[at + 1] <= le(madt + 4, 4), "%s: MADT entries are whole",
                       c->claim);
            lapics += madt[at] == 0;
            x2apics += madt[at] == 9;
            enabled += madt[at] == 0 ? madt[at + 4] : madt[at] == 9 ? madt[at + 8] : 0;
        }
        check_int(lapics + x2apics, ==, c->cpus, "%s: every CPU is in MADT", c->claim);
        check_int(x2apics, ==, c->cpus > 255 ? c->cpus - 255 : 0, "%s: those from id 255 as x2APIC", c->claim);
        check_int(enabled, ==, MIN(c->cpus, 3), "%s: present ones are enabled", c->claim);

        if (IASL[0]) {
            g_autofree char *dir = g_dir_make_tmp("rhea-iasl-XXXXXX", NULL);
            const uint8_t *all[] = { facs, dsdt, fadt, madt, rsdt, xsdt, find_entry(rsdt, 4, &blobs, "WAET"),
                                     find_entry(rsdt, 4, &blobs, "HPET"), mcfg };
            for (size_t k = 0; k < G_N_ELEMENTS(all); k++) {
                if (all[k]) {
                    run_iasl(dir, all[k]);
                }
            }
            g_autofree char *again = g_strdup_printf("%s/again.aml", dir);
            unlink(again);
            check_int(rmdir(dir), ==, 0, "nothing else is left in %s", dir);
        } else {
            g_test_message("iasl is not installed: tables are not compiled again");
        }
        acpi_blobs_free(&blobs);
    }
}

static int describes;

static void describe(AcpiMachine *m, void *opaque)
{
    *m = describe_case(&cases[2]);
    m->pm_base = describes++ ? 0x800 : 0x600;
}

static void test_files(void)
{
    FwCfg *fw = fixture_fw_cfg();
    uint32_t before, after;
    uint16_t key;
    uint8_t states[6];
    size_t len;

    acpi_setup(fw, describe, NULL);
    key = fixture_file("etc/acpi/tables", &before);
    check_int(before, ==, 128 << 10, "tables");
    fixture_read(fixture_file("etc/system-states", &after), states, 6);
    check_true(after == 6 && states[3] == 0x81 && states[4] == 0x82, "S3 and S4 are offered");
    check_true(fixture_file("etc/acpi/rsdp", &after) && after == 36 && fixture_file("etc/table-loader", &after),
               "the other files");
    int count = describes;
    fixture_out(0x510, key, 2);
    check_int(describes, ==, count, "selecting them is no reason to build again");
    reset_all(RESET_COLD);
    fixture_out(0x510, key, 2);
    check_int(describes, ==, count + 1, "the first selection after a reset is");
    fixture_out(0x510, key, 2);
    check_int(describes, ==, count + 1, "the second is not");
    fixture_file("etc/acpi/tables", &after);
    check_int(after, ==, before, "the size stays");
    const uint8_t *data = fw_cfg_file(fw, "etc/acpi/tables", &len);
    bool found = false;
    for (size_t i = 0; i + 60 < len && !found; i++) {
        found = !memcmp(data + i, "FACP", 4) && le(data + i + 56, 4) == 0x800;
    }
    check_true(found, "the new description is in it");
}

static NumaConfig numa;

/* Two nodes of 3 GiB each, the second without CPU, over 260 CPUs and the hole below 4 GiB. */
static AcpiMachine describe_numa(void)
{
    static int cpu_nodes[260];
    static AcpiCpu cpus[260];
    static HmatMatrix latency, bandwidth;
    AcpiMachine m = describe_case(&cases[2]);

    for (unsigned i = 0; i < G_N_ELEMENTS(cpus); i++) {
        cpus[i] = (AcpiCpu){ .apic_id = i, .present = true };
        cpu_nodes[i] = i == 7 ? -1 : 0;
    }
    latency.value[0][0] = 5;
    latency.value[0][1] = 700000;               /* more than 16 bits: the unit becomes 100 ns */
    bandwidth.value[0][0] = 400ull << 20;
    numa = (NumaConfig){
        .count = 2, .has_distances = true, .hmat = true, .cpu_nodes = cpu_nodes,
        .nodes = { { .present = true, .has_cpu = true, .bytes = 3ull << 30, .initiator = 0, .distance = { 10, 33 },
                     .caches = { { 1 << 20, 1, 2, 64 }, { 8 << 20, 2, 1, 128 } } },
                   { .present = true, .bytes = 3ull << 30, .initiator = -1, .distance = { 33, 10 } } },
    };
    numa.matrices[0][HMAT_ACCESS_LATENCY] = &latency;
    numa.matrices[1][HMAT_READ_BANDWIDTH] = &bandwidth;
    m.cpus = cpus;
    m.cpu_count = G_N_ELEMENTS(cpus);
    m.numa = &numa;
    m.ram_below_4g = 3ull << 30;
    return m;
}

static void test_numa(void)
{
    static const struct { uint32_t node; uint64_t base, bytes; } areas[] = {
        { 0, 0, 0xa0000 }, { 0, 0x100000, (3ull << 30) - 0x100000 }, { 1, 4ull << 30, 3ull << 30 },
    };
    AcpiMachine m = describe_numa();
    AcpiBlobs blobs = acpi_build(&m);
    unsigned lapics = 0, x2apics = 0, memories = 0;

    link_tables(&blobs);
    const uint8_t *rsdt = table_at(&blobs, le(blobs.rsdp->data + 16, 4), "RSDT");
    const uint8_t *srat = find_entry(rsdt, 4, &blobs, "SRAT"), *slit = find_entry(rsdt, 4, &blobs, "SLIT");
    const uint8_t *hmat = find_entry(rsdt, 4, &blobs, "HMAT");
    check_true(srat && slit && hmat, "the three tables are listed");
    for (unsigned at = 48; at < le(srat + 4, 4); at += srat[at + 1]) {
        const uint8_t *e = srat + at;
        check_true(e[1] >= 16 && at + e[1] <= le(srat + 4, 4), "SRAT entries are whole");
        lapics += e[0] == 0;
        x2apics += e[0] == 2;
        if (e[0] == 1) {
            check_true(memories < G_N_ELEMENTS(areas) && le(e + 2, 4) == areas[memories].node && le(e + 8, 8) == areas[memories].base &&
                       le(e + 16, 8) == areas[memories].bytes && le(e + 28, 4) == 1, "memory area %u", memories);
            memories++;
        }
    }
    check_int(lapics, ==, 254, "CPUs below id 255, but the one without node");
    check_int(x2apics, ==, 5, "CPUs from id 255");
    check_int(memories, ==, 3, "memory areas: none over the VGA window or the hole");
    check_true(le(slit + 36, 8) == 2 && !memcmp(slit + 44, (uint8_t[]){ 10, 33, 33, 10 }, 4), "SLIT");
    /* HMAT: two domains, latency, bandwidth, two caches */
    const uint8_t *e = hmat + 40;
    check_true(le(e, 2) == 0 && le(e + 8, 2) == 1 && le(e + 16, 4) == 0, "domain 0 tells its initiator");
    e += le(e + 4, 4);
    check_true(le(e, 2) == 0 && le(e + 8, 2) == 0 && le(e + 16, 4) == 1, "domain 1 tells none");
    e += le(e + 4, 4);
    check_true(le(e, 2) == 1 && e[8] == 0 && e[9] == 0 && le(e + 12, 4) == 1 && le(e + 16, 4) == 2, "latency: one initiator, two targets");
    check_true(le(e + 24, 8) == 100000 && le(e + 44, 2) == 0 && le(e + 46, 2) == 7000, "in units of 100 ns");
    e += le(e + 4, 4);
    check_true(le(e, 2) == 1 && e[8] == 1 && e[9] == 4 && le(e + 24, 8) == 1 && le(e + 44, 2) == 400, "bandwidth in MB/s");
    e += le(e + 4, 4);
    check_true(le(e, 2) == 2 && le(e + 16, 8) == 1 << 20 && le(e + 24, 4) == (2 | 1 << 4 | 1 << 8 | 2 << 12 | 64 << 16), "cache of level 1");
    e += le(e + 4, 4);
    check_true(le(e, 2) == 2 && le(e + 16, 8) == 8 << 20 && le(e + 24, 4) == (2 | 2 << 4 | 2 << 8 | 1 << 12 | 128 << 16), "cache of level 2");
    check_int(e + le(e + 4, 4) - hmat, ==, le(hmat + 4, 4), "and no more");
    if (IASL[0]) {
        g_autofree char *dir = g_dir_make_tmp("rhea-iasl-XXXXXX", NULL), *again = g_strdup_printf("%s/again.aml", dir);
        run_iasl(dir, srat);
        run_iasl(dir, slit);
        run_iasl(dir, hmat);
        unlink(again);
        check_int(rmdir(dir), ==, 0, "nothing else is left in %s", dir);
    }
    acpi_blobs_free(&blobs);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/firmware/acpi/walk", test_walk);
    g_test_add_func("/firmware/acpi/numa", test_numa);
    g_test_add_func("/firmware/acpi/files", test_files);
    return g_test_run();
}
