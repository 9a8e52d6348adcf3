/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The qtest server: line -> words -> row of the command table -> access to the machine -> "OK ..." or "FAIL ...".
 *
 * Interrupt lines that a test intercepts keep working; each change of level is also reported, as "IRQ raise N" or
 * "IRQ lower N", between the replies. Runs in the main loop under the big lock. Numbers are C constants (0x10, 16).
 */
#include "accel/qtest/qtest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accel/accel.h"
#include "block/block.h"
#include "chardev/chardev.h"
#include "core/option.h"
#include "core/vm.h"

#define ACCESS_MAX_BYTES (16u << 20)            /* of one read or write command */
#define LINE_MAX_BYTES (3u * ACCESS_MAX_BYTES)

typedef struct Intercept Intercept;

typedef struct Server {
    CharFrontend fe;
    GString *line;
    bool line_too_long;
    bool receiving, input_waits;                /* a command may turn the loop: later bytes wait for it */
    FILE *log;                                  /* NULL: none */
    int64_t start_ns;
    Device *intercepted;                        /* NULL: none yet */
    GPtrArray *intercepts;                      /* Intercept *; they live as long as the machine */
} Server;

/* One intercepted wire: takes the place of the receiver and passes on. */
struct Intercept {
    Server *server;
    IrqLine original;                           /* fn NULL: the wire was unconnected */
    IrqLine replacement;                        /* what an output is connected to instead */
    int n, level;
};

static Server server;

/* Lines out */

static void log_line(Server *s, char direction, const char *text)
{
    if (s->log) {
        fprintf(s->log, "[%c +%.6f] %s\n", direction, (double)(clock_ns(CLOCK_RT) - s->start_ns) / NS_PER_S, text);
        fflush(s->log);
    }
}

static void send_line(Server *s, const char *text)
{
    log_line(s, 'S', text);
    chardev_write_all(&s->fe, (const uint8_t *)text, strlen(text));
    chardev_write_all(&s->fe, (const uint8_t *)"\n", 1);
}

static G_GNUC_PRINTF(2, 3) void reply(Server *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    send_line(s, text);
}

/* Clock */

static bool clock_ours(GError **err)
{
    return accel_is("qtest") || error_set(err, "the clock is under control only with -accel qtest");
}

static bool run_clock_step(Server *s, char **words, const uint64_t *numbers, GError **err)
{
    int64_t now = clock_ns(CLOCK_VIRTUAL), to;
    if (!clock_ours(err)) {
        return false;
    }
    if (words[1]) {
        uint64_t ns;
        if (!parse_uint("NS", words[1], INT64_MAX - now, &ns, err)) {
            return false;
        }
        to = now + ns;
    } else {
        to = clock_virtual_next_deadline();
        if (to < 0) {
            return error_set(err, "no timer is armed");
        }
        to = MAX(to, now);
    }
    clock_virtual_step(to);
    reply(s, "OK %" PRId64, clock_ns(CLOCK_VIRTUAL));
    return true;
}

static bool run_clock_set(Server *s, char **words, const uint64_t *numbers, GError **err)
{
    if (!clock_ours(err)) {
        return false;
    }
    if (numbers[0] > INT64_MAX) {
        return error_set(err, "time %" PRIu64 " is out of range", numbers[0]);
    }
    clock_virtual_step(MAX((int64_t)numbers[0], clock_ns(CLOCK_VIRTUAL)));
    reply(s, "OK %" PRId64, clock_ns(CLOCK_VIRTUAL));
    return true;
}

/* Interrupt lines */

static void intercepted(void *opaque, int n, int level)
{
    Intercept *i = opaque;
    if (i->original.fn) {
        irq_set(&i->original, level);
    }
    if (i->level != level) {
        i->level = level;
        reply(i->server, "IRQ %s %d", level ? "raise" : "lower", i->n);
    }
}

static Intercept *intercept_new(Server *s, int n, const IrqLine *original)
{
    Intercept *i = g_new0(Intercept, 1);
    i->server = s;
    i->n = n;
    i->original = original ? *original : (IrqLine){ NULL };
    i->replacement = (IrqLine){ intercepted, i, n };
    g_ptr_array_add(s->intercepts, i);
    return i;
}

static Device *find_device(const char *path, GError **err)
{
    Object *obj = object_resolve(path, NULL);
    if (!obj) {
        error_set(err, "there is no object '%s'", path);
        return NULL;
    }
    if (!object_is_a(obj, &device_type.type)) {
        error_set(err, "'%s' is no device", path);
        return NULL;
    }
    return (Device *)obj;
}

