/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -chardev options, short forms, names, and what is said of mistakes. */
#include "tests/unit/chardev/fixture.h"

static void test_wrong(void)
{
    static const struct { const char *claim, *text, *error; } rows[] = {
        { "an unknown back end names the nearest", "sokcet,id=x", "did you mean 'socket'" },
        { "a back end of QEMU that is not there is told apart", "udp,id=x", "'udp' is not supported yet" },
        { "an unknown option names the nearest", "file,id=x,pth=/x", "did you mean 'path'" },
        { "an option of another back end is unknown", "null,id=x,path=/x", "path" },
        { "an id is needed", "null", "no id" },
        { "a bad id is refused", "null,id=1x", "identifier" },
        { "a back end is needed", "id=x", "missing backend" },
        { "file needs a path", "file,id=x", "no filename" },
        { "a file that cannot be made is named", "file,id=x,path=@/no/such", "no/such" },
        { "an input that is not there is named", "file,id=x,path=@/out,input-path=@/none", "none" },
        { "a log file that cannot be made is named", "null,id=x,logfile=@/no/log", "no/log" },
        { "pipe needs a path", "pipe,id=x", "no device path" },
        { "a pipe that is not there is named", "pipe,id=x,path=@/none", "none" },
        { "the size of a ringbuf is a power of two", "ringbuf,id=x,size=3", "power of two" },
        { "the size of a ringbuf is not zero", "ringbuf,id=x,size=0", "power of two" },
        { "the size of a ringbuf has a limit", "ringbuf,id=x,size=1T", "at most" },
        { "mux needs a chardev", "mux,id=x", "no chardev" },
        { "mux's chardev must be there", "mux,id=x,chardev=nobody", "nobody" },
        { "a boolean is on or off", "stdio,id=x,signal=maybe", "maybe" },
        { "socket needs an address", "socket,id=x", "no address" },
        { "socket has one address", "socket,id=x,path=/x,host=h,port=1", "only one of" },
        { "a host needs a port", "socket,id=x,host=localhost", "no port" },
        { "wait is for servers", "socket,id=x,path=@/s,wait=on", "'wait' option is incompatible" },
        { "reconnect-ms is for clients", "socket,id=x,path=@/s,server=on,wait=off,reconnect-ms=5",
          "'reconnect-ms' option is incompatible" },
        { "a socket path has a limit",
          "socket,id=x,server=on,wait=off,path=/1234567890123456789012345678901234567890123456789012345"
          "678901234567890123456789012345678901234567890123456789", "too long" },
        { "nobody listens there", "socket,id=x,path=@/none", "none" },
        { "nobody listens on port 1", "socket,id=x,host=127.0.0.1,port=1", "127.0.0.1:1" },
        { "a port that is none", "socket,id=x,host=127.0.0.1,port=frog,server=on,wait=off", "frog" },
        { "fd is a number, or the name of one that getfd keeps", "socket,id=x,fd=three", "fd: " },
        { "fd is a socket", "socket,id=x,fd=0", "not a socket" },
        { "not IPv4 and not IPv6 is nothing", "socket,id=x,host=h,port=1,ipv4=off,ipv6=off", "IPv4 and IPv6" },
        { "TLS is not there yet", "socket,id=x,path=@/s,tls-creds=t", "not supported yet" },
        { "delay and nodelay together", "socket,id=x,path=@/s,delay=on,nodelay=on", "exclude" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) err = NULL;

        check_true(!chardev_from(rows[i].text, &err), "%s: is refused", rows[i].claim);
        check_true(err && strstr(err->message, rows[i].error), "%s: '%s'", rows[i].claim,
                   err ? err->message : "(no message)");
        check_true(!chardev_find("x"), "%s: leaves nothing behind", rows[i].claim);
    }
}

static void test_right(void)
{
    static const struct { const char *claim, *text, *filename; } rows[] = {
        { "null", "null,id=x", "null" },
        { "memory is another name of ringbuf", "memory,id=x", "ringbuf" },
        { "a size with a suffix", "ringbuf,id=x,size=1M", "ringbuf" },
        { "file", "file,id=x,path=@/out,append=on", "file" },
        { "vc", "vc,id=x,cols=80,rows=24", "vc" },
        { "flags without a value", "socket,id=x,path=@/s,server,nowait", NULL },
        { "as chardev-add has it",
          "{'id':'x','backend':{'type':'file','data':{'out':'@/out','append':true}}}", "file" },
        { "a socket as chardev-add has it is a server",
          "{'id':'x','backend':{'type':'socket','data':{'wait':false,"
          "'addr':{'type':'inet','data':{'host':'127.0.0.1','port':'0'}}}}}", NULL },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) err = NULL;
        Chardev *chr = chardev_from(rows[i].text, &err);

        check_true(chr != NULL, "%s (%s)", rows[i].claim, err ? err->message : "");
        check_true(chardev_find("x") == chr, "%s: is found by id", rows[i].claim);
        if (rows[i].filename) {
            check_str(chardev_filename(chr), rows[i].filename, "%s: name", rows[i].claim);
        } else {
            check_true(strstr(chardev_filename(chr), "disconnected:") == chardev_filename(chr) &&
                       strstr(chardev_filename(chr), ",server=on"), "%s: '%s'", rows[i].claim, chardev_filename(chr));
        }
        check_true(chardev_remove("x", &err), "%s: goes", rows[i].claim);
    }
}

