/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AML builder: ACPI byte code as nested C expressions.
 *
 *   aml_scope("\\_SB",
 *       aml_device("PCI0", aml_name("_HID", aml_eisaid("PNP0A03"))),
 *       aml_method("TEST", 1, AML_NOT_SERIALIZED,
 *           aml_if(aml_equal(aml_arg(0), aml_int(0)), aml_return(aml_string("zero")))))
 *
 * Every function returns a new term and takes over the terms it is given. Lists of terms may contain aml_none().
 * The result's bytes are the encoding itself. Encoding: ACPI 6.4, chapter 20; resource descriptors: 6.4.
 */
#ifndef HW_ACPI_AML_H
#define HW_ACPI_AML_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef GByteArray Aml;
static inline void aml_free(Aml *a) { g_byte_array_unref(a); }

#define AML_LIST(...) (Aml *[]){ __VA_ARGS__, NULL }
/** aml_list: several terms as one, in this order. */
Aml *aml_list_of(Aml **terms);
#define aml_list(...) aml_list_of(AML_LIST(__VA_ARGS__))
Aml *aml_none(void);                            /* no bytes: for what is not there */
/** aml_append: adds @term at the end of @to; for loops. */
void aml_append(Aml *to, Aml *term);

/* Data */
Aml *aml_int(uint64_t value);
Aml *aml_string(const char *text);              /* ASCII */
Aml *aml_buffer(const void *data, unsigned len);
Aml *aml_eisaid(const char *id);                /* "PNP0A03" */
Aml *aml_uuid(const char *uuid);                /* "33db4d5b-1ff7-401c-9657-7441c03dd766", as a buffer */
Aml *aml_package_of(Aml **elements);            /* at most 255 elements */
#define aml_package(...) aml_package_of(AML_LIST(__VA_ARGS__))

/* Names and variables. Paths: "\\_SB.PCI0", "^ISA", "PRQA"; segments of up to 4 characters. */
Aml *aml_ref(const char *path);                 /* the object's value, or as a target */
Aml *aml_arg(unsigned n);                       /* 0-6 */
Aml *aml_local(unsigned n);                     /* 0-7 */

/* Objects */
Aml *aml_name(const char *path, Aml *value);
Aml *aml_scope_of(const char *path, Aml **terms);
#define aml_scope(path, ...) aml_scope_of(path, AML_LIST(__VA_ARGS__))
Aml *aml_device_of(const char *path, Aml **terms);
#define aml_device(path, ...) aml_device_of(path, AML_LIST(__VA_ARGS__))
typedef enum AmlSerialize { AML_NOT_SERIALIZED, AML_SERIALIZED } AmlSerialize;
Aml *aml_method_of(const char *path, unsigned args, AmlSerialize serialize, Aml **terms);
#define aml_method(path, args, serialize, ...) aml_method_of(path, args, serialize, AML_LIST(__VA_ARGS__))
/* Processor(): for guests before ACPI 3.0; @id up to 254. New ones want a device "ACPI0007". */
Aml *aml_processor_of(const char *path, uint8_t id, uint32_t pblk, uint8_t pblk_bytes, Aml **terms);
#define aml_processor(path, id, pblk, bytes, ...) aml_processor_of(path, id, pblk, bytes, AML_LIST(__VA_ARGS__))
Aml *aml_mutex(const char *path, uint8_t sync_level);

typedef enum AmlSpace { AML_SYSTEM_MEMORY = 0, AML_SYSTEM_IO = 1, AML_PCI_CONFIG = 2, AML_CMOS = 5 } AmlSpace;
Aml *aml_operation_region(const char *path, AmlSpace space, Aml *offset, Aml *len);
typedef enum AmlAccess { AML_ANY_ACC, AML_BYTE_ACC, AML_WORD_ACC, AML_DWORD_ACC, AML_QWORD_ACC,
                         AML_BUFFER_ACC } AmlAccess;