static bool run_intercept(Server *s, char **words, const uint64_t *numbers, GError **err)
{
    bool in = g_str_has_suffix(words[0], "_in");
    const char *name = words[2] ? words[2] : "";
    Device *dev = find_device(words[1], err);
    IrqLine *inputs, **outputs;
    if (!dev) {
        return false;
    }
    if (s->intercepted && s->intercepted != dev) {
        return error_set(err, "IRQ intercept already enabled");
    }
    if (!s->intercepted) {
        int count = device_wire_group(dev, name, in ? &inputs : NULL, &outputs);
        if (count < 0) {
            return error_set(err, "device '%s' has no %s '%s'", words[1], in ? "inputs" : "outputs", name);
        }
        s->intercepted = dev;
        for (int n = 0; n < count; n++) {
            if (in) {
                inputs[n] = intercept_new(s, n, &inputs[n])->replacement;
            } else {
                outputs[n] = &intercept_new(s, n, outputs[n])->replacement;
            }
        }
    }
    reply(s, "OK");
    return true;
}

static bool run_set_irq_in(Server *s, char **words, const uint64_t *numbers, GError **err)
{
    const char *name = strcmp(words[2], "unnamed-gpio-in") ? words[2] : "";
    Device *dev = find_device(words[1], err);
    IrqLine *inputs;
    uint64_t n, level;
    if (!dev || !parse_uint("NUM", words[3], INT_MAX, &n, err) || !parse_uint("LEVEL", words[4], INT_MAX, &level, err)) {
        return false;
    }
    int count = device_wire_group(dev, name, &inputs, NULL);
    if (count <= (int)n) {
        return error_set(err, "device '%s' has no input '%s' %" PRIu64, words[1], words[2], n);
    }
    irq_set(&inputs[n], level);
    reply(s, "OK");
    return true;
}

/* Ports and memory */

static unsigned size_of_suffix(const char *command)
{
    switch (command[strlen(command) - 1]) {
    case 'b':
        return 1;
    case 'w':
        return 2;
    case 'l':
        return 4;
    default:
        return 8;
    }
}

static bool run_port_out(Server *s, char **words, const uint64_t *numbers, GError **err)
{
    memory_store(address_space_io(), (uint16_t)numbers[0], size_of_suffix(words[0]), numbers[1], MEMTXATTRS_NONE, NULL);
    reply(s, "OK");
    return true;
}

static bool run_port_in(Server *s, char **words, const uint64_t *numbers, GError **err)
{
    uint64_t value = memory_load(address_space_io(), (uint16_t)numbers[0], size_of_suffix(words[0]), MEMTXATTRS_NONE, NULL);
    reply(s, "OK 0x%04" PRIx64, value);
    return true;
}

static bool run_store(Server *s, char **words, const uint64_t *numbers, GError **err)
{
    memory_store(address_space_memory(), numbers[0], size_of_suffix(words[0]), numbers[1], MEMTXATTRS_NONE, NULL);
    reply(s, "OK");
    return true;
}

static bool run_load(Server *s, char **words, const uint64_t *numbers, GError **err)
{
    uint64_t value = memory_load(address_space_memory(), numbers[0], size_of_suffix(words[0]), MEMTXATTRS_NONE, NULL);
    reply(s, "OK 0x%016" PRIx64, value);
    return true;
}

static bool check_size(uint64_t size, GError **err)
{
    return (size && size <= ACCESS_MAX_BYTES) ||
           error_set(err, "size %" PRIu64 " is not between 1 and %u", size, ACCESS_MAX_BYTES);
}

static bool run_read(Server *s, char **words, const uint64_t *numbers, GError **err)
{
    if (!check_size(numbers[1], err)) {
        return false;
    }
    g_autofree uint8_t *data = g_malloc(numbers[1]);
    memory_read(address_space_memory(), numbers[0], MEMTXATTRS_NONE, data, numbers[1]);
    if (words[0][0] == 'b') {
        g_autofree char *text = g_base64_encode(data, numbers[1]);
        reply(s, "OK %s", text);
        return true;
    }
    g_autofree char *text = g_malloc(2 * numbers[1] + 1);
    for (uint64_t i = 0; i < numbers[1]; i++) {
        static const char digits[] = "0123456789abcdef";
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15];
    }
    text[2 * numbers[1]] = 0;
    reply(s, "OK 0x%s", text);
    return true;
}

