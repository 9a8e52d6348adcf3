/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables: from AcpiMachine to the blobs that firmware loads.
 *
 * All tables but RSDP stand in one file, one behind the other, FACS first since it needs 64-byte alignment. A pointer
 * holds an offset into the file until the loader script makes it an address; checksums are the script's too, since
 * pointers change. Section numbers are those of ACPI 6.4.
 */
#include "hw/acpi/acpi_tables.h"

#include <string.h>

#include "hw/acpi/acpi_dsdt.h"
#include "hw/acpi/acpi_numa.h"
#include "hw/acpi/acpi_user.h"
#include "hw/acpi/aml_internal.h"
#include "hw/acpi/ged.h"
#include "hw/firmware/table_loader.h"

#define TABLES_FILE "etc/acpi/tables"
#define RSDP_FILE "etc/acpi/rsdp"
#define LOADER_FILE "etc/table-loader"

enum { HEADER_BYTES = 36, CHECKSUM_AT = 9, PIC_IRQS = 16, IOAPIC_INPUTS = 24 };
enum { TABLES_PADDING = 128 << 10, LOADER_PADDING = 4096 };
enum { HPET_ID = 0x8086a201, HPET_BASE = 0xfed00000 };
enum { SPACE_ID_MEMORY = 0, SPACE_ID_IO = 1 };

typedef struct Build {
    const AcpiMachine *m;
    GByteArray *out, *loader;
    GArray *listed;                             /* uint32_t: offsets of what RSDT lists */
    uint32_t facs, dsdt;
} Build;

/* Header, 5.2.6; what follows is appended until table_end(). */
static uint32_t table_begin(Build *b, const char *signature, uint8_t revision)
{
    const char *oem_id = b->m->oem_id ? b->m->oem_id : "BOCHS ";
    const char *table_id = b->m->oem_table_id ? b->m->oem_table_id : "BXPC    ";
    char oem[6], table[8];
    uint32_t start = b->out->len;

    memset(oem, ' ', sizeof(oem));
    memset(table, ' ', sizeof(table));
    memcpy(oem, oem_id, MIN(strlen(oem_id), sizeof(oem)));
    memcpy(table, table_id, MIN(strlen(table_id), sizeof(table)));
    g_byte_array_append(b->out, (const uint8_t *)signature, 4);
    aml_le(b->out, 0, 4);                       /* length: table_end() */
    aml_u8(b->out, revision);
    aml_u8(b->out, 0);                          /* checksum: the loader */
    g_byte_array_append(b->out, (uint8_t *)oem, sizeof(oem));
    g_byte_array_append(b->out, (uint8_t *)table, sizeof(table));
    aml_le(b->out, 1, 4);
    g_byte_array_append(b->out, (const uint8_t *)"BXPC", 4);
    aml_le(b->out, 1, 4);
    return start;
}

static void put32_at(GByteArray *a, uint32_t offset, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(a->data + offset, &value, sizeof(value));
}

static void table_end(Build *b, uint32_t start)
{
    put32_at(b->out, start + 4, b->out->len - start);
    loader_add_checksum(b->loader, TABLES_FILE, start + CHECKSUM_AT, start, b->out->len - start);
}

static void list_table(Build *b, uint32_t start)
{
    g_array_append_val(b->listed, start);
}

/* A pointer of @bytes to @target, which is in the same file. */
static void pointer(Build *b, uint32_t target, unsigned bytes)
{
    loader_add_pointer(b->loader, TABLES_FILE, TABLES_FILE, b->out->len, bytes);
    aml_le(b->out, target, bytes);
}

/* Generic address, 5.2.3.2 */
static void gas(Build *b, uint8_t space, uint8_t bits, uint64_t address)
{
    aml_u8(b->out, space);
    aml_u8(b->out, bits);
    aml_u8(b->out, 0);
    aml_u8(b->out, 0);                          /* access size: not said, as ever for these blocks */
    aml_le(b->out, address, 8);
}

static void gas_io(Build *b, unsigned bytes,
                   uint16_t port) { gas(b, port ? SPACE_ID_IO : 0, port ? bytes * 8 : 0, port); }

static void facs(Build *b)                      /* 5.2.10: no checksum, not in RSDT */
{
    b->facs = b->out->len;
    g_byte_array_append(b->out, (const uint8_t *)"FACS", 4);
    aml_le(b->out, 64, 4);
    for (int i = 8; i < 64; i += 8) {
        aml_le(b->out, 0, 8);
    }
}

