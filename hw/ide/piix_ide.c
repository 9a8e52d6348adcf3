/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PIIX3 and PIIX4 IDE functions: two channels at the legacy ports and interrupts 14 and 15, bus master in BAR 4.
 *
 *   port 1f0-1f7, 3f6 -> channel 0 (ide.0), IRQ 14;  170-177, 376 -> channel 1 (ide.1), IRQ 15
 *   BAR 4: BMICP (command), BMISP (status), BMIDTP (table), 8 bytes a channel
 *
 * Timing registers are kept and have no effect; the legacy ports are always decoded. Intel 290550 (PIIX3) 2.3 and 3.4.
 */
#include "hw/ide/bmdma.h"
#include "hw/isa/isa.h"

#define CHANNELS 2

typedef struct PiixIde {
    PciDevice pci;
    BmdmaChannel channels[CHANNELS];
    MemoryRegion command[CHANNELS], control[CHANNELS], bmdma;
    bool mapped;
} PiixIde;

static const struct { uint32_t command, control; unsigned irq; } legacy[CHANNELS] = {
    { 0x1f0, 0x3f6, 14 }, { 0x170, 0x376, 15 },
};

/* ---- bus master registers ---- */

static void command0_written(Device *d, uint64_t old, uint64_t value)
{
    bmdma_command_written(&DEVICE(PiixIde, d)->channels[0], old);
}
static void command1_written(Device *d, uint64_t old, uint64_t value)
{
    bmdma_command_written(&DEVICE(PiixIde, d)->channels[1], old);
}

/* BMISP: ACTIVE is ours, the CAPABLE bits are firmware's to note; BMIDTP is dword aligned. */
static const Register bm_regs[] = {
    { 0x0, 1, "BMICP0", REG_RW, BM_CMD_START | BM_CMD_TO_MEMORY, .field = REG_FIELD(PiixIde, channels[0].command),
      .on_write = command0_written },
    { 0x2, 1, "BMISP0", REG_RW, BM_STATUS_CAPABLE, .write_1_clear = BM_STATUS_ERROR | BM_STATUS_INTR,
      .field = REG_FIELD(PiixIde, channels[0].status) },
    { 0x4, 4, "BMIDTP0", REG_RW, 0xfffffffc, .field = REG_FIELD(PiixIde, channels[0].table) },
    { 0x8, 1, "BMICP1", REG_RW, BM_CMD_START | BM_CMD_TO_MEMORY, .field = REG_FIELD(PiixIde, channels[1].command),
      .on_write = command1_written },
    { 0xa, 1, "BMISP1", REG_RW, BM_STATUS_CAPABLE, .write_1_clear = BM_STATUS_ERROR | BM_STATUS_INTR,
      .field = REG_FIELD(PiixIde, channels[1].status) },
    { 0xc, 4, "BMIDTP1", REG_RW, 0xfffffffc, .field = REG_FIELD(PiixIde, channels[1].table) },
    { }
};

static uint64_t bm_read(void *opaque, uint64_t offset, unsigned size)
{
    return registers_read(bm_regs, opaque, offset, size, ~0ull);
}

static void bm_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    registers_write(bm_regs, opaque, offset, size, value);
}

static const MemoryOps bm_ops = { .read = bm_read, .write = bm_write, .valid = { 1, 4 }, .impl = { 1, 4 } };

/* ---- life ---- */

/* Whether another controller answers there already. */
static bool port_taken(uint32_t port)
{
    bool taken;

    rcu_read_lock();
    taken = memory_lookup(address_space_io(), port).mr->ops == &ide_command_ops;
    rcu_read_unlock();
    return taken;
}

/* "ID.0", or the first pair of "ide.N" that no bus has. */
static unsigned first_bus_number(const Device *dev)
{
    unsigned n = 0;

    if (!dev->id) {
        for (;; n++) {
            g_autofree char *one = g_strdup_printf("ide.%u", n), *two = g_strdup_printf("ide.%u", n + 1);

            if (!bus_find(one, NULL) && !bus_find(two, NULL)) {
                break;
            }
        }
    }
    return n;
}

