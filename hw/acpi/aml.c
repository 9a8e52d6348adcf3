/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AML terms: names, data, objects, statements and expressions. Resource descriptors are in aml_resource.c.
 *
 * A term is its bytes. A composite appends its parts behind its opcode; what has a PkgLength gets it last, when the
 * size of the content is known. Section numbers are those of ACPI 6.4, chapter 20.
 */
#include "hw/acpi/aml.h"

#include <ctype.h>
#include <string.h>

#include "hw/acpi/aml_internal.h"

enum {
    OP_ZERO = 0x00, OP_ONE = 0x01, OP_NAME = 0x08, OP_BYTE = 0x0a, OP_WORD = 0x0b, OP_DWORD = 0x0c, OP_STRING = 0x0d,
    OP_QWORD = 0x0e, OP_SCOPE = 0x10, OP_BUFFER = 0x11, OP_PACKAGE = 0x12, OP_METHOD = 0x14, OP_DUAL_NAME = 0x2e,
    OP_MULTI_NAME = 0x2f, OP_EXT = 0x5b, OP_LOCAL0 = 0x60, OP_ARG0 = 0x68, OP_STORE = 0x70, OP_ADD = 0x72,
    OP_SUBTRACT = 0x74, OP_INCREMENT = 0x75, OP_SHIFT_LEFT = 0x79, OP_SHIFT_RIGHT = 0x7a, OP_AND = 0x7b, OP_OR = 0x7d,
    OP_XOR = 0x7f, OP_DEREF_OF = 0x83, OP_NOTIFY = 0x86, OP_SIZE_OF = 0x87, OP_INDEX = 0x88,
    OP_CREATE_DWORD_FIELD = 0x8a,
    OP_LAND = 0x90, OP_LOR = 0x91, OP_LNOT = 0x92, OP_LEQUAL = 0x93, OP_LGREATER = 0x94, OP_LLESS = 0x95, OP_IF = 0xa0,
    OP_ELSE = 0xa1, OP_WHILE = 0xa2, OP_RETURN = 0xa4, OP_BREAK = 0xa5,
    EXT_MUTEX = 0x01, EXT_SLEEP = 0x22, EXT_ACQUIRE = 0x23, EXT_RELEASE = 0x27, EXT_OPERATION_REGION = 0x80,
    EXT_FIELD = 0x81, EXT_DEVICE = 0x82, EXT_PROCESSOR = 0x83,
};

/* Bytes */

void aml_u8(Aml *a, uint8_t value) { g_byte_array_append(a, &value, 1); }

void aml_le(Aml *a, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        aml_u8(a, value >> i * 8);
    }
}

Aml *aml_none(void) { return g_byte_array_new(); }

void aml_append(Aml *to, Aml *term)
{
    g_byte_array_append(to, term->data, term->len);
    aml_free(term);
}

static void append_all(Aml *to, Aml **terms)
{
    for (; *terms; terms++) {
        aml_append(to, *terms);
    }
}

Aml *aml_list_of(Aml **terms)
{
    Aml *a = aml_none();

    append_all(a, terms);
    return a;
}

static Aml *op(unsigned opcode)
{
    Aml *a = aml_none();

    aml_u8(a, opcode);
    return a;
}

static Aml *ext_op(unsigned opcode)
{
    Aml *a = op(OP_EXT);

    aml_u8(a, opcode);
    return a;
}

/* 20.2.4: one to four bytes, whose count the two top bits of the first give. */
static bool pkg_length_fits(unsigned length, unsigned more) { return length < (more ? 1u << (4 + 8 * more) : 0x40u); }

static void append_encoded_length(Aml *a, unsigned length, unsigned more)
{
    aml_u8(a, more << 6 | (more ? length & 0x0f : length));
    aml_le(a, length >> 4, more);
}

