/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watchdog of Intel's 6300ESB (PCI): two stages, each a 20-bit preload of a clock of 1 kHz or 1 MHz.
 *
 *   LOCK.ENABLE -> stage 1 runs; expiry -> stage 2; expiry -> the action chosen by -action watchdog=, unless CONFIG
 * says
 *   that the output is off; RELOAD starts stage 1 anew
 *   PRELOAD and RELOAD take a value only behind the writes 0x80, 0x86 to RELOAD
 * Spec: Intel 6300ESB ICH data sheet (300641), chapter 16. Bit 9 of RELOAD, "timed out", is shown at bit 12 too, where
 * Linux looks for it. Stage 1's interrupt is not raised.
 */
#include "core/log.h"
#include "core/vm.h"
#include "hw/pci/pci.h"

enum { ESB_CONFIG = 0x60, ESB_LOCK = 0x68 };
enum { CONFIG_INTERRUPT = 3 << 0, CONFIG_1MHZ = 1 << 2, CONFIG_OUTPUT_OFF = 1 << 5 };
enum { LOCK_LOCK = 1 << 0, LOCK_ENABLE = 1 << 1, LOCK_FREE_RUN = 1 << 2 };
enum { REG_PRELOAD1 = 0x00, REG_PRELOAD2 = 0x04, REG_INTERRUPT = 0x08, REG_RELOAD = 0x0c, REGS_BYTES = 16 };
enum { PRELOAD_MAX = 0xfffff, RELOAD_RELOAD = 1 << 8, RELOAD_TIMED_OUT = 1 << 9 | 1 << 12, UNLOCK_1 = 0x80,
    UNLOCK_2 = 0x86 };
#define PCI_HZ 33000000ull
#define SHIFT_1KHZ 15                           /* PCI clocks a tick, as a power of two */
#define SHIFT_1MHZ 5

typedef struct I6300esb {
    PciDevice pci;
    MemoryRegion regs;
    Timer timer;
    /* Guest state besides configuration space; LOCK's bits stand there */
    uint32_t preload[2];
    uint8_t stage;                              /* 1 or 2 */
    uint8_t unlocked;                           /* writes of the unlock sequence seen: 0 to 2 */
    bool timed_out;                             /* survives reset */
} I6300esb;
#define ESB(d) ((I6300esb *)(d))

static void start_stage(I6300esb *s, uint8_t stage)
{
    unsigned shift = pci_get16(&s->pci, ESB_CONFIG) & CONFIG_1MHZ ? SHIFT_1MHZ : SHIFT_1KHZ;

    if (!(pci_get8(&s->pci, ESB_LOCK) & LOCK_ENABLE)) {
        return;
    }
    s->stage = stage;
    timer_arm_ns(&s->timer, clock_ns(CLOCK_VIRTUAL) + muldiv64((uint64_t)s->preload[stage - 1] << shift, NS_PER_S,
                                                               PCI_HZ));
}

static void esb_reset_registers(I6300esb *s)
{
    timer_stop(&s->timer);
    pci_set16(&s->pci, ESB_CONFIG, 0);
    pci_set8(&s->pci, ESB_LOCK, 0);
    pci_set_writable8(&s->pci, ESB_LOCK, LOCK_LOCK | LOCK_ENABLE | LOCK_FREE_RUN);
    s->preload[0] = s->preload[1] = PRELOAD_MAX;
    s->stage = 1;
    s->unlocked = 0;
}

static void expired(void *opaque)
{
    I6300esb *s = opaque;

    if (s->stage == 1) {
        start_stage(s, 2);
        return;
    }
    if (!(pci_get16(&s->pci, ESB_CONFIG) & CONFIG_OUTPUT_OFF)) {
        s->timed_out = true;
        vm_watchdog_expired();
        esb_reset_registers(s);
    } else if (pci_get8(&s->pci, ESB_LOCK) & LOCK_FREE_RUN) {
        start_stage(s, 1);
    }
}

static void lock_written(PciDevice *dev, uint32_t old, uint32_t value)
{
    I6300esb *s = ESB(dev);

    if (value & LOCK_LOCK) {                            /* until reset */
        pci_set_writable8(dev, ESB_LOCK, 0);
    }
    if ((value & LOCK_ENABLE) && !(old & LOCK_ENABLE)) {
        start_stage(s, 1);
    } else if (!(value & LOCK_ENABLE)) {
        timer_stop(&s->timer);
    }
}