static bool piix_ide_realize(Device *dev, GError **err)
{
    PiixIde *s = DEVICE(PiixIde, dev);
    IsaBus *isa = isa_bus();
    unsigned first = first_bus_number(dev);

    if (!isa) {
        return error_set(err, "%s needs an ISA bus for its ports and interrupts", dev->object.type->name);
    }
    memory_thread_register();
    for (int i = 0; i < CHANNELS; i++) {
        if (port_taken(legacy[i].command)) {
            return error_set(err, "I/O port 0x%x is in use by another IDE controller", legacy[i].command);
        }
    }
    memory_transaction_begin();
    /* The second channel first: a disk without bus= goes to the bus made first, and QEMU's goes to ide.1. */
    for (int i = CHANNELS - 1; i >= 0; i--) {
        BmdmaChannel *c = &s->channels[i];
        g_autofree char *name = g_strdup_printf("%s.%u", dev->id ? dev->id : "ide", first + i);

        bmdma_init(c, &s->pci, name, i, isa_bus_irq(isa, legacy[i].irq));
        memory_region_init_io(&s->command[i], &dev->object, &ide_command_ops, &c->bus, "ide-command", 8);
        memory_region_init_io(&s->control[i], &dev->object, &ide_control_ops, &c->bus, "ide-control", 1);
        memory_region_add(isa->io, legacy[i].command, &s->command[i]);
        memory_region_add(isa->io, legacy[i].control, &s->control[i]);
    }
    memory_region_init_io(&s->bmdma, &dev->object, &bm_ops, s, "bmdma", 16);
    pci_register_bar(&s->pci, 4, PCI_BAR_IO, &s->bmdma);
    memory_transaction_commit();
    return true;
}

static void piix_ide_unrealize(Device *dev)
{
    PiixIde *s = DEVICE(PiixIde, dev);

    memory_transaction_begin();
    for (int i = 0; i < CHANNELS; i++) {
        memory_region_destroy(&s->command[i]);
        memory_region_destroy(&s->control[i]);
    }
    memory_region_destroy(&s->bmdma);
    memory_transaction_commit();
}

static void piix_ide_reset(Device *dev, ResetKind kind)
{
    PiixIde *s = DEVICE(PiixIde, dev);

    for (int i = 0; i < CHANNELS; i++) {
        bmdma_reset(&s->channels[i]);
    }
}

static bool piix_ide_post_load(Device *dev, unsigned version, GError **err)
{
    PiixIde *s = DEVICE(PiixIde, dev);

    return bmdma_state_valid(&s->channels[0], err) && bmdma_state_valid(&s->channels[1], err);
}

static const PciConfigRow piix_ide_config[] = {
    { 0x40, 2, "IDETIM0", 0, 0xffff }, { 0x42, 2, "IDETIM1", 0, 0xffff }, { 0x44, 1, "SIDETIM", 0, 0xff },
    { 0x48, 1, "UDMACTL", 0, 0xff }, { 0x4a, 2, "UDMATIM", 0, 0xffff }, { }
};

static const StateField piix_ide_state[] = {
    STATE_STRUCT_ARRAY(PiixIde, channels, BmdmaChannel, bmdma_state), { }
};

#define PIIX_IDE_TYPE(n, id, text) \
    .name = n, .parent = &pci_device_type.device.type, .size = sizeof(PiixIde), .category = CATEGORY_STORAGE, \
    .description = text, .vendor_id = PCI_VENDOR_INTEL, .device_id = id, .class_id = 0x0101, .prog_if = 0x80, \
    .config = piix_ide_config, .state = piix_ide_state, .no_hotplug = true, .realize = piix_ide_realize, \
    .unrealize = piix_ide_unrealize, .reset = piix_ide_reset, .post_load = piix_ide_post_load

static const PciDeviceType piix3_ide_type = { PIIX_IDE_TYPE("piix3-ide", 0x7010, "IDE controller of the Intel PIIX3") };
TYPE_REGISTER(piix3_ide_type);
static const PciDeviceType piix4_ide_type = { PIIX_IDE_TYPE("piix4-ide", 0x7111, "IDE controller of the Intel PIIX4") };
TYPE_REGISTER(piix4_ide_type);
