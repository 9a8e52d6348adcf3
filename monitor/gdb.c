/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gdb's remote protocol (gdb manual, appendix "GDB Remote Serial Protocol").
 *
 *   bytes from the client -> packet(): "$data#sum", acknowledged -> the row of commands[] that data begins with -> reply
 *   c, s, vCont -> resume(): steps and held-back vCPUs set, points committed, the machine runs; no reply
 *   the machine stops, for whatever reason -> state_changed() -> stop reply, if one is due
 *
 * A vCPU is a thread of process 1: its index + 1. The machine stands whenever a packet is served: bytes that come while it
 * runs stop it. Additions to the protocol (single-step mode, physical memory) are those QEMU's documentation lists.
 */
#include "monitor/gdb.h"

#include <errno.h>
#include <string.h>

#include "accel/debug.h"
#include "chardev/chardev.h"
#include "core/vm.h"
#include "monitor/monitor.h"
#include "qapi/qapi.h"

enum { PACKET_MAX = 0x20020, INTERRUPT_BYTE = 3, PROCESS = 1 };
enum { SIG_NUMBER_INT = 2, SIG_NUMBER_QUIT = 3, SIG_NUMBER_TRAP = 5, SIG_NUMBER_ABRT = 6, SIG_NUMBER_ALRM = 14, SIG_NUMBER_IO = 23 };
enum { SSTEP_ENABLE = 1, SSTEP_NOIRQ = 2, SSTEP_NOTIMER = 4 };

typedef enum ParseState { BETWEEN, IN_PACKET, SUM_HIGH, SUM_LOW } ParseState;

static struct {
    char *device;                               /* NULL: no server */
    Chardev *chr;
    CharFrontend fe;
    bool connected, multiprocess, physical;
    bool reply_due;                             /* the client waits for the machine to stop */
    ParseState state;
    GByteArray *in;                             /* of the packet being received */
    uint8_t sum, sum_high;
    GByteArray *last;                           /* packet sent, until it is acknowledged */
    int for_registers, for_steps;               /* CPU indices that H chose; -1: all, or any */
    unsigned sstep;
} gdb = { .sstep = SSTEP_ENABLE | SSTEP_NOIRQ | SSTEP_NOTIMER };

/* Sending */

static void send_last(void)
{
    chardev_write_all(&gdb.fe, gdb.last->data, gdb.last->len);
}

static void send_bytes(const void *data, size_t len)
{
    uint8_t sum = 0;
    const uint8_t *bytes = data;
    char end[4];

    for (size_t i = 0; i < len; i++) {
        sum += bytes[i];
    }
    g_byte_array_set_size(gdb.last, 0);
    g_byte_array_append(gdb.last, (const uint8_t *)"$", 1);
    g_byte_array_append(gdb.last, data, len);
    g_snprintf(end, sizeof(end), "#%02x", sum);
    g_byte_array_append(gdb.last, (const uint8_t *)end, 3);
    send_last();
}

static void send_text(const char *text) { send_bytes(text, strlen(text)); }
static void send_ok(void) { send_text("OK"); }

static void send_error(int number)
{
    g_autofree char *text = g_strdup_printf("E%02d", number);
    send_text(text);
}

static void append_hex(GString *to, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        g_string_append_printf(to, "%02x", data[i]);
    }
}

static void send_hex(const char *before, const void *data, size_t len)
{
    g_autoptr(GString) text = g_string_new(before);
    append_hex(text, data, len);
    send_bytes(text->str, text->len);
}

/* Reading what is in a packet. Each moves *@at on; false: not there. */

static bool take_hex(const char **at, uint64_t *value)
{
    char *end;
    if (!g_ascii_isxdigit(**at)) {
        return false;
    }
    *value = g_ascii_strtoull(*at, &end, 16);
    *at = end;
    return true;
}

static bool take_char(const char **at, char c)
{
    bool there = **at == c;
    *at += there;
    return there;
}

static bool take_hex_bytes(const char *at, GByteArray *out)
{
    for (; g_ascii_isxdigit(at[0]) && g_ascii_isxdigit(at[1]); at += 2) {
        uint8_t byte = g_ascii_xdigit_value(at[0]) << 4 | g_ascii_xdigit_value(at[1]);
        g_byte_array_append(out, &byte, 1);
    }
    return !*at;
}