typedef enum AmlUpdate { AML_PRESERVE, AML_WRITE_AS_ONES, AML_WRITE_AS_ZEROS } AmlUpdate;
typedef struct AmlField { const char *name; unsigned bits; } AmlField;  /* name NULL: a gap; bits 0 ends a list */
Aml *aml_field(const char *region, AmlAccess access, bool lock, AmlUpdate update, const AmlField *fields);
Aml *aml_create_dword_field(Aml *buffer, Aml *byte_index, const char *name);

/* Statements. A NULL @target means none. */
Aml *aml_store(Aml *value, Aml *target);
Aml *aml_if_of(Aml *predicate, Aml **terms);
#define aml_if(predicate, ...) aml_if_of(predicate, AML_LIST(__VA_ARGS__))
Aml *aml_else_of(Aml **terms);                  /* right behind an aml_if() */
#define aml_else(...) aml_else_of(AML_LIST(__VA_ARGS__))
Aml *aml_while_of(Aml *predicate, Aml **terms);
#define aml_while(predicate, ...) aml_while_of(predicate, AML_LIST(__VA_ARGS__))
Aml *aml_return(Aml *value);
Aml *aml_break(void);
Aml *aml_notify(const char *object, Aml *value);
Aml *aml_acquire(const char *mutex, uint16_t timeout_ms);
Aml *aml_release(const char *mutex);
Aml *aml_sleep(Aml *ms);

/* Expressions */
Aml *aml_and(Aml *a, Aml *b, Aml *target);
Aml *aml_or(Aml *a, Aml *b, Aml *target);
Aml *aml_xor(Aml *a, Aml *b, Aml *target);
Aml *aml_add(Aml *a, Aml *b, Aml *target);
Aml *aml_subtract(Aml *a, Aml *b, Aml *target);
Aml *aml_shift_left(Aml *a, Aml *count, Aml *target);
Aml *aml_shift_right(Aml *a, Aml *count, Aml *target);
Aml *aml_index(Aml *object, Aml *index, Aml *target);
Aml *aml_increment(Aml *target);
Aml *aml_deref_of(Aml *reference);
Aml *aml_size_of(Aml *object);
Aml *aml_equal(Aml *a, Aml *b);
Aml *aml_less(Aml *a, Aml *b);
Aml *aml_greater(Aml *a, Aml *b);
Aml *aml_logical_and(Aml *a, Aml *b);
Aml *aml_logical_or(Aml *a, Aml *b);
Aml *aml_logical_not(Aml *a);
Aml *aml_call_of(const char *method, Aml **args);
#define aml_call(method, ...) aml_call_of(method, AML_LIST(__VA_ARGS__))

/* Resource templates: descriptors in a buffer, with the end tag. */
Aml *aml_resources_of(Aml **descriptors);
#define aml_resources(...) aml_resources_of(AML_LIST(__VA_ARGS__))
Aml *aml_io(uint16_t min, uint16_t max, uint8_t alignment, uint8_t len);                /* decodes 16 bits */
Aml *aml_irq_no_flags(unsigned irq);                                                    /* edge, active high */
Aml *aml_irq_level_low(unsigned irq);                                                   /* shared */
Aml *aml_dma(unsigned channel);                                                         /* compatible, 8 bits */
Aml *aml_memory32_fixed(bool writable, uint32_t base, uint32_t len);
typedef enum AmlTrigger { AML_LEVEL = 0, AML_EDGE = 1 } AmlTrigger;
typedef enum AmlPolarity { AML_ACTIVE_HIGH = 0, AML_ACTIVE_LOW = 1 } AmlPolarity;
/** aml_interrupt: any of @irqs; the device consumes it. */
Aml *aml_interrupt(AmlTrigger trigger, AmlPolarity polarity, bool shared, const uint32_t *irqs, unsigned count);
/* Windows of a bridge (producer, both ends fixed): [@min, @max]. */
Aml *aml_word_bus_number(uint16_t min, uint16_t max);
Aml *aml_word_io(uint16_t min, uint16_t max);
Aml *aml_dword_memory(bool cacheable, uint32_t min, uint32_t max);
Aml *aml_qword_memory(bool cacheable, uint64_t min, uint64_t max);

#endif