/* Bytes of @text, which must be @size of them, or fewer: the rest is zero. */
static uint8_t *decode(const char *text, bool base64, uint64_t size, GError **err)
{
    g_autofree uint8_t *data = g_malloc0(size);
    if (base64) {
        gsize len;
        g_autofree uint8_t *raw = g_base64_decode(text, &len);
        if (len != size) {
            error_set(err, "%" PRIu64 " bytes announced, %zu given", size, len);
            return NULL;
        }
        memcpy(data, raw, len);
        return g_steal_pointer(&data);
    }
    size_t digits = strlen(text);
    if (strncmp(text, "0x", 2) || digits % 2 || strspn(text + 2, "0123456789abcdefABCDEF") != digits - 2) {
        error_set(err, "data is not 0x and pairs of hexadecimal digits");
        return NULL;
    }
    for (uint64_t i = 0; i < MIN(size, (digits - 2) / 2); i++) {
        data[i] = g_ascii_xdigit_value(text[2 + 2 * i]) << 4 | g_ascii_xdigit_value(text[3 + 2 * i]);
    }
    return g_steal_pointer(&data);
}

static bool run_write(Server *s, char **words, const uint64_t *numbers, GError **err)
{
    if (!check_size(numbers[1], err)) {
        return false;
    }
    g_autofree uint8_t *data = decode(words[3], words[0][0] == 'b', numbers[1], err);
    if (!data) {
        return false;
    }
    memory_write(address_space_memory(), numbers[0], MEMTXATTRS_NONE, data, numbers[1]);
    reply(s, "OK");
    return true;
}

static bool run_memset(Server *s, char **words, const uint64_t *numbers, GError **err)
{
    if (numbers[1] && !check_size(numbers[1], err)) {
        return false;
    }
    if (numbers[1]) {
        g_autofree uint8_t *data = g_malloc(numbers[1]);
        memset(data, (uint8_t)numbers[2], numbers[1]);
        memory_write(address_space_memory(), numbers[0], MEMTXATTRS_NONE, data, numbers[1]);
    }
    reply(s, "OK");
    return true;
}

static bool run_endianness(Server *s, char **words, const uint64_t *numbers, GError **err)
{
    reply(s, "OK little");
    return true;
}

static bool run_module_load(Server *s, char **words, const uint64_t *numbers, GError **err)
{
    return error_set(err, "there is no module '%s%s': everything is linked in", words[1], words[2]);
}

/* State of devices */

static bool collect_device(Object *obj, void *list)
{
    if (object_is_a(obj, &device_type.type) && ((Device *)obj)->realized) {
        g_ptr_array_add(list, obj);
    }
    object_foreach_child(obj, collect_device, list);
    return true;
}

static bool cycle_devices(unsigned *count, GError **err)
{
    g_autoptr(GPtrArray) devices = g_ptr_array_new();
    g_autoptr(GPtrArray) saved = g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);

    block_drain_all();
    object_foreach_child(object_root(), collect_device, devices);
    for (guint i = 0; i < devices->len; i++) {
        GByteArray *bytes = g_byte_array_new();
        device_save(devices->pdata[i], bytes);
        g_ptr_array_add(saved, bytes);
    }
    reset_all(RESET_COLD);
    for (guint i = 0; i < devices->len; i++) {
        const GByteArray *bytes = saved->pdata[i];
        size_t used;
        if (!device_load(devices->pdata[i], bytes->data, bytes->len, &used, err)) {
            g_autofree char *path = object_path(devices->pdata[i]);
            g_prefix_error(err, "%s: ", path);
            return false;
        }
    }
    *count = devices->len;
    return true;
}

/* What a migration does to devices: saves all, resets the machine, loads all. Memory stays as it is. */
static bool run_state_cycle(Server *s, char **words, const uint64_t *numbers, GError **err)
{
    unsigned count;
    bool running = vm_running();

    cpus_pause_all();
    bool done = cycle_devices(&count, err);
    if (running) {
        cpus_resume_all();
    }
    if (done) {
        reply(s, "OK %u", count);
    }
    return done;
}

/* Commands */

typedef struct QtestCommand {
    const char *name;
    unsigned words;                             /* needed after the name */
    unsigned numbers;                           /* how many of these, from the first, are numbers */
    bool (*run)(Server *s, char **words, const uint64_t *numbers, GError **err);
} QtestCommand;