/* "pP.T", "T"; 0: any, -1: all. *@index: -1 for those. */
static bool take_thread(const char **at, int *index)
{
    uint64_t process = PROCESS, thread;

    *index = -1;
    if (take_char(at, 'p')) {
        bool all = g_str_has_prefix(*at, "-1");
        if (all) {
            *at += 2;
        } else if (!take_hex(at, &process)) {
            return false;
        }
        if (!take_char(at, '.')) {
            return all || process <= PROCESS;
        }
    }
    if (g_str_has_prefix(*at, "-1")) {
        *at += 2;
        return process <= PROCESS;
    }
    if (!take_hex(at, &thread) || process > PROCESS || thread > INT_MAX) {
        return false;
    }
    *index = (int)thread - 1;
    return !thread || cpu_by_index(*index);
}

static char *thread_text(int index)
{
    return gdb.multiprocess ? g_strdup_printf("p%02x.%02x", PROCESS, index + 1) : g_strdup_printf("%02x", index + 1);
}

static Cpu *first_cpu(void)
{
    int index = 0;
    return cpu_next(&index);
}

/* The one that @index chose, or another where that is gone. */
static Cpu *chosen(int index)
{
    Cpu *cpu = index >= 0 ? cpu_by_index(index) : NULL;
    return cpu ? cpu : first_cpu();
}

static Cpu *for_registers(void)
{
    Cpu *cpu = chosen(gdb.for_registers);
    cpu_state_pull(cpu);
    return cpu;
}

/* Stopping and going on */

static void send_stop(int signal_number, int index, const char *more)
{
    g_autofree char *thread = thread_text(index);
    g_autofree char *text = g_strdup_printf("T%02xthread:%s;%s", signal_number, thread, more);

    gdb.for_registers = gdb.for_steps = index;
    send_text(text);
}

static void send_debug_stop(void)
{
    static const char *const kinds[DEBUG_KINDS] = {
        [DEBUG_WATCH_WRITE] = "watch", [DEBUG_WATCH_READ] = "rwatch", [DEBUG_WATCH_ACCESS] = "awatch"
    };
    g_autofree char *more = debug_last.reason != DEBUG_REASON_WATCH ? g_strdup("")
                            : g_strdup_printf("%s:%" PRIx64 ";", kinds[debug_last.kind], debug_last.addr);

    send_stop(SIG_NUMBER_TRAP, chosen(debug_last.cpu_index)->index, more);
}

static void state_changed(void *unused, bool running, RunState state)
{
    static const uint8_t numbers[RUN_STATE_COUNT] = {
        [RUN_STATE_PAUSED] = SIG_NUMBER_INT, [RUN_STATE_SHUTDOWN] = SIG_NUMBER_QUIT, [RUN_STATE_IO_ERROR] = SIG_NUMBER_IO,
        [RUN_STATE_WATCHDOG] = SIG_NUMBER_ALRM, [RUN_STATE_INTERNAL_ERROR] = SIG_NUMBER_ABRT,
        [RUN_STATE_GUEST_PANICKED] = SIG_NUMBER_ABRT,
    };
    Cpu *cpu;

    if (running || state == RUN_STATE_SUSPENDED) {
        return;
    }
    CPU_FOREACH(cpu) {
        cpu->held = false;
        cpu->debug_step = DEBUG_STEP_NONE;
    }
    if (!gdb.connected || !gdb.reply_due) {
        return;
    }
    gdb.reply_due = false;
    if (state == RUN_STATE_DEBUG) {
        send_debug_stop();
    } else {
        send_stop(numbers[state] ? numbers[state] : SIG_NUMBER_INT, chosen(gdb.for_steps)->index, "");
    }
}

static void stop_machine(void)
{
    if (vm_running() || vm_run_state() == RUN_STATE_SUSPENDED) {
        qmp_stop(NULL);
    }
}

/* @actions: 'c', 's' or 0 (stays) by CPU index. */
static void resume(const char *actions)
{
    GError *err = NULL;
    bool steps = false;
    Cpu *cpu;

    CPU_FOREACH(cpu) {
        cpu->held = !actions[cpu->index];
        cpu->debug_step = actions[cpu->index] == 's' ? DEBUG_STEP_WANTED : DEBUG_STEP_NONE;
        steps |= cpu->debug_step;
    }
    debug_step_without_interrupts = gdb.sstep & SSTEP_NOIRQ;
    debug_commit();
    gdb.reply_due = true;
    qmp_cont(&err);
    if (err) {                                  /* a machine that needs a reset stays as it is */
        g_error_free(err);
        gdb.reply_due = false;
        send_error(EPERM);
    } else if (steps && gdb.sstep & SSTEP_NOTIMER) {
        clock_virtual_run(false);
    }
}

