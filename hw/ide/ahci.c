/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ich9-ahci: the SATA controller of the ICH9 in AHCI mode (8086:2922): six ports, MSI, registers in BAR 5, and an
 * index-data pair in BAR 4.
 *
 *   BAR 5: 0x00 HBA registers; 0x100 + 0x80 N registers of port N; buses ide.0 ... ide.5 (or ID.0 ...), one unit each
 *   PxIS & PxIE -> IS (a bit a port) -> with GHC.IE: INTx while a bit is set, or an MSI for each that gets set
 *
 * Intel 316972 (ICH9) 14, AHCI 1.3.1. PxTFD, PxSIG and PxSSTS are made up from the device; PxCMD.CR stays set while
 * requests of abandoned commands are in flight, since the guest's memory is on loan.
 */
#include "core/log.h"
#include "core/vm.h"
#include "hw/ide/ahci.h"

#define AHCI_BAR 5
#define INDEX_DATA_BAR 4
#define INDEX_DATA_BYTES 32
#define INDEX_OFFSET 16
#define MSI_OFFSET 0x80
#define SATA_CAP_OFFSET 0xa8
#define SATA_CAP_BYTES 8
#define SATA_CAP_REVISION 0x0010
#define PORTS_BASE 0x100
#define PORT_BYTES 0x80

static AhciPort *port_of(Device *d) { return (AhciPort *)d; }
static const IdeDevice *device_at(const AhciPort *p) { return p->bus.units[0]; }

/* ---- interrupts ---- */

static void update_irq(Ahci *s, bool send_again)
{
    uint32_t pending = 0, fresh;

    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        pending |= s->ports[i].is & s->ports[i].ie ? 1u << i : 0;
    }
    fresh = pending & ~s->is;
    s->is |= pending;
    if (!pci_msi_enabled(&s->pci)) {
        pci_set_irq(&s->pci, (s->ghc & GHC_IE) && s->is);
    } else if ((s->ghc & GHC_IE) && (fresh || (send_again && s->is))) {
        pci_msi_notify(&s->pci, 0);
    }
}

void ahci_interrupt(AhciPort *p, uint32_t bits)
{
    p->is |= bits;
    update_irq(p->hba, false);
}

/* ---- registers of a port: to these rows the port (that is, its bus) is the device ---- */

static void port_irq_written(Device *d, uint64_t old, uint64_t value) { update_irq(port_of(d)->hba, false); }

static uint64_t cmd_read(Device *d, uint64_t value)
{
    const AhciPort *p = port_of(d);
    bool running = value & PORT_CMD_ST || ahci_port_busy(p);

    return value | (value & PORT_CMD_FRE ? PORT_CMD_FR : 0) | (running ? PORT_CMD_CR : 0);
}

static void cmd_written(Device *d, uint64_t old, uint64_t value)
{
    AhciPort *p = port_of(d);

    if ((value & PORT_CMD_CLO) && p->slot < 0 && p->bus.units[0]) {
        ide_give_up(p->bus.units[0]);
    }
    p->cmd &= ~PORT_CMD_CLO;
    if ((old & PORT_CMD_ST) && !(value & PORT_CMD_ST)) {
        ahci_port_abandon(p);
    }
    ahci_port_run(p);
}

static uint64_t tfd_read(Device *d, uint64_t value)
{
    const AhciPort *p = port_of(d);

    return device_at(p) ? p->bus.regs[0].error << 8 | p->bus.regs[0].status : 0x7f;
}

static uint64_t sig_read(Device *d, uint64_t value)
{
    const IdeDevice *dev = device_at(port_of(d));

    return dev ? (uint32_t)ide_type_of(dev)->signature_high << 24 | ide_type_of(dev)->signature_mid << 16 | 0x0101
               : 0xffffffff;
}