/* The length counts its own bytes too. */
static void append_pkg_length(Aml *a, unsigned content)
{
    unsigned more = 0;

    while (!pkg_length_fits(content + 1 + more, more)) {
        more++;
        g_assert(more <= 3);                    /* 256 MiB of AML */
    }
    append_encoded_length(a, content + 1 + more, more);
}

/* Of a field it counts bits, and not itself. */
static void append_field_length(Aml *a, unsigned bits)
{
    unsigned more = 0;

    while (!pkg_length_fits(bits, more)) {
        more++;
        g_assert(more <= 3);
    }
    append_encoded_length(a, bits, more);
}

/* @head, then PkgLength and @content: both are taken over. */
static Aml *packaged(Aml *head, Aml *content)
{
    append_pkg_length(head, content->len);
    aml_append(head, content);
    return head;
}

/* Names, 20.2.2 */

static void append_segment(Aml *a, const char *seg, unsigned len)
{
    g_assert(len >= 1 && len <= 4 && !isdigit((unsigned char)seg[0]));
    for (unsigned i = 0; i < 4; i++) {
        char c = i < len ? seg[i] : '_';
        g_assert(isupper((unsigned char)c) || isdigit((unsigned char)c) || c == '_');
        aml_u8(a, c);
    }
}

static void append_path(Aml *a, const char *path)
{
    g_auto(GStrv) segments = NULL;
    unsigned count;

    while (*path == '\\' || *path == '^') {
        aml_u8(a, *path++);
    }
    segments = g_strsplit(path, ".", -1);
    count = g_strv_length(segments);
    if (count == 0) {
        aml_u8(a, 0);
        return;
    }
    if (count == 2) {
        aml_u8(a, OP_DUAL_NAME);
    } else if (count > 2) {
        aml_u8(a, OP_MULTI_NAME);
        aml_u8(a, count);
    }
    for (unsigned i = 0; i < count; i++) {
        append_segment(a, segments[i], strlen(segments[i]));
    }
}

Aml *aml_ref(const char *path)
{
    Aml *a = aml_none();

    append_path(a, path);
    return a;
}

Aml *aml_arg(unsigned n)
{
    g_assert(n <= 6);
    return op(OP_ARG0 + n);
}

Aml *aml_local(unsigned n)
{
    g_assert(n <= 7);
    return op(OP_LOCAL0 + n);
}

/* Data, 20.2.3 */

Aml *aml_int(uint64_t value)
{
    Aml *a = aml_none();

    if (value <= 1) {
        aml_u8(a, value ? OP_ONE : OP_ZERO);
    } else if (value <= UINT8_MAX) {
        aml_u8(a, OP_BYTE);
        aml_le(a, value, 1);
    } else if (value <= UINT16_MAX) {
        aml_u8(a, OP_WORD);
        aml_le(a, value, 2);
    } else if (value <= UINT32_MAX) {
        aml_u8(a, OP_DWORD);
        aml_le(a, value, 4);
    } else {
        aml_u8(a, OP_QWORD);
        aml_le(a, value, 8);
    }
    return a;
}

Aml *aml_string(const char *text)
{
    Aml *a = op(OP_STRING);

    g_byte_array_append(a, (const uint8_t *)text, strlen(text) + 1);
    return a;
}

Aml *aml_buffer(const void *data, unsigned len)
{
    Aml *content = aml_int(len);

    g_byte_array_append(content, data, len);
    return packaged(op(OP_BUFFER), content);
}

/* 19.3.4: three letters of 5 bits, four hexadecimal digits; the 32 bits are stored big-endian. */
Aml *aml_eisaid(const char *id)
{
    uint32_t value = 0;

    g_assert(strlen(id) == 7);
    for (int i = 0; i < 3; i++) {
        g_assert(isupper((unsigned char)id[i]));
        value = value << 5 | (unsigned)(id[i] - 0x40);
    }
    for (int i = 3; i < 7; i++) {
        g_assert(isxdigit((unsigned char)id[i]));
        value = value << 4 | (unsigned)g_ascii_xdigit_value(id[i]);
    }
    return aml_int(GUINT32_SWAP_LE_BE(value));
}