static const PciConfigRow esb_config[] = {
    { ESB_CONFIG, 2, "CONFIG", .writable = CONFIG_INTERRUPT | CONFIG_1MHZ | CONFIG_OUTPUT_OFF },
    { ESB_LOCK,   1, "LOCK",   .writable = LOCK_LOCK | LOCK_ENABLE | LOCK_FREE_RUN, .on_write = lock_written },
    { }
};

static uint64_t esb_read(void *opaque, uint64_t offset, unsigned size)
{
    const I6300esb *s = opaque;
    return offset == REG_RELOAD && size == 2 && s->timed_out ? RELOAD_TIMED_OUT : 0;
}

static void reload_write(I6300esb *s, uint32_t value)
{
    if (value == UNLOCK_1) {
        s->unlocked = 1;
    } else if (value == UNLOCK_2 && s->unlocked == 1) {
        s->unlocked = 2;
    } else if (s->unlocked == 2) {
        s->unlocked = 0;
        if (value & RELOAD_RELOAD) {
            start_stage(s, 1);
        }
        if (value & RELOAD_TIMED_OUT) {
            s->timed_out = false;
        }
    }
}

static void esb_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    I6300esb *s = opaque;

    if (offset == REG_RELOAD) {
        reload_write(s, value);
    } else if ((offset == REG_PRELOAD1 || offset == REG_PRELOAD2) && size == 4 && s->unlocked == 2) {
        s->preload[offset / 4] = value & PRELOAD_MAX;
        s->unlocked = 0;
    } else if (offset != REG_INTERRUPT) {
        LOG(LOG_GUEST_ERROR, "i6300esb: %u-byte write to register 0x%" PRIx64 " while locked\n", size, offset);
    }
}

static const MemoryOps esb_ops = { .read = esb_read, .write = esb_write, .valid = { 1, 4 }, .impl = { 1, 4 } };

static bool esb_realize(Device *dev, GError **err)
{
    I6300esb *s = ESB(dev);

    memory_region_init_io(&s->regs, OBJECT(dev), &esb_ops, s, "i6300esb", REGS_BYTES);
    pci_register_bar(&s->pci, 0, PCI_BAR_MEM32, &s->regs);
    return true;
}

static void esb_unrealize(Device *dev)
{
    memory_region_destroy(&ESB(dev)->regs);
}

static void esb_reset(Device *dev, ResetKind kind)
{
    esb_reset_registers(ESB(dev));
}

static bool esb_post_load(Device *dev, unsigned version, GError **err)
{
    I6300esb *s = ESB(dev);

    if (s->stage < 1 || s->stage > 2 || s->unlocked > 2) {
        esb_reset_registers(s);
        return error_set(err, "watchdog stage or unlock sequence is out of range");
    }
    s->preload[0] &= PRELOAD_MAX;
    s->preload[1] &= PRELOAD_MAX;
    pci_set_writable8(&s->pci, ESB_LOCK, pci_get8(&s->pci, ESB_LOCK) & LOCK_LOCK ? 0 : LOCK_LOCK | LOCK_ENABLE |
                      LOCK_FREE_RUN);
    return true;
}

static const StateField esb_state[] = {
    STATE_TIMER(I6300esb, timer), STATE_U32_ARRAY(I6300esb, preload), STATE_U8(I6300esb, stage), STATE_U8(I6300esb,
                                                                                                          unlocked),
    STATE_BOOL(I6300esb, timed_out), { }
};

static const PciDeviceType i6300esb_type = {
    .name = "i6300esb", .parent = &pci_device_type.type, .size = sizeof(I6300esb), .category = CATEGORY_WATCHDOG,
    .description = "Intel 6300ESB", .vendor_id = PCI_VENDOR_INTEL, .device_id = 0x25ab,
        .class_id = PCI_CLASS_SYSTEM_OTHER,
    .config = esb_config, .state = esb_state, .timers = TIMERS(TIMER(I6300esb, timer, CLOCK_VIRTUAL, expired)),
    .realize = esb_realize, .unrealize = esb_unrealize, .reset = esb_reset, .post_load = esb_post_load,
};
TYPE_REGISTER(i6300esb_type);
