/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resource descriptors, ACPI 6.4 section 6.4: small ones (tag holds the length) and large ones (16-bit length).
 */
#include "hw/acpi/aml_internal.h"

enum {
    SMALL_IRQ = 0x22, SMALL_IRQ_FLAGS = 0x23, SMALL_DMA = 0x2a, SMALL_IO = 0x47, SMALL_END = 0x79,
    LARGE_MEMORY32_FIXED = 0x86, LARGE_DWORD_SPACE = 0x87, LARGE_WORD_SPACE = 0x88,
    LARGE_INTERRUPT = 0x89, LARGE_QWORD_SPACE = 0x8a,
};

Aml *aml_resources_of(Aml **descriptors)
{
    Aml *content = aml_list_of(descriptors), *a;

    aml_u8(content, SMALL_END);
    aml_u8(content, 0);                         /* checksum: none is kept */
    a = aml_buffer(content->data, content->len);
    aml_free(content);
    return a;
}

Aml *aml_io(uint16_t min, uint16_t max, uint8_t alignment, uint8_t len)
{
    Aml *a = aml_none();

    aml_u8(a, SMALL_IO);
    aml_u8(a, 1);                               /* all 16 address lines are decoded */
    aml_le(a, min, 2);
    aml_le(a, max, 2);
    aml_u8(a, alignment);
    aml_u8(a, len);
    return a;
}

Aml *aml_irq_no_flags(unsigned irq)
{
    Aml *a = aml_none();

    g_assert(irq < 16);
    aml_u8(a, SMALL_IRQ);
    aml_le(a, 1u << irq, 2);
    return a;
}

Aml *aml_irq_level_low(unsigned irq)
{
    enum { LEVEL_LOW_SHARED = 0x18 };
    Aml *a = aml_none();

    g_assert(irq < 16);
    aml_u8(a, SMALL_IRQ_FLAGS);
    aml_le(a, 1u << irq, 2);
    aml_u8(a, LEVEL_LOW_SHARED);
    return a;
}

Aml *aml_dma(unsigned channel)
{
    Aml *a = aml_none();

    g_assert(channel < 8);
    aml_u8(a, SMALL_DMA);
    aml_u8(a, 1u << channel);
    aml_u8(a, 0);
    return a;
}

Aml *aml_memory32_fixed(bool writable, uint32_t base, uint32_t len)
{
    Aml *a = aml_none();

    aml_u8(a, LARGE_MEMORY32_FIXED);
    aml_le(a, 9, 2);
    aml_u8(a, writable);
    aml_le(a, base, 4);
    aml_le(a, len, 4);
    return a;
}

Aml *aml_interrupt(AmlTrigger trigger, AmlPolarity polarity, bool shared, const uint32_t *irqs, unsigned count)
{
    Aml *a = aml_none();

    g_assert(count >= 1 && count <= 255);
    aml_u8(a, LARGE_INTERRUPT);
    aml_le(a, 2 + 4 * count, 2);
    aml_u8(a, 1 | trigger << 1 | polarity << 2 | shared << 3);      /* bit 0: consumer */
    aml_u8(a, count);
    for (unsigned i = 0; i < count; i++) {
        aml_le(a, irqs[i], 4);
    }
    return a;
}

/* 6.4.3.5: address space descriptors of @bytes-wide fields. Producer, both ends fixed, positive decode. */
static Aml *address_space(uint8_t tag, unsigned bytes, uint8_t type, uint8_t type_flags, uint64_t min, uint64_t max)
{
    Aml *a = aml_none();

    g_assert(max >= min);
    aml_u8(a, tag);
    aml_le(a, 3 + 5 * bytes, 2);
    aml_u8(a, type);
    aml_u8(a, 0x0c);                            /* _MIF, _MAF */
    aml_u8(a, type_flags);
    aml_le(a, 0, bytes);                        /* granularity */
    aml_le(a, min, bytes);
    aml_le(a, max, bytes);
    aml_le(a, 0, bytes);                        /* translation */
    aml_le(a, max - min + 1, bytes);
    return a;
}

enum { SPACE_MEMORY = 0, SPACE_IO = 1, SPACE_BUS = 2 };
enum { MEMORY_WRITABLE = 1, MEMORY_CACHEABLE = 1 << 1, IO_ENTIRE_RANGE = 3 };

Aml *aml_word_bus_number(uint16_t min, uint16_t max)
{
    return address_space(LARGE_WORD_SPACE, 2, SPACE_BUS, 0, min, max);
}

Aml *aml_word_io(uint16_t min, uint16_t max)
{
    return address_space(LARGE_WORD_SPACE, 2, SPACE_IO, IO_ENTIRE_RANGE, min, max);
}

static uint8_t memory_flags(bool cacheable) { return MEMORY_WRITABLE | (cacheable ? MEMORY_CACHEABLE : 0); }

Aml *aml_dword_memory(bool cacheable, uint32_t min, uint32_t max)
{
    return address_space(LARGE_DWORD_SPACE, 4, SPACE_MEMORY, memory_flags(cacheable), min, max);
}

Aml *aml_qword_memory(bool cacheable, uint64_t min, uint64_t max)
{
    return address_space(LARGE_QWORD_SPACE, 8, SPACE_MEMORY, memory_flags(cacheable), min, max);
}
