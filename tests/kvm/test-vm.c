/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine without a board: interrupts and notifications that need no exit (irqfd, MSI routes, ioeventfd), the log of written
 * pages, slots that follow the memory map. The guest is a loop in protected mode whose registers are set from here.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "accel/kvm/kvm.h"
#include "core/thread.h"
#include "core/vm.h"
#include "target/i386/cpu.h"
#include "tests/check.h"

enum { CODE = 0x1000, HANDLER = 0x2000, IDT = 0x3000, SWEEP = 0x4000, SWEPT_AT = 0x604, COUNT = 0x500, ROUNDS_AT = 0x600, VECTOR = 0x50, PORT = 0x1234 };
#define DOORBELL 0xe0000000u
#define RAM_BYTES (16u << 20)
#define SWEEP_FROM (1u << 20)                    /* to the end; a ring has room for it: a KVM that emulates code does not come out in time */

static const uint8_t code[] = {
    0xc7, 0x05, 0xf0, 0x00, 0xe0, 0xfe, 0xff, 0x01, 0x00, 0x00,     /* mov dword [fee000f0], 1ff: local APIC on */
    0xfb,                                                           /* sti */
    0xff, 0x05, 0x00, 0x06, 0x00, 0x00,                             /* inc dword [600] */
    0x66, 0xba, 0x34, 0x12, 0xee,                                   /* mov dx, 1234; out dx, al */
    0xa3, 0x00, 0x00, 0x00, 0xe0,                                   /* mov [e0000000], eax */
    0xeb, 0xee,                                                     /* jmp to inc */
};
static const uint8_t handler[] = {
    0xff, 0x05, 0x00, 0x05, 0x00, 0x00,                             /* inc dword [500] */
    0xc7, 0x05, 0xb0, 0x00, 0xe0, 0xfe, 0x00, 0x00, 0x00, 0x00,     /* mov dword [fee000b0], 0: end of interrupt */
    0x5b, 0x83, 0xc4, 0x04, 0x9d, 0xff, 0xe3,                       /* pop ebx; add esp, 4; popf; jmp ebx */
};

static const uint8_t sweep[] = {
    0xbb, 0x00, 0x00, 0x10, 0x00,                                   /* mov ebx, 100000 */
    0xff, 0x03, 0x81, 0xc3, 0x00, 0x10, 0x00, 0x00,                 /* inc dword [ebx]; add ebx, 1000 */
    0x81, 0xfb, 0x00, 0x00, 0x00, 0x01, 0x72, 0xf0,                 /* cmp ebx, 1000000; jb to inc */
    0xff, 0x05, 0x04, 0x06, 0x00, 0x00,                             /* inc dword [604] */
    0xe9, 0xeb, 0xcf, 0xff, 0xff,                                   /* jmp into the loop of `code` */
};

static MemoryRegion ram, more;
static uint8_t *host;
static CpuX86 *cpu;

static uint32_t word_at(unsigned addr) { return __atomic_load_n((uint32_t *)(host + addr), __ATOMIC_SEQ_CST); }

/* Until the word at @addr is not @past any more; meanwhile without the big lock, which the guest's exits need. */
static void wait_for(unsigned addr, uint32_t past)
{
    bql_unlock();
    while (word_at(addr) == past) {
        g_usleep(100);
    }
    bql_lock();
}

static void wait_event(int fd, const char *what)
{
    uint64_t count = 0;
    struct pollfd p = { .fd = fd, .events = POLLIN };

    check_int(poll(&p, 1, 60000), ==, 1, "%s: the eventfd is signalled", what);
    check_int(read(fd, &count, sizeof count), ==, sizeof count, "%s", what);
}