/* Device present, first generation, active. */
static uint64_t ssts_read(Device *d, uint64_t value)
{
    const AhciPort *p = port_of(d);

    return device_at(p) && (p->sctl & 0xf) == 0 ? 0x110 | DET_PRESENT : 0;
}

static void sctl_written(Device *d, uint64_t old, uint64_t value)
{
    if ((old & 0xf) == DET_COMRESET && (value & 0xf) == 0) {
        ahci_port_comreset(port_of(d));
    }
}

static void sact_written(Device *d, uint64_t old, uint64_t value)
{
    AhciPort *p = port_of(d);

    p->sact |= p->cmd & PORT_CMD_ST ? value : 0;
}

static void ci_written(Device *d, uint64_t old, uint64_t value)
{
    AhciPort *p = port_of(d);

    p->ci |= p->cmd & PORT_CMD_ST ? value & ~p->queued : 0;
    ahci_port_run(p);
}

static uint64_t sact_read(Device *d, uint64_t value) { return port_of(d)->sact; }
static uint64_t ci_read(Device *d, uint64_t value) { return port_of(d)->ci; }

static const Register port_regs[] = {
    { 0x00, 4, "PxCLB", REG_RW, 0xfffffc00, .field = REG_FIELD(AhciPort, clb) },
    { 0x04, 4, "PxCLBU", REG_RW, 0xffffffff, .field = REG_FIELD(AhciPort, clbu) },
    { 0x08, 4, "PxFB", REG_RW, 0xffffff00, .field = REG_FIELD(AhciPort, fb) },
    { 0x0c, 4, "PxFBU", REG_RW, 0xffffffff, .field = REG_FIELD(AhciPort, fbu) },
    { 0x10, 4, "PxIS", REG_RW, .write_1_clear = PORT_IS_ALL, .field = REG_FIELD(AhciPort, is),
      .on_write = port_irq_written },
    { 0x14, 4, "PxIE", REG_RW, PORT_IS_ALL, .field = REG_FIELD(AhciPort, ie), .on_write = port_irq_written },
    { 0x18, 4, "PxCMD", REG_RW, PORT_CMD_WRITABLE, .reset = PORT_CMD_SUD | PORT_CMD_POD,
      .field = REG_FIELD(AhciPort, cmd), .on_read = cmd_read, .on_write = cmd_written },
    { 0x20, 4, "PxTFD", REG_RO, .on_read = tfd_read },
    { 0x24, 4, "PxSIG", REG_RO, .on_read = sig_read },
    { 0x28, 4, "PxSSTS", REG_RO, .on_read = ssts_read },
    { 0x2c, 4, "PxSCTL", REG_RW, 0x00000fff, .field = REG_FIELD(AhciPort, sctl), .on_write = sctl_written },
    { 0x30, 4, "PxSERR", REG_RW, .write_1_clear = 0xffffffff, .field = REG_FIELD(AhciPort, serr) },
    { 0x34, 4, "PxSACT", REG_RW, .on_read = sact_read, .on_write = sact_written },
    { 0x38, 4, "PxCI", REG_RW, .on_read = ci_read, .on_write = ci_written },
    { }
};

/* ---- registers of the HBA ---- */

/* 64-bit addresses, native queuing, first generation, AHCI only, 32 slots, 6 ports. */
static uint64_t cap_read(Device *d, uint64_t value) { return 0xc0140000u | (AHCI_SLOTS - 1) << 8 | (AHCI_PORTS - 1); }
static uint64_t pi_read(Device *d, uint64_t value) { return (1u << AHCI_PORTS) - 1; }
static uint64_t vs_read(Device *d, uint64_t value) { return 0x00010000; }
static void hba_reset(Ahci *s);

static void ghc_written(Device *d, uint64_t old, uint64_t value)
{
    Ahci *s = DEVICE(Ahci, d);

    if (value & GHC_HR) {
        hba_reset(s);
    }
    update_irq(s, !(old & GHC_IE));
}

