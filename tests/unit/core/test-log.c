/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log items, log files and trace events. */
#include "core/log.h"
#include "core/error.h"
#include "tests/check.h"

#include <unistd.h>

TRACE_EVENT(sample_load, "channel %u count %" PRIu64);
TRACE_EVENT(sample_store, "channel %u");
TRACE_EVENT(other_event, "plain");

static int evaluated;
static unsigned count_evaluation(void) { return ++evaluated; }

static void test_items(void)
{
    static const struct {
        const char *spec; uint32_t items; const char *error;
    } rows[] = {
        {"int", LOG_INT},
        {"int,cpu_reset", LOG_INT | LOG_CPU_RESET},
        {"guest_errors,unimp", LOG_GUEST_ERROR | LOG_UNIMP},
        {"none", 0},
        {"in_asm,in_asm", LOG_IN_ASM},
        {"cpu_rset", 0, "there is no log item 'cpu_rset'; did you mean 'cpu_reset'?"},
        {"int,,cpu", 0, "there is no log item ''"},
        {"", 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) err = NULL;
        log_set_items("none", NULL);
        bool ok = log_set_items(rows[i].spec, &err);
        check_str(ok ? NULL : err->message, rows[i].error, "-d %s", rows[i].spec);
        check_int(log_items, ==, rows[i].items, "-d %s: items", rows[i].spec);
    }
    check_true(log_set_items("all", NULL), "all");
    for (const LogItemName *n = log_item_names; n->name; n++) {
        check_int(!!(log_items & n->item), ==, n->item != LOG_PER_THREAD, "all has %s", n->name);
        check_true(log_set_items(n->name, NULL) && log_items == n->item, "%s alone", n->name);
        check_true(log_set_items("all", NULL), "all again");
    }
    log_set_items("none", NULL);
}

static char *log_path;

static void start_log(void)
{
    int fd = g_file_open_tmp("rhea-log-XXXXXX", &log_path, NULL);
    close(fd);
    check_true(log_set_file(log_path, NULL), "log file");
}

static void check_log(const char *want, const char *claim)
{
    g_autofree char *text = NULL;
    check_true(g_file_get_contents(log_path, &text, NULL, NULL), "the log can be read");
    check_str(text, want, "%s", claim);
}

static void end_log(void)
{
    log_set_file(NULL, NULL);
    unlink(log_path);
    g_clear_pointer(&log_path, g_free);
}

static void test_file(void)
{
    g_autoptr(GError) err = NULL;

    start_log();
    LOG(LOG_INT, "not %u\n", count_evaluation());
    check_int(evaluated, ==, 0, "arguments of an item that is off are not evaluated");
    log_set_items("int", NULL);
    LOG(LOG_INT, "vector %u\n", count_evaluation());
    LOG(LOG_CPU, "not this\n");
    check_log("vector 1\n", "one record");
    end_log();
    check_true(!log_set_file("/nonexistent/x", &err), "a bad path");
    check_str(err->message, "cannot open log file '/nonexistent/x': No such file or directory", "message");
    g_clear_error(&err);
    check_true(!log_set_file("/tmp/%s", &err), "a bad pattern");
    check_str(err->message, "log file name '/tmp/%s' may hold one '%d' and no other '%'", "message");
    g_clear_error(&err);
    check_true(!log_set_file("/tmp/%d-%d", &err), "two of them");
    g_autofree char *dir = g_dir_make_tmp("rhea-log-XXXXXX", NULL);
    g_autofree char *pattern = g_strdup_printf("%s/log-%%d", dir), *path = g_strdup_printf("%s/log-%d", dir, getpid());
    check_true(log_set_file(pattern, NULL) && log_set_file(NULL, NULL), "a pattern");
    check_true(g_file_test(path, G_FILE_TEST_EXISTS), "%%d becomes the process id");
    unlink(path);
    rmdir(dir);
    log_set_items("none", NULL);
}

static void emit_all(void)
{
    trace(sample_load, count_evaluation(), (uint64_t)5);
    trace(sample_store, 2);
    trace(other_event);
}

static void test_trace(void)
{
    g_autoptr(GError) err = NULL;

    start_log();
    evaluated = 0;
    emit_all();
    check_int(evaluated, ==, 0, "an event that is off evaluates nothing");
    check_true(trace_enable("sample_*", NULL), "by pattern");
    emit_all();
    check_log("sample_load channel 1 count 5\nsample_store channel 2\n", "the matching ones");
    check_true(trace_enable("-sample_load", NULL), "off again");
    emit_all();
    check_log("sample_load channel 1 count 5\nsample_store channel 2\nsample_store channel 2\n", "one is off");
    check_true(!trace_enable("sample_lod", &err), "no such event");
    check_str(err->message, "no trace event matches 'sample_lod'; did you mean 'sample_load'?", "message");
    g_clear_error(&err);
    check_true(log_set_items("trace:other_*,int", NULL), "by -d");
    emit_all();
    check_log("sample_load channel 1 count 5\nsample_store channel 2\nsample_store channel 2\nsample_store channel 2\n"
              "other_event plain\n", "with -d trace:");
    end_log();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log/items", test_items);
    g_test_add_func("/log/file", test_file);
    g_test_add_func("/log/trace", test_trace);
    return g_test_run();
}