static void resume_chosen(char action)
{
    g_autofree char *actions = g_malloc0(cpu_index_limit() + 1);

    if (action == 's') {                        /* the others stay */
        actions[chosen(gdb.for_steps)->index] = 's';
    } else {
        memset(actions, action, cpu_index_limit());
    }
    resume(actions);
}

static void go_on(const char *args, char action)
{
    uint64_t addr;

    if (take_hex(&args, &addr)) {
        Cpu *cpu = chosen(gdb.for_steps);
        cpu_state_pull(cpu);
        gdb_target.set_pc(cpu, addr);
    }
    resume_chosen(action);
}

static void do_continue(const char *args) { go_on(args, 'c'); }
static void do_step(const char *args) { go_on(args, 's'); }

/* "C05;ADDR": the guest has no signals. */
static void go_on_with_signal(const char *args, char action)
{
    uint64_t number;
    if (!take_hex(&args, &number)) {
        send_error(EINVAL);
        return;
    }
    take_char(&args, ';');
    go_on(args, action);
}

static void do_continue_signal(const char *args) { go_on_with_signal(args, 'c'); }
static void do_step_signal(const char *args) { go_on_with_signal(args, 's'); }

/* vCont;action[:thread]...: the leftmost that fits a thread counts. */
static void do_vcont(const char *args)
{
    g_autofree char *actions = g_malloc0(cpu_index_limit() + 1);

    while (take_char(&args, ';')) {
        char action = g_ascii_tolower(*args);
        uint64_t number;
        int index = -1;

        if (action != 'c' && action != 's') {
            send_text("");
            return;
        }
        bool with_signal = g_ascii_isupper(*args++);
        if ((with_signal && !take_hex(&args, &number)) || (take_char(&args, ':') && !take_thread(&args, &index))) {
            send_error(EINVAL);
            return;
        }
        for (int i = 0; i < cpu_index_limit(); i++) {
            if ((index < 0 || i == index) && !actions[i]) {
                actions[i] = action;
            }
        }
    }
    if (*args) {
        send_error(EINVAL);
        return;
    }
    resume(actions);
}

static void do_vcont_query(const char *args) { send_text("vCont;c;C;s;S"); }

static void do_why(const char *args)
{
    send_stop(SIG_NUMBER_TRAP, chosen(gdb.for_registers)->index, "");
}

static void leave(void)
{
    if (debug_point_count()) {
        debug_points_clear(first_cpu());
        debug_commit();
    }
    gdb.reply_due = false;
}

static void do_detach(const char *args)
{
    leave();
    send_ok();
    qmp_cont(NULL);
}

static void do_kill(const char *args)
{
    leave();
    vm_request_shutdown(SHUTDOWN_CAUSE_HOST_QMP_QUIT);
}

static void do_vkill(const char *args)
{
    send_ok();
    do_kill(args);
}

/* Threads */

static void do_choose(const char *args)
{
    char what = *args;
    int index;

    args += what != 0;
    if ((what != 'g' && what != 'c') || !take_thread(&args, &index)) {
        send_error(EINVAL);
        return;
    }
    *(what == 'g' ? &gdb.for_registers : &gdb.for_steps) = index;
    send_ok();
}

static void do_alive(const char *args)
{
    int index;
    take_thread(&args, &index) ? send_ok() : send_error(EINVAL);
}

static void do_current(const char *args)
{
    g_autofree char *thread = thread_text(chosen(gdb.for_registers)->index);
    g_autofree char *text = g_strconcat("QC", thread, NULL);
    send_text(text);
}

static void do_threads(const char *args)
{
    g_autoptr(GString) text = g_string_new("m");
    Cpu *cpu;

    CPU_FOREACH(cpu) {
        g_autofree char *thread = thread_text(cpu->index);
        g_string_append_printf(text, "%s%s", text->len > 1 ? "," : "", thread);
    }
    send_text(text->str);
}

static void do_no_more_threads(const char *args) { send_text("l"); }