static void is_written(Device *d, uint64_t old, uint64_t value) { update_irq(DEVICE(Ahci, d), true); }

static const Register hba_regs[] = {
    { 0x00, 4, "CAP", REG_RO, .on_read = cap_read },
    { 0x04, 4, "GHC", REG_RW, GHC_HR | GHC_IE, .reset = GHC_AE, .field = REG_FIELD(Ahci, ghc), .on_write = ghc_written },
    { 0x08, 4, "IS", REG_RW, .write_1_clear = 0xffffffff, .field = REG_FIELD(Ahci, is), .on_write = is_written },
    { 0x0c, 4, "PI", REG_RO, .on_read = pi_read },
    { 0x10, 4, "VS", REG_RO, .on_read = vs_read },
    { }
};

static uint64_t ahci_read(void *opaque, uint64_t offset, unsigned size)
{
    Ahci *s = opaque;
    unsigned port = (offset - PORTS_BASE) / PORT_BYTES;

    if (offset < PORTS_BASE) {
        return registers_read(hba_regs, opaque, offset, size, 0);
    }
    return port < AHCI_PORTS ? registers_read(port_regs, (Device *)&s->ports[port], offset % PORT_BYTES, size, 0) : 0;
}

static void ahci_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Ahci *s = opaque;
    unsigned port = (offset - PORTS_BASE) / PORT_BYTES;

    if (offset < PORTS_BASE) {
        registers_write(hba_regs, opaque, offset, size, value);
    } else if (port < AHCI_PORTS) {
        registers_write(port_regs, (Device *)&s->ports[port], offset % PORT_BYTES, size, value);
    }
}

static const MemoryOps ahci_ops = { .read = ahci_read, .write = ahci_write, .valid = { 1, 8 }, .impl = { 1, 8 } };

static uint64_t index_data_read(void *opaque, uint64_t offset, unsigned size)
{
    Ahci *s = opaque;

    return offset == INDEX_OFFSET ? s->index : offset == INDEX_OFFSET + 4 ? ahci_read(s, s->index, 4) : 0;
}

static void index_data_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Ahci *s = opaque;

    if (offset == INDEX_OFFSET) {
        s->index = value & 0xffc;
    } else if (offset == INDEX_OFFSET + 4) {
        ahci_write(s, s->index, value, 4);
    }
}

static const MemoryOps index_data_ops = {
    .read = index_data_read, .write = index_data_write, .valid = { 4, 4 }, .impl = { 4, 4 },
};

/* ---- life ---- */

static void port_reset(AhciPort *p)
{
    registers_reset(port_regs, (Device *)p);
    ahci_port_abandon(p);
    ahci_port_comreset(p);
}

static void hba_reset(Ahci *s)
{
    registers_reset(hba_regs, &s->pci.device);
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        port_reset(&s->ports[i]);
    }
}

static void ahci_reset(Device *d, ResetKind kind)
{
    Ahci *s = DEVICE(Ahci, d);

    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        ahci_port_abandon(&s->ports[i]);
        if (s->ports[i].bus.units[0]) {
            ide_cancel(s->ports[i].bus.units[0]);
            block_drain(s->ports[i].bus.units[0]->conf.blk);
        }
    }
    hba_reset(s);
    s->index = 0;
    update_irq(s, false);
}

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    Ahci *s = opaque;

    for (unsigned i = 0; running && i < AHCI_PORTS; i++) {
        ahci_port_resume(&s->ports[i]);
    }
}

static void run_later(void *opaque) { ahci_port_run(opaque); }

/* "ID.0" ..., or "ide.N" from the first number on that no bus has. */
static unsigned first_bus_number(const Device *dev)
{
    unsigned n = 0, free = 0;

    while (!dev->id && free < AHCI_PORTS) {
        g_autofree char *name = g_strdup_printf("ide.%u", n + free);

        if (bus_find(name, NULL)) {
            n += free + 1;
            free = 0;
        } else {
            free++;
        }
    }
    return n;
}

