/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * edu: a PCI device to learn and to test with (1234:11e8, BAR 0 of 1 MiB): it computes factorials, copies by DMA, and
 * interrupts by INTx or MSI.
 *
 * Guest write to FACTORIAL -> COMPUTING -> timer -> result, and IRQ_FACTORIAL if STATUS asked for it.
 * Guest write of DMA_CMD_RUN -> timer -> copy between guest memory and the 4 KiB buffer at 0x40000, and IRQ_DMA if
 * asked for. A copy that does not lie wholly in the buffer is not made; the command ends all the same.
 */
#include <string.h>

#include "core/log.h"
#include "hw/pci/pci.h"

enum {
    EDU_ID = 0x00, EDU_LIVENESS = 0x04, EDU_FACTORIAL = 0x08, EDU_STATUS = 0x20, EDU_IRQ_STATUS = 0x24,
    EDU_IRQ_RAISE = 0x60, EDU_IRQ_ACK = 0x64, EDU_DMA_SRC = 0x80, EDU_DMA_DST = 0x88, EDU_DMA_COUNT = 0x90,
    EDU_DMA_CMD = 0x98
};
enum { STATUS_COMPUTING = 0x01, STATUS_IRQ_FACTORIAL = 0x80 };
enum { IRQ_FACTORIAL = 0x001, IRQ_DMA = 0x100 };
enum { DMA_CMD_RUN = 1, DMA_CMD_TO_RAM = 2, DMA_CMD_IRQ = 4, DMA_CMD_MASK = 7 };
#define EDU_ID_VALUE 0x010000edu
#define EDU_BAR_BYTES (1u << 20)
#define EDU_BUFFER 0x40000u
#define EDU_BUFFER_BYTES 4096u
#define FACTORIAL_NS NS_PER_MS
#define DMA_NS (100 * NS_PER_MS)

typedef struct Edu {
    PciDevice pci;
    MemoryRegion mmio;
    Timer factorial_timer, dma_timer;
    uint64_t dma_mask;
    uint32_t liveness, factorial, status, irq_status;
    uint64_t dma_src, dma_dst, dma_count, dma_cmd;
    uint8_t buffer[EDU_BUFFER_BYTES];
} Edu;

static void irq_raise_bits(Edu *s, uint32_t bits)
{
    s->irq_status |= bits;
    if (!s->irq_status) {
        return;
    }
    if (pci_msi_enabled(&s->pci)) {
        pci_msi_notify(&s->pci, 0);
    } else {
        pci_set_irq(&s->pci, 1);
    }
}

static void irq_ack(Edu *s, uint32_t bits)
{
    s->irq_status &= ~bits;
    if (!s->irq_status) {
        pci_set_irq(&s->pci, 0);
    }
}

static void factorial_due(void *opaque)
{
    Edu *s = opaque;
    uint32_t result = 1;

    /* Modulo 2^32: from 34! on there are 32 factors of two, and the result stays 0. */
    for (uint32_t n = s->factorial; n > 1 && result; n--) {
        result *= n;
    }
    s->factorial = result;
    s->status &= ~STATUS_COMPUTING;
    if (s->status & STATUS_IRQ_FACTORIAL) {
        irq_raise_bits(s, IRQ_FACTORIAL);
    }
}

static bool in_buffer(uint64_t addr, uint64_t count)
{
    return addr >= EDU_BUFFER && addr - EDU_BUFFER <= EDU_BUFFER_BYTES &&
        count <= EDU_BUFFER_BYTES - (addr - EDU_BUFFER);
}

static void dma_due(void *opaque)
{
    Edu *s = opaque;
    bool to_ram = s->dma_cmd & DMA_CMD_TO_RAM;
    uint64_t inside = to_ram ? s->dma_src : s->dma_dst, ram = (to_ram ? s->dma_dst : s->dma_src) & s->dma_mask;

    if (!in_buffer(inside, s->dma_count)) {
        LOG(LOG_GUEST_ERROR, "edu: DMA of 0x%" PRIx64 " bytes at 0x%" PRIx64 " is not inside the buffer\n",
            s->dma_count, inside);
    } else if (to_ram) {
        dma_write(pci_dma(&s->pci), ram, s->buffer + (inside - EDU_BUFFER), s->dma_count);
    } else {
        dma_read(pci_dma(&s->pci), ram, s->buffer + (inside - EDU_BUFFER), s->dma_count);
    }
    s->dma_cmd &= ~(uint64_t)DMA_CMD_RUN;
    if (s->dma_cmd & DMA_CMD_IRQ) {
        irq_raise_bits(s, IRQ_DMA);
    }
}