static void do_thread_info(const char *args)
{
    int index;

    if (!take_char(&args, ',') || !take_thread(&args, &index) || index < 0) {
        send_error(EINVAL);
        return;
    }
    g_autofree char *text = g_strdup_printf("CPU#%d [%s]", index,
                                            __atomic_load_n(&cpu_by_index(index)->halted, __ATOMIC_SEQ_CST) ? "halted " : "running");
    send_hex("", text, strlen(text));
}

/* Registers and memory */

static void do_read_registers(const char *args)
{
    Cpu *cpu = for_registers();
    g_autoptr(GByteArray) all = g_byte_array_new();

    for (unsigned n = 0; n < gdb_target.register_count(cpu); n++) {
        gdb_target.read_register(cpu, n, all);
    }
    send_hex("", all->data, all->len);
}

static void do_write_registers(const char *args)
{
    Cpu *cpu = for_registers();
    g_autoptr(GByteArray) all = g_byte_array_new();
    unsigned at = 0, taken;

    if (!take_hex_bytes(args, all)) {
        send_error(EINVAL);
        return;
    }
    for (unsigned n = 0; (taken = gdb_target.write_register(cpu, n, all->data + at, all->len - at)); n++) {
        at += taken;
    }
    send_ok();
}

static void do_read_register(const char *args)
{
    g_autoptr(GByteArray) value = g_byte_array_new();
    uint64_t n;

    if (!take_hex(&args, &n) || n > UINT_MAX || !gdb_target.read_register(for_registers(), n, value)) {
        send_error(EINVAL);
        return;
    }
    send_hex("", value->data, value->len);
}

static void do_write_register(const char *args)
{
    g_autoptr(GByteArray) value = g_byte_array_new();
    uint64_t n;

    if (!take_hex(&args, &n) || n > UINT_MAX || !take_char(&args, '=') || !take_hex_bytes(args, value) ||
        !gdb_target.write_register(for_registers(), n, value->data, value->len)) {
        send_error(EINVAL);
        return;
    }
    send_ok();
}

static bool take_range(const char **at, uint64_t *addr, uint64_t *len)
{
    return take_hex(at, addr) && take_char(at, ',') && take_hex(at, len);
}

static void do_read_memory(const char *args)
{
    uint64_t addr, len;

    if (!take_range(&args, &addr, &len) || len > PACKET_MAX / 2 - 8) {
        send_error(EINVAL);
        return;
    }
    g_autofree uint8_t *data = g_malloc0(len + 1);
    bool ok = gdb.physical ? memory_read(address_space_memory(), addr, MEMTXATTRS_NONE, data, len) == MEMTX_OK
                           : gdb_target.read_memory(for_registers(), addr, data, len);
    if (!ok) {
        send_error(EFAULT);
        return;
    }
    send_hex("", data, len);
}

static void write_memory(uint64_t addr, const uint8_t *data, size_t len)
{
    bool ok = gdb.physical ? memory_write_rom(address_space_memory(), addr, data, len) == MEMTX_OK
                           : gdb_target.write_memory(for_registers(), addr, data, len);
    ok ? send_ok() : send_error(EFAULT);
}

static void do_write_memory(const char *args)
{
    g_autoptr(GByteArray) data = g_byte_array_new();
    uint64_t addr, len;

    if (!take_range(&args, &addr, &len) || !take_char(&args, ':') || !take_hex_bytes(args, data) || data->len != len) {
        send_error(EINVAL);
        return;
    }
    write_memory(addr, data->data, data->len);
}

/* The packet's bytes behind ':', which may have any value. */
static void do_write_binary(const char *args)
{
    uint64_t addr, len;

    if (!take_range(&args, &addr, &len) || !take_char(&args, ':') || len != gdb.in->len - (args - (const char *)gdb.in->data)) {
        send_error(EINVAL);
        return;
    }
    len ? write_memory(addr, (const uint8_t *)args, len) : send_ok();
}

/* Points */

static void change_point(const char *args, bool add)
{
    uint64_t kind, addr, len;

    if (!take_hex(&args, &kind) || !take_char(&args, ',') || !take_range(&args, &addr, &len)) {
        send_error(EINVAL);
        return;
    }
    if (kind >= DEBUG_KINDS) {
        send_text("");
        return;
    }
    bool ok = add ? debug_point_add(for_registers(), kind, addr, len) : debug_point_remove(for_registers(), kind, addr, len);
    ok ? send_ok() : send_error(EINVAL);
}

static void do_insert(const char *args) { change_point(args, true); }
static void do_remove(const char *args) { change_point(args, false); }