static bool ahci_realize(Device *d, GError **err)
{
    Ahci *s = DEVICE(Ahci, d);
    unsigned first = first_bus_number(d);
    unsigned cap;

    cap = pci_add_capability(&s->pci, PCI_CAP_ID_SATA, SATA_CAP_OFFSET, SATA_CAP_BYTES, err);
    if (!cap || !pci_msi_init(&s->pci, MSI_OFFSET, 1, true, false, err)) {
        return false;
    }
    pci_set16(&s->pci, cap + 2, SATA_CAP_REVISION);
    pci_set32(&s->pci, cap + 4, (INDEX_DATA_BAR + 4) | INDEX_OFFSET / 4 << 4);
    memory_region_init_io(&s->mmio, &d->object, &ahci_ops, s, "ahci", 0x1000);
    pci_register_bar(&s->pci, AHCI_BAR, PCI_BAR_MEM32, &s->mmio);
    memory_region_init_io(&s->index_data, &d->object, &index_data_ops, s, "ahci-idp", INDEX_DATA_BYTES);
    pci_register_bar(&s->pci, INDEX_DATA_BAR, PCI_BAR_IO, &s->index_data);
    /* The last first: a disk without bus= goes to the bus made first, and QEMU's goes to the last. */
    for (int i = AHCI_PORTS - 1; i >= 0; i--) {
        AhciPort *p = &s->ports[i];
        g_autofree char *name = g_strdup_printf("%s.%u", d->id ? d->id : "ide", first + i);

        p->hba = s;
        p->number = i;
        p->slot = -1;
        p->bh = bh_new(NULL, run_later, p);
        p->bus.queue_depth = AHCI_SLOTS;
        ide_bus_init(&p->bus, d, name, i, 1, &ahci_transport);
    }
    vm_on_state_change(vm_state_changed, s);
    return true;
}

static void ahci_unrealize(Device *d)
{
    Ahci *s = DEVICE(Ahci, d);

    if (s->ports[0].bh) {
        vm_off_state_change(vm_state_changed, s);
    }
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        g_clear_pointer(&s->ports[i].bh, bh_free);
    }
    memory_region_destroy(&s->mmio);
    memory_region_destroy(&s->index_data);
}

static bool ahci_post_load(Device *d, unsigned version, GError **err)
{
    Ahci *s = DEVICE(Ahci, d);

    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        if (!ahci_port_state_valid(&s->ports[i])) {
            return error_set(err, "AHCI port %u: state is out of range", i);
        }
        s->ports[i].stopped = s->ports[i].queued;       /* whatever was in flight is done again */
        bh_schedule(s->ports[i].bh);
    }
    s->index &= 0xffc;
    return true;
}

static const PciConfigRow ahci_config[] = { { 0x90, 1, "MAP", 0x40, 0 }, { } };

static const StateField ahci_state[] = {
    STATE_U32(Ahci, ghc), STATE_U32(Ahci, is), STATE_U32(Ahci, index),
    STATE_STRUCT_ARRAY(Ahci, ports, AhciPort, ahci_port_state), { },
};

static const PciDeviceType ich9_ahci_type = {
    .name = "ich9-ahci", .alias = "ahci", .parent = &pci_device_type.device.type, .size = sizeof(Ahci),
    .category = CATEGORY_STORAGE, .description = "SATA controller of the Intel ICH9 (AHCI)",
    .vendor_id = PCI_VENDOR_INTEL, .device_id = 0x2922, .class_id = 0x0106, .prog_if = 0x01, .revision = 2,
    .interrupt_pin = 1, .config = ahci_config, .state = ahci_state, .realize = ahci_realize,
    .unrealize = ahci_unrealize, .reset = ahci_reset, .post_load = ahci_post_load,
};
TYPE_REGISTER(ich9_ahci_type);