static void dsdt(Build *b)
{
    bool reduced = b->m->reduced;

    b->dsdt = table_begin(b, "DSDT", reduced ? 2 : 1);  /* 1: integers have 32 bits, as in QEMU */
    aml_append(b->out, reduced ? acpi_reduced_dsdt(b->m) : acpi_dsdt(b->m));
    table_end(b, b->dsdt);
}

/* FADT, 5.2.9, revision 3 (ACPI 2.0) */
static void fadt(Build *b)
{
    enum { WBINVD = 1 << 0, PROC_C1 = 1 << 2, SLP_BUTTON = 1 << 5, RTC_S4 = 1 << 7, RESET_REG_SUP = 1 << 10,
           USE_PLATFORM_CLOCK = 1 << 15, FORCE_APIC_CLUSTER_MODEL = 1 << 18 };
    enum { BOOT_8042 = 1 << 1 };
    const AcpiMachine *m = b->m;
    uint32_t start = table_begin(b, "FACP", 3);
    GByteArray *o = b->out;
    uint16_t pm = m->pm_base;

    pointer(b, b->facs, 4);
    pointer(b, b->dsdt, 4);
    aml_u8(o, 1);                               /* interrupt model of ACPI 1.0: dual PIC */
    aml_u8(o, 0);                               /* preferred profile: unspecified */
    aml_le(o, m->sci_irq, 2);
    aml_le(o, m->smm ? 0xb2 : 0, 4);            /* SMI_CMD; 0: ACPI mode cannot be left */
    aml_u8(o, m->smm ? m->acpi_enable : 0);
    aml_u8(o, m->smm ? m->acpi_disable : 0);
    aml_le(o, 0, 2);                            /* S4BIOS_REQ, PSTATE_CNT */
    aml_le(o, pm, 4);                           /* PM1a event */
    aml_le(o, 0, 4);
    aml_le(o, pm + 4, 4);                       /* PM1a control */
    aml_le(o, 0, 4);
    aml_le(o, 0, 4);                            /* PM2 control */
    aml_le(o, pm + 8, 4);                       /* timer */
    aml_le(o, m->gpe0_base, 4);
    aml_le(o, 0, 4);                            /* GPE1 */
    aml_u8(o, 4);
    aml_u8(o, 2);
    aml_u8(o, 0);
    aml_u8(o, 4);
    aml_u8(o, m->gpe0_bytes);
    aml_le(o, 0, 3);                            /* GPE1 length and base, CST_CNT */
    aml_le(o, 0xfff, 2);                        /* C2 and C3 latency: too long, so there is neither */
    aml_le(o, 0xfff, 2);
    aml_le(o, 0, 2 + 2 + 1 + 1 + 1 + 1);        /* flush size and stride, duty, day and month alarm */
    aml_u8(o, 0x32);                            /* century in CMOS */
    aml_le(o, m->i8042_keyboard ? BOOT_8042 : 0, 2);
    aml_u8(o, 0);
    aml_le(o, WBINVD | PROC_C1 | SLP_BUTTON | RTC_S4 | RESET_REG_SUP | USE_PLATFORM_CLOCK |
              (m->cpu_count > 8 ? FORCE_APIC_CLUSTER_MODEL : 0), 4);
    gas_io(b, 1, 0xcf9);                        /* reset register */
    aml_u8(o, 0x0f);                            /* its value: full reset */
    aml_le(o, 0, 3);
    aml_le(o, 0, 8);                            /* X_FIRMWARE_CTRL: only if FIRMWARE_CTRL is not used */
    pointer(b, b->dsdt, 8);
    gas_io(b, 4, pm);
    gas_io(b, 4, 0);
    gas_io(b, 2, pm ? pm + 4 : 0);
    gas_io(b, 2, 0);
    gas_io(b, 1, 0);
    gas_io(b, 4, pm ? pm + 8 : 0);
    gas_io(b, m->gpe0_bytes, m->gpe0_base);
    gas_io(b, 1, 0);
    table_end(b, start);
    list_table(b, start);
}