static const QtestCommand commands[] = {
    { "clock_step", 0, 0, run_clock_step }, { "clock_set", 1, 1, run_clock_set },
    { "irq_intercept_in", 1, 0, run_intercept }, { "irq_intercept_out", 1, 0, run_intercept },
    { "set_irq_in", 4, 0, run_set_irq_in },
    { "outb", 2, 2, run_port_out }, { "outw", 2, 2, run_port_out }, { "outl", 2, 2, run_port_out },
    { "inb", 1, 1, run_port_in }, { "inw", 1, 1, run_port_in }, { "inl", 1, 1, run_port_in },
    { "writeb", 2, 2, run_store }, { "writew", 2, 2, run_store }, { "writel", 2, 2, run_store }, { "writeq", 2, 2, run_store },
    { "readb", 1, 1, run_load }, { "readw", 1, 1, run_load }, { "readl", 1, 1, run_load }, { "readq", 1, 1, run_load },
    { "read", 2, 2, run_read }, { "b64read", 2, 2, run_read }, { "write", 3, 2, run_write }, { "b64write", 3, 2, run_write },
    { "memset", 3, 3, run_memset }, { "endianness", 0, 0, run_endianness }, { "module_load", 2, 0, run_module_load },
    { "state_cycle", 0, 0, run_state_cycle },
};

static bool run_command(Server *s, const QtestCommand *c, char **words, GError **err)
{
    uint64_t numbers[3] = { 0 };
    unsigned given = g_strv_length(words) - 1;
    if (given < c->words) {
        return error_set(err, "%s needs %u arguments, not %u", c->name, c->words, given);
    }
    for (unsigned i = 0; i < c->numbers; i++) {
        if (!parse_uint("argument", words[1 + i], UINT64_MAX, &numbers[i], err)) {
            return false;
        }
    }
    return c->run(s, words, numbers, err);
}

static void handle_line(Server *s, const char *line)
{
    log_line(s, 'R', line);
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
    for (const char *p = line; *(p += strspn(p, " \t\r")); p += strcspn(p, " \t\r")) {
        g_ptr_array_add(list, g_strndup(p, strcspn(p, " \t\r")));
    }
    if (!list->len) {
        return;
    }
    g_ptr_array_add(list, NULL);
    char **words = (char **)list->pdata;
    g_autoptr(GError) error = NULL;
    NearestWord nearest;
    nearest_init(&nearest, words[0]);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (!strcmp(commands[i].name, words[0])) {
            if (!run_command(s, &commands[i], words, &error)) {
                reply(s, "FAIL %s", error->message);
            }
            return;
        }
        nearest_add(&nearest, commands[i].name);
    }
    reply(s, "FAIL Unknown command '%s'%s", words[0], nearest_hint(&nearest));
}

/* The client */

static int can_receive(void *opaque)
{
    Server *s = opaque;
    s->input_waits |= s->receiving;
    return s->receiving ? 0 : 65536;
}

static void receive(void *opaque, const uint8_t *buf, int len)
{
    Server *s = opaque;
    const uint8_t *end = buf + len;
    s->receiving = true;
    s->input_waits = false;
    while (buf < end) {
        const uint8_t *newline = memchr(buf, '\n', end - buf);
        const uint8_t *stop = newline ? newline : end;
        s->line_too_long |= s->line->len + (stop - buf) > LINE_MAX_BYTES;
        if (!s->line_too_long) {
            g_string_append_len(s->line, (const char *)buf, stop - buf);
        }
        buf = stop + 1;
        if (newline) {
            if (s->line_too_long) {
                reply(s, "FAIL line too long: at most %u bytes", LINE_MAX_BYTES);
            } else {
                handle_line(s, s->line->str);
            }
            s->line_too_long = false;
            g_string_truncate(s->line, 0);
        }
    }
    s->receiving = false;
    if (s->input_waits) {
        chardev_accept_input(&s->fe);
    }
}

static void event(void *opaque, ChardevEvent what)
{
    Server *s = opaque;
    if (what == CHARDEV_OPENED) {
        g_string_truncate(s->line, 0);
        s->start_ns = clock_ns(CLOCK_RT);
        log_line(s, 'I', "OPENED");
        for (guint i = 0; i < s->intercepts->len; i++) {
            ((Intercept *)s->intercepts->pdata[i])->level = 0;
        }
    } else if (what == CHARDEV_CLOSED) {
        log_line(s, 'I', "CLOSED");
    }
}

bool qtest_server_init(const char *chardev_text, const char *log, GError **err)
{
    Server *s = &server;
    if (log && strcmp(log, "none")) {
        s->log = fopen(log, "w");
        if (!s->log) {
            return error_set_errno(err, errno, "cannot open log file '%s'", log);
        }
    } else if (!log) {
        s->log = stderr;
    }
    Chardev *chr = chardev_new_from_text("qtest", chardev_text, false, err);
    if (!chr) {
        if (!err || !*err) {
            error_set(err, "qtest needs a character device, not 'none'");
        }
        return false;
    }
    s->line = g_string_new(NULL);
    s->intercepts = g_ptr_array_new();
    if (!chardev_attach(&s->fe, chr, err)) {
        return false;
    }
    chardev_set_handlers(&s->fe, can_receive, receive, event, s);
    return true;
}
