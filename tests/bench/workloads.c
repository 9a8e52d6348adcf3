/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest does a million times a second, by kind: workloads NAME. Prints a checksum; the host measures the time.
 * Linked statically and put into the guest's initrd by translator.py.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t state = 88172645463325252;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* A hash table: loads, stores, compares, unpredictable branches. */
static uint64_t integers(void)
{
    enum { SLOTS = 1 << 14 };
    static uint64_t keys[SLOTS];
    uint64_t found = 0;

    for (unsigned n = 0; n < 20000000; n++) {
        uint64_t key = next() % (SLOTS / 2) + 1;
        unsigned at = key * 0x9e3779b97f4a7c15 >> 50;
        while (keys[at] && keys[at] != key && at < SLOTS - 1) {
            at++;
        }
        found += keys[at] == key;
        keys[at] = key;
    }
    return found;
}

/* Calls, returns, calls by pointer, frames on the stack. */
static uint64_t fib(unsigned n);
static uint64_t (*volatile fib_pointer)(unsigned n) = fib;
__attribute__((noinline)) static uint64_t fib(unsigned n)
{
    return n < 2 ? n : fib(n - 1) + fib_pointer(n - 2);
}
static uint64_t calls(void) { return fib(36); }

/* Scalar SSE2, as a compiler makes it of ordinary code. */
static uint64_t floats(void)
{
    double x = 0.5, y = 0.25, sum = 0;

    for (unsigned n = 0; n < 30000000; n++) {
        x = x * 1.0000001 + y / 3.0;
        y = sqrt(x) - y * 0.5;
        sum += x < 2 ? x : 2 - y;
    }
    return (uint64_t)sum;
}

/* Packed integers: sums of absolute differences. */
static uint64_t vectors(void)
{
    static uint8_t a[1 << 16], b[1 << 16];
    uint64_t sum = 0;

    for (unsigned i = 0; i < sizeof a; i++) {
        a[i] = next();
        b[i] = next();
    }
    for (unsigned n = 0; n < 4000; n++) {
        unsigned row = 0;
        for (unsigned i = 0; i < sizeof a; i++) {
            row += a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
        }
        a[n] ^= row;
        sum += row;
    }
    return sum;
}

static uint64_t x87(void)
{
    long double x = 0.5L, sum = 0;

    for (unsigned n = 0; n < 20000000; n++) {
        x = x * 3.7L * (1 - x);
        sum += x;
    }
    return (uint64_t)sum;
}

static uint64_t copies(void)
{
    enum { BYTES = 8 << 20 };
    char *from = malloc(BYTES), *to = malloc(BYTES);

    memset(from, 1, BYTES);
    for (unsigned n = 0; n < 200; n++) {
        memcpy(to + n % 64, from, BYTES - 64);
        from[n] = to[n * 4096 % BYTES] + 1;
    }
    return to[100];
}

static uint64_t system_calls(void)
{
    uint64_t sum = 0;

    for (unsigned n = 0; n < 2000000; n++) {
        sum += syscall(SYS_getppid);
    }
    return sum;
}

/* Two processes that take turns: system calls, the scheduler, address spaces. */
static uint64_t switches(void)
{
    enum { TURNS = 40000 };
    int there[2], back[2];
    char c = 0;

    if (pipe(there) || pipe(back)) {
        return 0;
    }
    if (!fork()) {
        for (unsigned n = 0; n < TURNS && read(there[0], &c, 1) == 1 && write(back[1], &c, 1) == 1; n++) { }
        _exit(0);
    }
    for (unsigned n = 0; n < TURNS && write(there[1], &c, 1) == 1 && read(back[0], &c, 1) == 1; n++) { }
    wait(NULL);
    return TURNS;
}

static uint64_t faults(void)
{
    enum { PAGES = 256 };
    uint64_t sum = 0;

    for (unsigned n = 0; n < 800; n++) {
        char *p = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (unsigned i = 0; i < PAGES; i++) {
            p[i * 4096] = 1;
            sum += p[i * 4096];
        }
        munmap(p, PAGES * 4096);
    }
    return sum;
}

static uint64_t forks(void)
{
    for (unsigned n = 0; n < 400; n++) {
        if (!fork()) {
            _exit(0);
        }
        wait(NULL);
    }
    return 400;
}

int main(int argc, char **argv)
{
    static const struct { const char *name; uint64_t (*run)(void); } workloads[] = {
        { "integers", integers }, { "calls", calls }, { "floats", floats }, { "vectors", vectors }, { "x87", x87 },
        { "copies", copies }, { "syscalls", system_calls }, { "switches", switches }, { "faults", faults },
        { "forks", forks },
    };

    for (unsigned i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
        if (argc < 2) {
            puts(workloads[i].name);
        } else if (!strcmp(argv[1], workloads[i].name)) {
            printf("checksum %llx\n", (unsigned long long)workloads[i].run());
            return 0;
        }
    }
    return argc >= 2;
}