/* FADT, revision 5: no fixed hardware but the registers of the event device. */
static void fadt_reduced(Build *b)
{
    enum { RESET_REG_SUP = 1 << 10, HW_REDUCED_ACPI = 1 << 20 };
    enum { BETWEEN_DSDT_AND_FLAGS = 112 - 44, BETWEEN_RESET_AND_X_DSDT = 140 - 129, X_BLOCKS = 244 - 148 };
    uint32_t regs = b->m->reduced->ged_regs, start = table_begin(b, "FACP", 5);
    GByteArray *o = b->out;
    static const uint8_t zeros[X_BLOCKS];

    aml_le(o, 0, 4);                            /* no FACS */
    pointer(b, b->dsdt, 4);
    g_byte_array_append(o, zeros, BETWEEN_DSDT_AND_FLAGS);
    aml_le(o, RESET_REG_SUP | HW_REDUCED_ACPI, 4);
    gas(b, SPACE_ID_MEMORY, 8, regs + GED_RESET);
    aml_u8(o, GED_RESET_VALUE);
    g_byte_array_append(o, zeros, BETWEEN_RESET_AND_X_DSDT);
    pointer(b, b->dsdt, 8);
    g_byte_array_append(o, zeros, X_BLOCKS);
    gas(b, SPACE_ID_MEMORY, 8, regs + GED_SLEEP_CONTROL);
    gas(b, SPACE_ID_MEMORY, 8, regs + GED_SLEEP_STATUS);
    table_end(b, start);
    list_table(b, start);
}

/* MADT, 5.2.12 */

void acpi_madt_cpu(GByteArray *o, unsigned uid, uint32_t apic_id, bool enabled)
{
    if (apic_id < 255 && uid < 255) {
        aml_le(o, 0 | 8 << 8, 2);               /* processor local APIC */
        aml_u8(o, uid);
        aml_u8(o, apic_id);
        aml_le(o, enabled, 4);
    } else {
        aml_le(o, 9 | 16 << 8, 2);              /* processor local x2APIC */
        aml_le(o, 0, 2);
        aml_le(o, apic_id, 4);
        aml_le(o, enabled, 4);
        aml_le(o, uid, 4);
    }
}

static void madt_ioapic(GByteArray *o, uint8_t id, uint32_t address, uint32_t first_gsi)
{
    aml_le(o, 1 | 12 << 8, 2);
    aml_u8(o, id);
    aml_u8(o, 0);
    aml_le(o, address, 4);
    aml_le(o, first_gsi, 4);
}

static void madt_override(GByteArray *o, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    aml_le(o, 2 | 10 << 8, 2);
    aml_u8(o, 0);                               /* ISA */
    aml_u8(o, irq);
    aml_le(o, gsi, 4);
    aml_le(o, flags, 2);
}

static void madt(Build *b)
{
    enum { PCAT_COMPAT = 1, ACTIVE_HIGH_LEVEL = 0x0d, ALL_CPUS = 0xff, LINT1 = 1 };
    static const uint8_t level_irqs[] = { 5, 9, 10, 11 };       /* those that PIRQs and the SCI may use */
    const AcpiMachine *m = b->m;
    uint32_t start = table_begin(b, "APIC", 3);
    GByteArray *o = b->out;
    bool x2apic = false;

    aml_le(o, 0xfee00000, 4);
    aml_le(o, PCAT_COMPAT, 4);
    for (unsigned i = 0; i < m->cpu_count; i++) {
        acpi_madt_cpu(o, i, m->cpus[i].apic_id, m->cpus[i].present);
        x2apic |= m->cpus[i].apic_id >= 255 || i >= 255;
    }
    madt_ioapic(o, m->ioapic_id, m->ioapic_address, 0);
    if (m->ioapic2_address) {
        madt_ioapic(o, m->ioapic_id + 1, m->ioapic2_address, IOAPIC_INPUTS);
    }
    if (!m->reduced) {
        madt_override(o, 0, 2, 0);              /* the timer */
    }
    for (size_t i = 0; i < G_N_ELEMENTS(level_irqs) && !m->reduced; i++) {
        madt_override(o, level_irqs[i], level_irqs[i], ACTIVE_HIGH_LEVEL);
    }
    if (x2apic) {
        aml_le(o, 10 | 12 << 8, 2);             /* local x2APIC NMI */
        aml_le(o, 0, 2);
        aml_le(o, UINT32_MAX, 4);
        aml_u8(o, LINT1);
        aml_le(o, 0, 3);
    } else {
        aml_le(o, 4 | 6 << 8, 2);               /* local APIC NMI */
        aml_u8(o, ALL_CPUS);
        aml_le(o, 0, 2);
        aml_u8(o, LINT1);
    }
    table_end(b, start);
    list_table(b, start);
}

static void hpet(Build *b)                      /* IA-PC HPET 1.0a, 3.2.4 */
{
    uint32_t start = table_begin(b, "HPET", 1);

    aml_le(b->out, HPET_ID, 4);
    gas(b, SPACE_ID_MEMORY, 0, HPET_BASE);
    aml_u8(b->out, 0);                          /* number of the block */
    aml_le(b->out, 0, 2);                       /* least ticks in periodic mode */
    aml_u8(b->out, 0);
    table_end(b, start);
    list_table(b, start);
}