static void test_short_forms(void)
{
    static const struct { const char *claim, *text; const char *error, *filename; bool none; } rows[] = {
        { "none is nothing, and no error", "none", NULL, NULL, true },
        { "null", "null", NULL, "null" },
        { "a file, whose name may have commas", "file:@/a,b=c", NULL, "file" },
        { "a file's name may have a colon", "file:@/a:b", NULL, "file" },
        { "vc with characters", "vc:80Cx24C", NULL, "vc" },
        { "vc with pixels", "vc:800x600", NULL, "vc" },
        { "vc alone", "vc", NULL, "vc" },
        { "vc with nonsense", "vc:800", "console size" },
        { "a muxed null", "mon:null", NULL, "mux" },
        { "a unix server", "unix:@/s,server=on,wait=off", NULL, NULL },
        { "a tcp server on any address", "tcp::0,server,nowait", NULL, NULL },
        { "a tcp server on an IPv6 address in brackets has a port", "tcp:[::1],server=on", "no port" },
        { "tcp without a port", "tcp:host", "no port" },
        { "unix without a path", "unix:", "no socket path" },
        { "tcp with an unknown option", "tcp:127.0.0.1:0,server=on,wiat=off", "did you mean 'wait'" },
        { "an unknown word names the nearest", "stdoi", "did you mean 'stdio'" },
        { "an unknown protocol names the nearest", "unx:@/s", "did you mean 'unix'" },
        { "file without a name", "file", "is not a valid char driver" },
        { "stdio with something behind it", "null:x", "is not a valid char driver" },
        { "a host device", "/dev/ttyS0", "not supported yet" },
        { "a chardev that is not there", "chardev:nobody", "'nobody' not found" },
        { "mon: with nonsense", "mon:frog", "is not a valid char driver" },
        { "empty text", "", "is not a valid char driver" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *folder = scratch_path(""), *text = NULL;
        g_auto(GStrv) parts = g_strsplit(rows[i].text, "@/", -1);
        g_autoptr(GError) err = NULL;
        Chardev *chr;

        text = g_strjoinv(folder, parts);
        chr = chardev_new_from_text("serial0", text, false, &err);
        if (rows[i].error) {
            check_true(!chr && err && strstr(err->message, rows[i].error), "%s: '%s'", rows[i].claim,
                       err ? err->message : "no error");
            continue;
        }
        check_true(!err, "%s (%s)", rows[i].claim, err ? err->message : "");
        check_int(!chr, ==, rows[i].none, "%s: made", rows[i].claim);
        if (chr && rows[i].filename) {
            check_str(chardev_filename(chr), rows[i].filename, "%s: name", rows[i].claim);
        }
        if (chr) {
            check_true(chardev_new_from_text("other", "chardev:serial0", false, NULL) == chr, "%s: chardev: finds it",
                       rows[i].claim);
            check_true(chardev_remove("serial0", &err), "%s: goes", rows[i].claim);
            chardev_remove("serial0-base", NULL);
        }
    }
}

static void test_use(void)
{
    Chardev *chr = chardev_from("null,id=x", NULL);
    Recorder one, two;
    g_autoptr(GError) err = NULL;

    recorder_init(&one, chr);
    two = (Recorder){ 0 };
    check_true(!chardev_attach(&two.fe, chr, &err) && strstr(err->message, "already in use"),
               "one front end at a time");
    g_clear_error(&err);
    check_true(!chardev_remove("x", &err) && strstr(err->message, "busy"), "one in use stays");
    g_clear_error(&err);
    check_true(!chardev_from("null,id=x", &err) && strstr(err->message, "Duplicate ID 'x'"), "an id is taken once");
    g_clear_error(&err);
    check_true(!chardev_from("null,id=x,mux=on", &err) && !chardev_find("x-base"),
               "and a mux of that id leaves no base");
    g_clear_error(&err);
    recorder_clear(&one);
    check_true(chardev_remove("x", NULL), "one that is free goes");
    check_true(!chardev_remove("x", &err) && strstr(err->message, "not found"), "once");
    check_int(chardev_write(&two.fe, (const uint8_t *)"abc", 3), ==, 3,
              "a front end without a chardev drops what is written");
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/chardev/args/wrong", test_wrong);
    g_test_add_func("/chardev/args/right", test_right);
    g_test_add_func("/chardev/args/short-forms", test_short_forms);
    g_test_add_func("/chardev/args/use", test_use);
    return fixture_end(g_test_run());
}