static uint64_t edu_read(void *opaque, uint64_t offset, unsigned size)
{
    const Edu *s = opaque;

    if (offset < EDU_DMA_SRC && size != 4) {
        return UINT64_MAX;
    }
    switch (offset) {
    case EDU_ID: return EDU_ID_VALUE;
    case EDU_LIVENESS: return s->liveness;
    case EDU_FACTORIAL: return s->factorial;
    case EDU_STATUS: return s->status;
    case EDU_IRQ_STATUS: return s->irq_status;
    case EDU_DMA_SRC: return s->dma_src;
    case EDU_DMA_DST: return s->dma_dst;
    case EDU_DMA_COUNT: return s->dma_count;
    case EDU_DMA_CMD: return s->dma_cmd;
    default: return UINT64_MAX;
    }
}

/* The DMA registers keep still while a copy runs. */
static void dma_write_register(Edu *s, uint64_t *reg, uint64_t value)
{
    if (!(s->dma_cmd & DMA_CMD_RUN)) {
        *reg = value;
    }
}

static void edu_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Edu *s = opaque;

    if (offset < EDU_DMA_SRC && size != 4) {
        return;
    }
    switch (offset) {
    case EDU_LIVENESS:
        s->liveness = ~value;
        break;
    case EDU_FACTORIAL:
        if (!(s->status & STATUS_COMPUTING)) {
            s->factorial = value;
            s->status |= STATUS_COMPUTING;
            timer_arm_ns(&s->factorial_timer, clock_ns(CLOCK_VIRTUAL) + FACTORIAL_NS);
        }
        break;
    case EDU_STATUS:
        s->status = (s->status & ~STATUS_IRQ_FACTORIAL) | (value & STATUS_IRQ_FACTORIAL);
        break;
    case EDU_IRQ_RAISE: irq_raise_bits(s, value); break;
    case EDU_IRQ_ACK: irq_ack(s, value); break;
    case EDU_DMA_SRC: dma_write_register(s, &s->dma_src, value); break;
    case EDU_DMA_DST: dma_write_register(s, &s->dma_dst, value); break;
    case EDU_DMA_COUNT: dma_write_register(s, &s->dma_count, value); break;
    case EDU_DMA_CMD:
        if ((value & DMA_CMD_RUN) && !(s->dma_cmd & DMA_CMD_RUN)) {
            s->dma_cmd = value & DMA_CMD_MASK;
            timer_arm_ns(&s->dma_timer, clock_ns(CLOCK_VIRTUAL) + DMA_NS);
        }
        break;
    }
}

static const MemoryOps edu_ops = { .read = edu_read, .write = edu_write, .valid = { 4, 8 }, .impl = { 4, 8 } };

static bool edu_realize(Device *dev, GError **err)
{
    Edu *s = (Edu *)dev;

    if (!pci_msi_init(&s->pci, 0, 1, true, false, err)) {
        return false;
    }
    memory_region_init_io(&s->mmio, OBJECT(dev), &edu_ops, s, "edu-mmio", EDU_BAR_BYTES);
    pci_register_bar(&s->pci, 0, PCI_BAR_MEM32, &s->mmio);
    return true;
}

static void edu_unrealize(Device *dev)
{
    memory_region_destroy(&((Edu *)dev)->mmio);
}

static void edu_reset(Device *dev, ResetKind kind)
{
    Edu *s = (Edu *)dev;

    s->liveness = s->factorial = s->status = s->irq_status = 0;
    s->dma_src = s->dma_dst = s->dma_count = s->dma_cmd = 0;
    memset(s->buffer, 0, sizeof(s->buffer));
}

static const Property edu_properties[] = {
    PROP_UINT64("dma_mask", Edu, dma_mask, (1ull << 28) - 1, "Address bits that the device can drive"),
    { }
};
static const StateField edu_state[] = {
    STATE_TIMER(Edu, factorial_timer), STATE_TIMER(Edu, dma_timer), STATE_U32(Edu, liveness), STATE_U32(Edu, factorial),
    STATE_U32(Edu, status), STATE_U32(Edu, irq_status), STATE_U64(Edu, dma_src), STATE_U64(Edu, dma_dst),
    STATE_U64(Edu, dma_count), STATE_U64(Edu, dma_cmd), STATE_U8_ARRAY(Edu, buffer), { }
};

static const PciDeviceType edu_type = {
    .name = "edu", .parent = &pci_device_type.type, .size = sizeof(Edu), .category = CATEGORY_MISC,
    .description = "Device for teaching and tests: factorials, DMA, interrupts",
    .vendor_id = PCI_VENDOR_QEMU, .device_id = 0x11e8, .class_id = PCI_CLASS_OTHERS, .revision = 0x10,
    .interrupt_pin = 1, .properties = edu_properties, .state = edu_state,
    .timers = TIMERS(TIMER(Edu, factorial_timer, CLOCK_VIRTUAL, factorial_due),
                     TIMER(Edu, dma_timer, CLOCK_VIRTUAL, dma_due)),
    .realize = edu_realize, .unrealize = edu_unrealize, .reset = edu_reset,
};
TYPE_REGISTER(edu_type);
