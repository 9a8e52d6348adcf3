/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mux: focus, escapes, time stamps, flow. The real back end is a pipe to ourselves. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/chardev/fixture.h"

static int keyboard, screen;
static Chardev *mux;

static void setup(void)
{
    g_autofree char *in = scratch_path("p.in"), *out = scratch_path("p.out");

    unlink(in);
    unlink(out);
    mkfifo(in, 0600);
    mkfifo(out, 0600);
    mux = chardev_from("pipe,id=m,path=@/p,mux=on", NULL);
    check_true(mux && chardev_find("m-base"), "a mux and its base");
    keyboard = open(in, O_RDWR);
    screen = open(out, O_RDONLY | O_NONBLOCK);
}

static void teardown(void)
{
    close(keyboard);
    close(screen);
    check_true(chardev_remove("m", NULL) && chardev_remove("m-base", NULL), "both go");
}

static void strike(const char *keys)
{
    check_int(write(keyboard, keys, strlen(keys)), ==, strlen(keys), "keys are struck");
    turn(50);
}

static char *shown(void)
{
    static char buf[8192];
    ssize_t n;

    turn(20);
    n = read(screen, buf, sizeof(buf) - 1);
    buf[MAX(n, 0)] = 0;
    return buf;
}

static void test_focus(void)
{
    Recorder serial, monitor;

    setup();
    recorder_init(&monitor, mux);
    recorder_init(&serial, mux);
    check_str(serial.events->str, "IO", "the last to come has the focus, and the terminal is open");
    check_true(strstr(monitor.events->str, "o"), "the other has lost it (%s)", monitor.events->str);
    strike("a");
    check_str(serial.input->str, "a", "keys go to the one in focus");
    check_str(monitor.input->str, "", "and not to the other");
    strike("\001cb");
    check_str(monitor.input->str, "b", "Ctrl-A c switches");
    check_str(serial.input->str, "a", "away from the first");
    strike("\001cc");
    check_str(serial.input->str, "ac", "and back");
    chardev_take_focus(&monitor.fe);
    strike("d");
    check_str(monitor.input->str, "bd", "the focus can be taken");
    put(&serial, "s");
    put(&monitor, "m");
    check_str(shown(), "sm", "output of both goes out");
    recorder_clear(&monitor);
    strike("e");
    check_str(serial.input->str, "ace", "when one goes the other has the focus");
    recorder_clear(&serial);
    teardown();
}

static bool exited, saved;
static void on_exit_key(void) { exited = true; }
static void on_save_key(void) { saved = true; }

static void test_escapes(void)
{
    Recorder r;

    setup();
    chardev_mux_exit = on_exit_key;
    chardev_mux_save = on_save_key;
    recorder_init(&r, mux);
    strike("\001\001");
    check_str(r.input->str, "\001", "Ctrl-A twice is Ctrl-A");
    strike("\001q");
    check_str(r.input->str, "\001", "an unknown command is swallowed");
    g_string_truncate(r.events, 0);
    strike("\001b");
    check_str(r.events->str, "B", "b is a break");
    strike("\001s");
    check_true(saved, "s saves");
    strike("\001h");
    check_true(strstr(shown(), "Ctrl-A c"), "h helps");
    strike("\001x");
    check_true(exited, "x ends");
    check_true(strstr(shown(), "Terminated"), "and says so");

    chardev_mux_set_escape(0x14);
    strike("\001x\024\024");
    check_str(r.input->str, "\001\001x\024", "another escape leaves Ctrl-A alone");
    chardev_mux_set_escape(0);
    strike("\001\024");
    check_str(r.input->str, "\001\001x\024\001\024", "without one all goes through");
    chardev_mux_set_escape(1);
    recorder_clear(&r);
    teardown();
}

static void test_timestamps(void)
{
    Recorder r;

    setup();
    recorder_init(&r, mux);
    strike("\001t");
    put(&r, "one\ntwo");
    put(&r, "\nthree");
    check_true(g_regex_match_simple("^\\[00:00:\\d\\d\\.\\d{3}\\] one\\n\\[00:00:\\d\\d\\.\\d{3}\\] two\\n"
                                    "\\[00:00:\\d\\d\\.\\d{3}\\] three$", shown(), 0, 0), "time stamps begin lines");
    strike("\001t");
    put(&r, "\nfour\n");
    check_str(shown(), "\nfour\n", "and can be switched off");
    recorder_clear(&r);
    teardown();
}

static void test_flow(void)
{
    Recorder slow, other;
    GString *all = g_string_new(NULL);

    setup();
    recorder_init(&other, mux);
    recorder_init(&slow, mux);
    slow.room = 0;
    strike("0123456789");
    check_str(slow.input->str, "", "nothing is forced on one that cannot receive");
    strike("\001cx");
    check_str(other.input->str, "x", "an escape still works, by reading ahead");
    strike("\001c");
    slow.room = 4;
    chardev_accept_input(&slow.fe);
    turn(50);
    check_str(slow.input->str, "0123", "it gets what it takes");
    for (int i = 0; i < 200; i++) {
        g_string_append_c(all, 'a' + i % 26);
    }
    strike(all->str);
    slow.room = -1;
    chardev_accept_input(&slow.fe);
    until(slow.input->len == 210, "and in the end all");
    check_str(slow.input->str + 10, all->str, "in order");
    g_string_free(all, TRUE);
    recorder_clear(&slow);
    recorder_clear(&other);
    teardown();
}

static void test_watch(void)
{
    g_autofree char *big = g_malloc(1 << 20);
    Recorder one, two;
    int taken, got = 0;

    setup();
    memset(big, 'x', 1 << 20);
    recorder_init(&one, mux);
    recorder_init(&two, mux);
    taken = chardev_write(&one.fe, (uint8_t *)big, 1 << 20);
    check_int(put(&two, "y"), ==, 0, "the terminal is full");
    recorder_watch(&one);
    recorder_watch(&two);
    turn(20);
    check_int(one.watches + two.watches, ==, 0, "no watch fires");
    while (got < taken) {
        ssize_t n = read(screen, big, 65536);

        check_true(n > 0, "the screen shows on");
        got += n;
    }
    until(one.watches == 1 && two.watches == 1, "the watches of both fire when there is room");
    recorder_clear(&one);
    recorder_clear(&two);
    teardown();
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/chardev/mux/focus", test_focus);
    g_test_add_func("/chardev/mux/escapes", test_escapes);
    g_test_add_func("/chardev/mux/timestamps", test_timestamps);
    g_test_add_func("/chardev/mux/flow", test_flow);
    g_test_add_func("/chardev/mux/watch", test_watch);
    return fixture_end(g_test_run());
}