/* Queries */

static void do_supported(const char *args)
{
    gdb.multiprocess = strstr(args, "multiprocess+") != NULL;
    g_autofree char *text = g_strdup_printf("PacketSize=%x;qXfer:features:read+;vContSupported+;multiprocess+", PACKET_MAX);
    send_text(text);
}

/* qXfer:features:read:target.xml:OFFSET,LENGTH */
static void do_features(const char *args)
{
    uint64_t offset, len;
    const char *name = "target.xml:";

    if (!g_str_has_prefix(args, name)) {
        send_text("E00");
        return;
    }
    args += strlen(name);
    const char *xml = gdb_target.describe(for_registers());
    if (!take_range(&args, &offset, &len) || offset > strlen(xml)) {
        send_text("E00");
        return;
    }
    len = MIN(len, PACKET_MAX - 8u);
    bool last = strlen(xml) - offset <= len;
    g_autoptr(GString) text = g_string_new(last ? "l" : "m");
    g_string_append_len(text, xml + offset, MIN(len, strlen(xml) - offset));
    send_text(text->str);
}

static void do_attached(const char *args) { send_text("1"); }

static void do_monitor(const char *args)
{
    g_autoptr(GByteArray) line = g_byte_array_new();

    if (!take_char(&args, ',') || !take_hex_bytes(args, line)) {
        send_error(EINVAL);
        return;
    }
    g_byte_array_append(line, (const uint8_t *)"", 1);
    g_autofree char *text = hmp_run_line((const char *)line->data, chosen(gdb.for_registers)->index);
    if (*text) {
        send_hex("O", text, strlen(text));
    }
    send_ok();
}

static void do_sstep_bits(const char *args)
{
    g_autofree char *text = g_strdup_printf("ENABLE=%x,NOIRQ=%x,NOTIMER=%x", SSTEP_ENABLE, SSTEP_NOIRQ, SSTEP_NOTIMER);
    send_text(text);
}

static void do_sstep_get(const char *args)
{
    g_autofree char *text = g_strdup_printf("0x%x", gdb.sstep);
    send_text(text);
}

static void do_sstep_set(const char *args)
{
    uint64_t value;

    if (!take_hex(&args, &value) || value & ~(uint64_t)(SSTEP_ENABLE | SSTEP_NOIRQ | SSTEP_NOTIMER)) {
        send_error(EINVAL);
        return;
    }
    gdb.sstep = value;
    send_ok();
}

static void do_physical_get(const char *args) { send_text(gdb.physical ? "1" : "0"); }

static void do_physical_set(const char *args)
{
    uint64_t value;

    if (!take_hex(&args, &value)) {
        send_error(EINVAL);
        return;
    }
    gdb.physical = value;
    send_ok();
}

static void do_extended(const char *args) { send_ok(); }

/* By how the packet begins; the first that fits. */
static const struct { const char *begin; void (*serve)(const char *args); } commands[] = {
    { "?", do_why }, { "!", do_extended }, { "g", do_read_registers }, { "G", do_write_registers }, { "p", do_read_register },
    { "P", do_write_register }, { "m", do_read_memory }, { "M", do_write_memory }, { "X", do_write_binary },
    { "vCont?", do_vcont_query }, { "vCont", do_vcont }, { "vKill", do_vkill }, { "c", do_continue }, { "C", do_continue_signal },
    { "s", do_step }, { "S", do_step_signal }, { "D", do_detach }, { "k", do_kill }, { "H", do_choose }, { "T", do_alive },
    { "Z", do_insert }, { "z", do_remove }, { "qSupported", do_supported }, { "qXfer:features:read:", do_features },
    { "qfThreadInfo", do_threads }, { "qsThreadInfo", do_no_more_threads }, { "qThreadExtraInfo", do_thread_info },
    { "qC", do_current }, { "qAttached", do_attached }, { "qRcmd", do_monitor }, { "qqemu.sstepbits", do_sstep_bits },
    { "qqemu.sstep", do_sstep_get }, { "Qqemu.sstep=", do_sstep_set }, { "qqemu.PhyMemMode", do_physical_get },
    { "Qqemu.PhyMemMode:", do_physical_set },
};

static void serve(void)
{
    const char *text = (const char *)gdb.in->data;

    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (g_str_has_prefix(text, commands[i].begin)) {
            commands[i].serve(text + strlen(commands[i].begin));
            return;
        }
    }
    send_text("");                              /* so the client knows that there is no such packet */
}

