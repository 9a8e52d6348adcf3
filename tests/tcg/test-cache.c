/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The array of translated blocks, searched by a signal handler whenever another thread likes, while it grows: what was added
 * is found, wherever the signal came.
 */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>

#include "target/i386/exec/exec.h"
#include "target/i386/translate/translate.h"
#include "tests/check.h"

enum { BLOCKS = 70000, ROUNDS = 200, CODE_BYTES = 64 };

static Translator jit;
static Block *blocks;
static pthread_t owner;
static bool done;
static unsigned searches, wrong;

static void on_signal(int signal)
{
    unsigned count = jit.order_count;

    if (count) {
        uintptr_t host = (uintptr_t)jit.run + (count - 1) * CODE_BYTES + 5;
        wrong += cache_find(&jit, host) != &blocks[count - 1];
        wrong += cache_find(&jit, 5) != &blocks[0];
        wrong += cache_find(&jit, host / 2) != &blocks[host / 2 / CODE_BYTES];
        searches++;
    }
}

static void *send_signals(void *unused)
{
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
        pthread_kill(owner, SIGUSR1);
    }
    return NULL;
}

static void test_search_while_growing(void)
{
    pthread_t sender;
    struct sigaction action = { .sa_handler = on_signal }, before;

    blocks = g_new0(Block, BLOCKS);
    for (unsigned i = 0; i < BLOCKS; i++) {
        blocks[i].code_start = i * CODE_BYTES;
    }
    jit.hot.used = BLOCKS * CODE_BYTES;
    jit.cold.first = jit.cold.used = BLOCKS * CODE_BYTES;
    mallopt(M_MMAP_THRESHOLD, 65536);           /* large arrays are mapped, and gone once freed */
    owner = pthread_self();
    sigaction(SIGUSR1, &action, &before);
    pthread_create(&sender, NULL, send_signals, NULL);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < BLOCKS; i++) {
            cache_add(&jit, &blocks[i]);
        }
        __atomic_store_n(&jit.order_count, 0, __ATOMIC_RELEASE);
        g_free(g_steal_pointer(&jit.order));
        jit.order_room = 0;
    }
    __atomic_store_n(&done, true, __ATOMIC_RELEASE);
    pthread_join(sender, NULL);
    sigaction(SIGUSR1, &before, NULL);
    check_int(wrong, ==, 0, "every search finds the block");
    check_int(searches, >, 0, "signals came");
    g_free(blocks);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tcg/cache/search-while-growing", test_search_while_growing);
    return g_test_run();
}