static void mcfg(Build *b)                      /* PCI Firmware 3.2, 4.1.2 */
{
    uint32_t start = table_begin(b, "MCFG", 1);

    aml_le(b->out, 0, 8);
    aml_le(b->out, b->m->ecam_base, 8);
    aml_le(b->out, 0, 2);                       /* segment */
    aml_u8(b->out, 0);
    aml_u8(b->out, (b->m->ecam_bytes >> 20) - 1);       /* last bus: each has 1 MiB */
    aml_le(b->out, 0, 4);
    table_end(b, start);
    list_table(b, start);
}

static void waet(Build *b)                      /* Microsoft, Windows ACPI Emulated Devices Table */
{
    uint32_t start = table_begin(b, "WAET", 1);

    aml_le(b->out, 1 << 1, 4);                  /* one read of the PM timer is enough */
    table_end(b, start);
    list_table(b, start);
}

static void user_tables(Build *b)               /* -acpitable */
{
    const GPtrArray *tables = acpi_user_tables();

    for (guint i = 0; tables && i < tables->len; i++) {
        const GByteArray *table = g_ptr_array_index(tables, i);
        uint32_t start = b->out->len;
        g_byte_array_append(b->out, table->data, table->len);
        loader_add_checksum(b->loader, TABLES_FILE, start + CHECKSUM_AT, start, table->len);
        list_table(b, start);
    }
}

static uint32_t root_table(Build *b, const char *signature, unsigned pointer_bytes)    /* 5.2.7, 5.2.8 */
{
    uint32_t start = table_begin(b, signature, 1);

    for (unsigned i = 0; i < b->listed->len; i++) {
        pointer(b, g_array_index(b->listed, uint32_t, i), pointer_bytes);
    }
    table_end(b, start);
    return start;
}

/* RSDP revision 2, 5.2.5.3. Two checksums: one over the part of ACPI 1.0, one over all. */
static void rsdp(GByteArray *out, GByteArray *loader, const AcpiMachine *m, uint32_t rsdt, uint32_t xsdt)
{
    enum { V1_BYTES = 20, V2_BYTES = 36, V2_CHECKSUM_AT = 32, RSDP_CHECKSUM_AT = 8 };
    const char *oem_id = m->oem_id ? m->oem_id : "BOCHS ";
    char oem[6];

    memset(oem, ' ', sizeof(oem));
    memcpy(oem, oem_id, MIN(strlen(oem_id), sizeof(oem)));
    g_byte_array_append(out, (const uint8_t *)"RSD PTR ", 8);
    aml_u8(out, 0);
    g_byte_array_append(out, (uint8_t *)oem, sizeof(oem));
    aml_u8(out, 2);
    loader_add_pointer(loader, RSDP_FILE, TABLES_FILE, out->len, 4);
    aml_le(out, rsdt, 4);
    aml_le(out, V2_BYTES, 4);
    loader_add_pointer(loader, RSDP_FILE, TABLES_FILE, out->len, 8);
    aml_le(out, xsdt, 8);
    aml_le(out, 0, 4);
    loader_add_checksum(loader, RSDP_FILE, RSDP_CHECKSUM_AT, 0, V1_BYTES);
    loader_add_checksum(loader, RSDP_FILE, V2_CHECKSUM_AT, 0, V2_BYTES);
}

/* So that a rebuild does not change the size that the guest has read from the directory. */
static void pad(GByteArray *a, unsigned unit)
{
    unsigned old = a->len;

    g_byte_array_set_size(a, (old + unit - 1) / unit * unit);
    memset(a->data + old, 0, a->len - old);
}

static void numa_table(Build *b, const char *signature, uint8_t revision, void (*body)(GByteArray *o, const AcpiMachine *m))
{
    uint32_t start = table_begin(b, signature, revision);

    list_table(b, start);
    body(b->out, b->m);
    table_end(b, start);
}