/* 19.6.142: the first three groups little-endian, the others as written. */
Aml *aml_uuid(const char *uuid)
{
    static const uint8_t digit_of_byte[16] = { 6, 4, 2, 0, 11, 9, 16, 14, 19, 21, 24, 26, 28, 30, 32, 34 };
    uint8_t bytes[16];

    g_assert(strlen(uuid) == 36);
    for (int i = 0; i < 16; i++) {
        const char *p = uuid + digit_of_byte[i];
        g_assert(isxdigit((unsigned char)p[0]) && isxdigit((unsigned char)p[1]));
        bytes[i] = g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]);
    }
    return aml_buffer(bytes, sizeof(bytes));
}

Aml *aml_package_of(Aml **elements)
{
    Aml *content = aml_none();
    unsigned count = 0;

    while (elements[count]) {
        count++;
    }
    g_assert(count <= UINT8_MAX);
    aml_u8(content, count);
    append_all(content, elements);
    return packaged(op(OP_PACKAGE), content);
}

/* Objects, 20.2.5.1 and 20.2.5.2 */

Aml *aml_name(const char *path, Aml *value)
{
    Aml *a = op(OP_NAME);

    append_path(a, path);
    aml_append(a, value);
    return a;
}

static Aml *named_block(Aml *head, const char *path, Aml **terms)
{
    Aml *content = aml_ref(path);

    append_all(content, terms);
    return packaged(head, content);
}

Aml *aml_scope_of(const char *path, Aml **terms) { return named_block(op(OP_SCOPE), path, terms); }

Aml *aml_device_of(const char *path, Aml **terms) { return named_block(ext_op(EXT_DEVICE), path, terms); }

Aml *aml_method_of(const char *path, unsigned args, AmlSerialize serialize, Aml **terms)
{
    Aml *content = aml_ref(path);

    g_assert(args <= 7);
    aml_u8(content, args | (serialize == AML_SERIALIZED) << 3);
    append_all(content, terms);
    return packaged(op(OP_METHOD), content);
}

Aml *aml_processor_of(const char *path, uint8_t id, uint32_t pblk, uint8_t pblk_bytes, Aml **terms)
{
    Aml *content = aml_ref(path);

    aml_u8(content, id);
    aml_le(content, pblk, 4);
    aml_u8(content, pblk_bytes);
    append_all(content, terms);
    return packaged(ext_op(EXT_PROCESSOR), content);
}

Aml *aml_mutex(const char *path, uint8_t sync_level)
{
    Aml *a = ext_op(EXT_MUTEX);

    append_path(a, path);
    aml_u8(a, sync_level);
    return a;
}

Aml *aml_operation_region(const char *path, AmlSpace space, Aml *offset, Aml *len)
{
    Aml *a = ext_op(EXT_OPERATION_REGION);

    append_path(a, path);
    aml_u8(a, space);
    aml_append(a, offset);
    aml_append(a, len);
    return a;
}

Aml *aml_field(const char *region, AmlAccess access, bool lock, AmlUpdate update, const AmlField *fields)
{
    Aml *content = aml_ref(region);

    aml_u8(content, access | lock << 4 | update << 5);
    for (; fields->bits; fields++) {
        if (fields->name) {
            append_segment(content, fields->name, strlen(fields->name));
        } else {
            aml_u8(content, 0);                 /* ReservedField */
        }
        append_field_length(content, fields->bits);
    }
    return packaged(ext_op(EXT_FIELD), content);
}

Aml *aml_create_dword_field(Aml *buffer, Aml *byte_index, const char *name)
{
    Aml *a = op(OP_CREATE_DWORD_FIELD);

    aml_append(a, buffer);
    aml_append(a, byte_index);
    append_path(a, name);
    return a;
}

/* Statements, 20.2.5.3 */

static Aml *unary(Aml *head, Aml *operand)
{
    aml_append(head, operand);
    return head;
}