static void start_guest(void)
{
    const SegmentCache code_segment = { .selector = 8, .limit = UINT32_MAX, .attr = 0xc09b }, data = { .selector = 16, .limit = UINT32_MAX, .attr = 0xc093 };
    const uint8_t gate[8] = { HANDLER & 0xff, HANDLER >> 8, 8, 0, 0, 0x8e, 0, 0 };

    memcpy(host + CODE, code, sizeof code);
    memcpy(host + HANDLER, handler, sizeof handler);
    memcpy(host + SWEEP, sweep, sizeof sweep);
    memcpy(host + IDT + 8 * VECTOR, gate, sizeof gate);
    const uint64_t gdt[] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff };
    memcpy(host + 0x800, gdt, sizeof gdt);
    cpu_state_pull(&cpu->cpu);
    cpu->cr0 = CR0_PE | CR0_ET;
    for (int i = 0; i < SEG_COUNT; i++) {
        cpu->seg[i] = i == R_CS ? code_segment : data;
    }
    cpu->gdtr.base = 0x800;
    cpu->gdtr.limit = sizeof gdt - 1;
    cpu->idtr.base = IDT;
    cpu->idtr.limit = 0x7ff;
    cpu->rip = CODE;
    cpu->regs[R_RSP] = 0x7000;
    cpu_state_changed(&cpu->cpu);
    vm_set_run_state(RUN_STATE_RUNNING);
    cpus_resume_all();
}

static void test_eventfds(void)
{
    int port = eventfd(0, EFD_CLOEXEC), memory = eventfd(0, EFD_CLOEXEC), other = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    uint64_t none;

    check_int(kvm_ioeventfd(port, true, PORT, 1, false, 0, true), ==, 0, "ioeventfd on a port");
    check_int(kvm_ioeventfd(other, true, PORT + 1, 1, false, 0, true), ==, 0, "ioeventfd on a port that is not written");
    check_int(kvm_ioeventfd(memory, false, DOORBELL, 4, false, 0, true), ==, 0, "ioeventfd on memory");
    bql_unlock();
    wait_event(port, "port");
    wait_event(memory, "memory");
    uint64_t exits = cpu->cpu.kvm->exits;
    uint32_t rounds = word_at(ROUNDS_AT);
    while (word_at(ROUNDS_AT) - rounds < 1000) {
        g_usleep(1000);
    }
    check_true(cpu->cpu.kvm->exits - exits < 500, "1000 rounds with two notifications each cost %" PRIu64 " exits", cpu->cpu.kvm->exits - exits);
    check_int(read(other, &none, sizeof none), <, 0, "the other port was not written");
    bql_lock();
    check_int(kvm_ioeventfd(port, true, PORT, 1, false, 0, false), ==, 0, "and off again");
    check_int(kvm_ioeventfd(memory, false, DOORBELL, 4, false, 0, false), ==, 0, "and off again");
    check_int(kvm_ioeventfd(memory, false, DOORBELL, 4, false, 0, false), <, 0, "what is not there cannot be taken off");
    close(port);
    close(memory);
    close(other);
}

static void test_irqs(void)
{
    int fd = eventfd(0, EFD_CLOEXEC);
    uint64_t one = 1;

    kvm_gsi_reserve(24);
    int gsi = kvm_gsi_alloc(), second = kvm_gsi_alloc();
    check_true(gsi >= 24 && second > gsi, "GSIs %d and %d are beyond the board's lines", gsi, second);
    kvm_route_msi(gsi, 0xfee00000, VECTOR);
    kvm_routes_commit();
    check_int(kvm_irqfd(fd, -1, gsi, true), ==, 0, "irqfd");
    for (int i = 0; i < 50; i++) {
        uint32_t before = word_at(COUNT);
        check_int(write(fd, &one, sizeof one), ==, sizeof one, "irqfd is written");
        wait_for(COUNT, before);
    }
    uint32_t before = word_at(COUNT);
    kvm_send_msi(0xfee00000, VECTOR);
    wait_for(COUNT, before);
    check_int(kvm_irqfd(fd, -1, gsi, false), ==, 0, "irqfd goes");
    kvm_gsi_free(gsi);
    check_int(kvm_gsi_alloc(), ==, gsi, "a free GSI is given out again");
    close(fd);
}