AcpiBlobs acpi_build(const AcpiMachine *m)
{
    AcpiBlobs blobs = { g_byte_array_new(), g_byte_array_new(), g_byte_array_new() };
    g_autoptr(GArray) listed = g_array_new(false, false, sizeof(uint32_t));
    Build b = { .m = m, .listed = listed, .out = blobs.tables, .loader = blobs.loader };
    uint32_t rsdt, xsdt;

    loader_allocate(b.loader, RSDP_FILE, 16, LOADER_ZONE_FSEG);
    loader_allocate(b.loader, TABLES_FILE, 64, LOADER_ZONE_HIGH);
    if (!m->reduced) {
        facs(&b);
    }
    dsdt(&b);
    if (m->reduced) {
        fadt_reduced(&b);
    } else {
        fadt(&b);
    }
    madt(&b);
    if (m->hpet) {
        hpet(&b);
    }
    if ((m->q35 || m->reduced) && m->ecam_base && m->ecam_bytes >= 1 << 20) {
        mcfg(&b);
    }
    if (m->numa) {
        numa_table(&b, "SRAT", 1, acpi_srat_body);
        if (m->numa->has_distances) {
            numa_table(&b, "SLIT", 1, acpi_slit_body);
        }
        if (m->numa->hmat) {
            numa_table(&b, "HMAT", 2, acpi_hmat_body);
        }
    }
    if (!m->reduced) {
        waet(&b);
    }
    user_tables(&b);
    rsdt = root_table(&b, "RSDT", 4);
    xsdt = root_table(&b, "XSDT", 8);
    rsdp(blobs.rsdp, b.loader, m, rsdt, xsdt);
    pad(blobs.tables, TABLES_PADDING);
    pad(blobs.loader, LOADER_PADDING);
    return blobs;
}

void acpi_blobs_free(AcpiBlobs *blobs)
{
    g_clear_pointer(&blobs->tables, g_byte_array_unref);
    g_clear_pointer(&blobs->rsdp, g_byte_array_unref);
    g_clear_pointer(&blobs->loader, g_byte_array_unref);
}

/* fw_cfg files, made anew when firmware looks at one of them first after a reset. */

typedef struct AcpiFiles { FwCfg *fw; AcpiDescribeFn *describe; void *opaque; bool stale; } AcpiFiles;

static const char *const file_names[] = { TABLES_FILE, RSDP_FILE, LOADER_FILE };

static void files_update(void *opaque)
{
    AcpiFiles *f = opaque;
    AcpiMachine m = { 0 };

    if (!f->stale) {
        return;
    }
    f->stale = false;
    f->describe(&m, f->opaque);
    AcpiBlobs blobs = acpi_build(&m);
    GByteArray *content[] = { blobs.tables, blobs.rsdp, blobs.loader };
    for (size_t i = 0; i < G_N_ELEMENTS(file_names); i++) {
        fw_cfg_add_file(f->fw, file_names[i], content[i]->data, content[i]->len);
    }
    acpi_blobs_free(&blobs);
}

static void files_reset(void *opaque, ResetKind kind) { ((AcpiFiles *)opaque)->stale = true; }

/* FW_CFG_HPET: count, then id, address, least tick and protection of each block. */
static void add_hpet_item(FwCfg *fw)
{
    struct __attribute__((packed)) { uint8_t count; struct __attribute__((packed)) {
        uint32_t id; uint64_t address; uint16_t min_tick; uint8_t page_prot; } block[8]; } item = { .count = 1 };

    item.block[0].id = GUINT32_TO_LE(HPET_ID);
    item.block[0].address = GUINT64_TO_LE(HPET_BASE);
    fw_cfg_add_bytes(fw, FW_CFG_HPET, &item, sizeof(item));
}

void acpi_setup(FwCfg *fw, AcpiDescribeFn *describe, void *opaque)
{
    AcpiFiles *f = g_new0(AcpiFiles, 1);        /* lives as long as the machine */
    AcpiMachine m = { 0 };
    uint8_t states[6] = { 0x80, 0, 0, 0, 0, 0x80 };

    *f = (AcpiFiles){ fw, describe, opaque, true };
    for (size_t i = 0; i < G_N_ELEMENTS(file_names); i++) {
        fw_cfg_add_file_callback(fw, file_names[i], files_update, NULL, f, NULL, 0, false);
    }
    files_update(f);
    reset_register(files_reset, f);
    describe(&m, opaque);
    if (m.reduced) {
        return;                                 /* firmware has no part in sleeping */
    }
    /* etc/system-states: SLP_TYP of S0-S5; bit 7: the state is offered. */
    states[3] = 1 | (m.s3 ? 0x80 : 0);
    states[4] = m.s4_value | (m.s4 ? 0x80 : 0);
    fw_cfg_add_file(fw, "etc/system-states", states, sizeof(states));
    if (m.hpet) {
        add_hpet_item(fw);
    }
}