Aml *aml_store(Aml *value, Aml *target) { return unary(unary(op(OP_STORE), value), target); }

static Aml *conditional(unsigned opcode, Aml *predicate, Aml **terms)
{
    append_all(predicate, terms);
    return packaged(op(opcode), predicate);
}

Aml *aml_if_of(Aml *predicate, Aml **terms) { return conditional(OP_IF, predicate, terms); }

Aml *aml_else_of(Aml **terms) { return conditional(OP_ELSE, aml_none(), terms); }

Aml *aml_while_of(Aml *predicate, Aml **terms) { return conditional(OP_WHILE, predicate, terms); }

Aml *aml_return(Aml *value) { return unary(op(OP_RETURN), value); }

Aml *aml_break(void) { return op(OP_BREAK); }

Aml *aml_notify(const char *object, Aml *value) { return unary(unary(op(OP_NOTIFY), aml_ref(object)), value); }

Aml *aml_acquire(const char *mutex, uint16_t timeout_ms)
{
    Aml *a = unary(ext_op(EXT_ACQUIRE), aml_ref(mutex));

    aml_le(a, timeout_ms, 2);
    return a;
}

Aml *aml_release(const char *mutex) { return unary(ext_op(EXT_RELEASE), aml_ref(mutex)); }

Aml *aml_sleep(Aml *ms) { return unary(ext_op(EXT_SLEEP), ms); }

/* Expressions, 20.2.5.4 */

static Aml *binary(unsigned opcode, Aml *a, Aml *b) { return unary(unary(op(opcode), a), b); }

static Aml *arithmetic(unsigned opcode, Aml *a, Aml *b, Aml *target)
{
    return unary(binary(opcode, a, b), target ? target : op(OP_ZERO));      /* NullName: the result is only returned */
}

Aml *aml_and(Aml *a, Aml *b, Aml *target) { return arithmetic(OP_AND, a, b, target); }
Aml *aml_or(Aml *a, Aml *b, Aml *target) { return arithmetic(OP_OR, a, b, target); }
Aml *aml_xor(Aml *a, Aml *b, Aml *target) { return arithmetic(OP_XOR, a, b, target); }
Aml *aml_add(Aml *a, Aml *b, Aml *target) { return arithmetic(OP_ADD, a, b, target); }
Aml *aml_subtract(Aml *a, Aml *b, Aml *target) { return arithmetic(OP_SUBTRACT, a, b, target); }
Aml *aml_shift_left(Aml *a, Aml *count, Aml *target) { return arithmetic(OP_SHIFT_LEFT, a, count, target); }
Aml *aml_shift_right(Aml *a, Aml *count, Aml *target) { return arithmetic(OP_SHIFT_RIGHT, a, count, target); }
Aml *aml_index(Aml *object, Aml *index, Aml *target) { return arithmetic(OP_INDEX, object, index, target); }
Aml *aml_increment(Aml *target) { return unary(op(OP_INCREMENT), target); }
Aml *aml_deref_of(Aml *reference) { return unary(op(OP_DEREF_OF), reference); }
Aml *aml_size_of(Aml *object) { return unary(op(OP_SIZE_OF), object); }
Aml *aml_equal(Aml *a, Aml *b) { return binary(OP_LEQUAL, a, b); }
Aml *aml_less(Aml *a, Aml *b) { return binary(OP_LLESS, a, b); }
Aml *aml_greater(Aml *a, Aml *b) { return binary(OP_LGREATER, a, b); }
Aml *aml_logical_and(Aml *a, Aml *b) { return binary(OP_LAND, a, b); }
Aml *aml_logical_or(Aml *a, Aml *b) { return binary(OP_LOR, a, b); }
Aml *aml_logical_not(Aml *a) { return unary(op(OP_LNOT), a); }

Aml *aml_call_of(const char *method, Aml **args)
{
    Aml *a = aml_ref(method);

    append_all(a, args);
    return a;
}