static void test_dirty_log(void)
{
    memory_region_set_log(&ram, true, DIRTY_VGA);
    memory_region_test_and_clear_dirty(&ram, 0, RAM_BYTES, DIRTY_VGA);
    wait_for(ROUNDS_AT, word_at(ROUNDS_AT));
    check_true(memory_region_test_and_clear_dirty(&ram, 0, GUEST_PAGE_SIZE, DIRTY_VGA), "the page that the guest writes is dirty");
    check_true(!memory_region_test_and_clear_dirty(&ram, 0x10000, GUEST_PAGE_SIZE, DIRTY_VGA), "a page that nobody wrote is clean");
    memory_region_set_log(&ram, false, DIRTY_VGA);
    wait_for(ROUNDS_AT, word_at(ROUNDS_AT));
}

/* Nearly all pages are written: each is noted, and none that is not written afterwards. */
static void test_dirty_sweep(void)
{
    const unsigned pages = (RAM_BYTES - SWEEP_FROM) / GUEST_PAGE_SIZE;

    memory_region_set_log(&ram, true, DIRTY_VGA);
    for (int round = 0; round < 3; round++) {
        unsigned dirty = 0, again = 0;
        uint32_t before = word_at(SWEPT_AT);

        memory_region_test_and_clear_dirty(&ram, 0, RAM_BYTES, DIRTY_VGA);
        cpus_pause_all();                       /* or it might go on with the old one */
        cpu_state_pull(&cpu->cpu);
        cpu->rip = SWEEP;
        cpus_resume_all();
        wait_for(SWEPT_AT, before);
        for (unsigned i = 0; i < pages; i++) {
            dirty += memory_region_test_and_clear_dirty(&ram, SWEEP_FROM + i * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE, DIRTY_VGA);
        }
        for (unsigned i = 0; i < pages; i++) {
            again += memory_region_test_and_clear_dirty(&ram, SWEEP_FROM + i * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE, DIRTY_VGA);
        }
        check_int(dirty, ==, pages, "round %d: pages that the guest wrote", round);
        check_int(again, ==, 0, "round %d: they are clean after that", round);
    }
    memory_region_set_log(&ram, false, DIRTY_VGA);
}

/* The map changes under the running guest: what it runs in is taken away and given back in one transaction, again and again. */
static void test_slots(void)
{
    GError *err = NULL;
    unsigned before = kvm_slot_count();

    check_true(memory_region_init_ram(&more, NULL, "more", 4096, &err), "RAM");
    for (int i = 0; i < 200; i++) {
        memory_region_add_overlap(system_memory(), 0x8000, &more, 1);       /* splits the range in three */
        check_int(kvm_slot_count(), ==, before + 2, "slots with a page laid over");
        memory_region_del(system_memory(), &more);
        check_int(kvm_slot_count(), ==, before, "slots without");
        if (i % 50 == 0) {
            wait_for(ROUNDS_AT, word_at(ROUNDS_AT));
        }
    }
    check_int(vm_run_state(), ==, RUN_STATE_RUNNING, "the guest noticed nothing");
}

int main(int argc, char **argv)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    json_object *args = json_object_new_object();
    GError *err = NULL;
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        printf("1..0 # SKIP no /dev/kvm\n");
        return 0;
    }
    close(fd);
    json_object_object_add(args, "accel", json_object_new_string("kvm"));
    json_object_object_add(args, "kernel-irqchip", json_object_new_string("split"));
    if (argc > 1) {
        json_object_object_add(args, "dirty-ring-size", json_object_new_string(argv[1]));
    }
    g_ptr_array_add(list, args);
    bql_lock();
    check_true(accel_init(list, &err), "KVM: %s", err ? err->message : "");
    check_true(memory_region_init_ram(&ram, NULL, "ram", RAM_BYTES, &err), "RAM: %s", err ? err->message : "");
    memory_region_add(system_memory(), 0, &ram);
    check_int(kvm_slot_count(), ==, 1, "RAM is a slot");
    host = memory_region_ram_ptr(&ram);
    cpu = CPU_X86(device_new((const DeviceType *)type_find("max-x86_64-cpu")));
    cpu->apic_id = 0;
    check_true(device_realize(&cpu->cpu.device, NULL, &err), "vCPU: %s", err ? err->message : "");
    start_guest();
    test_eventfds();
    test_irqs();
    test_dirty_log();
    test_dirty_sweep();
    test_slots();
    test_dirty_sweep();
    printf("1..1\nok 1 - eventfds, routes, dirty log and slots\n");
    return 0;
}