/* Receiving */

/* '}' announces a byte whose bit 5 is inverted. */
static void unescape(GByteArray *a)
{
    size_t to = 0;

    for (size_t i = 0; i < a->len; i++) {
        bool escaped = a->data[i] == '}' && i + 1 < a->len;
        a->data[to++] = escaped ? a->data[++i] ^ 0x20 : a->data[i];
    }
    g_byte_array_set_size(a, to);
    g_byte_array_append(a, (const uint8_t *)"", 1);     /* text ends where the packet does */
    a->len--;
}

static void packet_ends(uint8_t low)
{
    uint8_t sum = gdb.sum_high << 4 | g_ascii_xdigit_value(low);
    bool good = g_ascii_isxdigit(low) && sum == gdb.sum;

    gdb.state = BETWEEN;
    chardev_write_all(&gdb.fe, (const uint8_t *)(good ? "+" : "-"), 1);
    if (good) {
        unescape(gdb.in);
        serve();
    }
}

static void take_byte(uint8_t byte)
{
    switch (gdb.state) {
    case BETWEEN:
        if (byte == '$') {
            g_byte_array_set_size(gdb.in, 0);
            gdb.sum = 0;
            gdb.state = IN_PACKET;
        } else if (byte == '-') {
            send_last();
        }
        break;
    case IN_PACKET:
        if (byte == '#') {
            gdb.state = SUM_HIGH;
        } else if (gdb.in->len == PACKET_MAX) {
            gdb.state = BETWEEN;
        } else {
            gdb.sum += byte;
            g_byte_array_append(gdb.in, &byte, 1);
        }
        break;
    case SUM_HIGH:
        gdb.sum_high = g_ascii_isxdigit(byte) ? g_ascii_xdigit_value(byte) : 0;
        gdb.state = SUM_LOW;
        break;
    case SUM_LOW:
        packet_ends(byte);
        break;
    }
}

static int can_receive(void *unused) { return 4096; }

static void receive(void *unused, const uint8_t *buf, int len)
{
    for (int i = 0; i < len && gdb.device; i++) {
        if (gdb.state == BETWEEN && (buf[i] == '$' || buf[i] == INTERRUPT_BYTE)) {
            stop_machine();
        }
        take_byte(buf[i]);
    }
}

static void event(void *unused, ChardevEvent what)
{
    if (what == CHARDEV_OPENED) {
        gdb.connected = true;
        gdb.state = BETWEEN;
        gdb.multiprocess = gdb.physical = gdb.reply_due = false;
        gdb.for_registers = gdb.for_steps = -1;
        stop_machine();
    } else if (what == CHARDEV_CLOSED && gdb.connected) {
        bool runs = vm_running();

        gdb.connected = false;
        stop_machine();                         /* its points go while the machine stands */
        leave();
        if (runs) {
            qmp_cont(NULL);
        }
    }
}

static void process_ends(void *unused)
{
    if (gdb.connected) {
        send_text("W00");
    }
}

/* The server */

static void server_end(void)
{
    if (gdb.device) {
        stop_machine();
        leave();
        chardev_detach(&gdb.fe);
        chardev_remove("gdb", NULL);
        gdb.connected = false;
        g_clear_pointer(&gdb.device, g_free);
    }
}

bool gdb_server_start(const char *device, GError **err)
{
    g_autofree char *text = g_str_has_prefix(device, "tcp:") ? g_strconcat(device, ",server=on,wait=off,nodelay=on", NULL)
                                                             : g_strdup(device);

    if (!first_cpu()) {
        return error_set(err, "there is no CPU to debug");
    }
    server_end();
    if (!strcmp(device, "none")) {
        return true;
    }
    gdb.chr = chardev_new_from_text("gdb", text, false, err);
    if (!gdb.chr) {
        return false;
    }
    if (!gdb.in) {
        gdb.in = g_byte_array_new();
        gdb.last = g_byte_array_new();
        vm_on_state_change(state_changed, NULL);
        vm_on_exit(process_ends, NULL);
    }
    gdb.device = g_strdup(device);
    chardev_set_handlers(&gdb.fe, can_receive, receive, event, NULL);
    if (!chardev_attach(&gdb.fe, gdb.chr, err)) {
        g_clear_pointer(&gdb.device, g_free);
        return false;
    }
    return true;
}
