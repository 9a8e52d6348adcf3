/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Error classes, and the search for the nearest word. */
#include "core/error.h"
#include "tests/check.h"

#include <errno.h>

static void test_classes(void)
{
    static const struct { int code; const char *name; } rows[] = {
        { ERR_GENERIC, "GenericError" }, { ERR_COMMAND_NOT_FOUND, "CommandNotFound" },
        { ERR_DEVICE_NOT_ACTIVE, "DeviceNotActive" }, { ERR_DEVICE_NOT_FOUND, "DeviceNotFound" },
        { ERR_KVM_MISSING_CAP, "KVMMissingCap" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) err = g_error_new(RHEA_ERROR, rows[i].code, "x");
        check_str(error_class_name(err), rows[i].name, "class %d", rows[i].code);
    }
    g_autoptr(GError) foreign = g_error_new(G_FILE_ERROR, ERR_DEVICE_NOT_FOUND, "x");
    check_str(error_class_name(foreign), "GenericError", "an error of another domain");
    g_autoptr(GError) odd = g_error_new(RHEA_ERROR, 99, "x");
    check_str(error_class_name(odd), "GenericError", "a code out of range");
}

static void test_set(void)
{
    g_autoptr(GError) err = NULL;

    check_true(!error_set(&err, "bad %d", 5), "error_set returns false");
    check_str(err->message, "bad 5", "message");
    check_int(err->code, ==, ERR_GENERIC, "class");
    g_clear_error(&err);
    check_true(!error_set_errno(&err, ENOENT, "cannot open '%s'", "f"), "error_set_errno returns false");
    check_str(err->message, "cannot open 'f': No such file or directory", "message with errno");
    check_true(!error_set(NULL, "ignored"), "nobody asks for the error");
}

static void test_nearest(void)
{
    static const struct { const char *claim, *word, *candidates[5], *best; } rows[] = {
        { "one letter missing", "netdv", { "mac", "netdev", "vectors" }, "netdev" },
        { "letters swapped count once", "viritio", { "virtio", "vhost" }, "virtio" },
        { "nothing is near", "zebra", { "netdev", "mac" }, NULL },
        { "case does not matter", "E1000", { "e1000", "e1000e" }, "e1000" },
        { "dash and underscore are one", "host_nodes", { "host-nodes", "size" }, "host-nodes" },
        { "one letter alone is like nothing", "x", { "y", "a" }, NULL },
        { "two letters may miss one", "on", { "o", "off" }, "o" },
        { "the nearer wins, whatever the order", "e1001", { "e1000e", "e1000" }, "e1000" },
        { "of equals the first in the alphabet", "abcx", { "abcz", "abcd" }, "abcd" },
        { "an empty word has no likeness", "", { "a", "b" }, NULL },
        { "more than a third wrong is not near", "abcdef", { "abcxyz" }, NULL },
        { "a third wrong is near", "abcdef", { "abcdxy" }, "abcdxy" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        NearestWord n;
        nearest_init(&n, rows[i].word);
        for (int c = 0; rows[i].candidates[c]; c++) {
            nearest_add(&n, rows[i].candidates[c]);
        }
        check_str(n.best, rows[i].best, "%s", rows[i].claim);
        g_autofree char *hint = rows[i].best ? g_strdup_printf("; did you mean '%s'?", rows[i].best) : g_strdup("");
        check_str(nearest_hint(&n), hint, "%s: hint", rows[i].claim);
    }
    /* Words of any length are taken: longer ones are like nothing. */
    char huge[5000];
    memset(huge, 'a', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = '\0';
    NearestWord n;
    nearest_init(&n, huge);
    nearest_add(&n, huge + 1);
    nearest_add(&n, "a");
    check_str(nearest_hint(&n), "", "a huge word");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/error/classes", test_classes);
    g_test_add_func("/error/set", test_set);
    g_test_add_func("/error/nearest", test_nearest);
    return g_test_run();
}
