/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two guests of /dev/kvm, without any library: one in real mode, one in long mode. Each computes, touches memory, a
 * port and a device's address, and halts; each line of output is one claim that held. Runs inside the guest of a nested
 * test.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MEMORY = 2 << 20, CODE = 0x1000, TABLES = 0x10000, DATA = 0x8000, DEVICE = 0x400000, PORT = 0x1f0 };

static void check(int ok, const char *what)
{
    if (!ok) {
        perror(what);
        exit(1);
    }
}

typedef struct Guest {
    int vm, vcpu;
    uint8_t *memory;
    struct kvm_run *run;
} Guest;

static Guest guest_new(int kvm, const void *code, size_t len)
{
    Guest g = {.vm = ioctl(kvm, KVM_CREATE_VM, 0)};
    int run_bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

    check(g.vm >= 0, "KVM_CREATE_VM");
    g.memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(g.memory != MAP_FAILED, "mmap");
    memcpy(g.memory + CODE, code, len);
    struct kvm_userspace_memory_region region = {.memory_size = MEMORY, .userspace_addr = (uintptr_t)g.memory};
    check(!ioctl(g.vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
    g.vcpu = ioctl(g.vm, KVM_CREATE_VCPU, 0);
    check(g.vcpu >= 0, "KVM_CREATE_VCPU");
    g.run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, g.vcpu, 0);
    check(g.run != MAP_FAILED, "mmap of the vCPU");
    return g;
}

/* Runs until HLT; notes what came by the port, answers loads from the device with 0x5a and notes stores. */
static void guest_run(Guest *g, uint32_t *port, uint64_t *device)
{
    for (;;) {
        check(!ioctl(g->vcpu, KVM_RUN, 0), "KVM_RUN");
        switch (g->run->exit_reason) {
        case KVM_EXIT_HLT:
            return;
        case KVM_EXIT_IO:
            check(g->run->io.direction == KVM_EXIT_IO_OUT && g->run->io.port == PORT, "an access to another port");
            memcpy(port, (uint8_t *)g->run + g->run->io.data_offset, g->run->io.size);
            break;
        case KVM_EXIT_MMIO:
            check(g->run->mmio.phys_addr == DEVICE, "an access to another device");
            if (g->run->mmio.is_write) {
                memcpy(device, g->run->mmio.data, g->run->mmio.len);
            } else {
                memset(g->run->mmio.data, 0x5a, g->run->mmio.len);
            }
            break;
        default:
            fprintf(stderr, "exit reason %u\n", g->run->exit_reason);
            exit(1);
        }
    }
}

static void real_mode(int kvm)
{
    static const uint8_t code[] = {0x31, 0xc0, 0xb9, 0x10, 0x27, /* xor ax, ax; mov cx, 10000 */
                                   0x01, 0xc8, 0xe2, 0xfc,       /* again: add ax, cx; loop again */
                                   0xa3, 0x00, 0x80,             /* mov [8000h], ax */
                                   0xba, 0xf0, 0x01, 0xef,       /* mov dx, 1f0h; out dx, ax */
                                   0xf4};
    Guest g = guest_new(kvm, code, sizeof code);
    struct kvm_sregs s;
    struct kvm_regs r = {.rip = CODE, .rflags = 2};
    uint32_t port = 0;
    uint64_t device = 0;
    uint16_t want = 10000u * 10001 / 2 & 0xffff, stored;

    check(!ioctl(g.vcpu, KVM_GET_SREGS, &s), "KVM_GET_SREGS");
    s.cs.base = s.cs.selector = 0;
    check(!ioctl(g.vcpu, KVM_SET_SREGS, &s) && !ioctl(g.vcpu, KVM_SET_REGS, &r), "KVM_SET_REGS");
    guest_run(&g, &port, &device);
    memcpy(&stored, g.memory + DATA, 2);
    check(port == want && stored == want, "the sum of the real-mode guest");
    printf("real-mode guest: sum %u\n", stored);
}

static void long_mode(int kvm)
{
    static const uint8_t code[] = {
        0x31, 0xc0, 0xb9, 0x40, 0x42, 0x0f, 0x00,    /* xor eax, eax; mov ecx, 1000000 */
        0x48, 0x01, 0xc8, 0xff, 0xc9, 0x75, 0xf9,    /* again: add rax, rcx; dec ecx; jnz again */
        0x48, 0x89, 0x04, 0x25, 0x00, 0x80, 0,    0, /* mov [8000h], rax */
        0xbe, 0x00, 0x00, 0x40, 0x00,                /* mov esi, 400000h */
        0x48, 0x8b, 0x1e, 0x48, 0x01, 0xc3,          /* mov rbx, [rsi]; add rbx, rax */
        0x48, 0x89, 0x1e,                            /* mov [rsi], rbx */
        0xba, 0xf0, 0x01, 0x00, 0x00, 0xef,          /* mov edx, 1f0h; out dx, eax */
        0xf4};
    Guest g = guest_new(kvm, code, sizeof code);
    struct kvm_segment data = {.limit = 0xffffffff, .selector = 0x10, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};
    struct kvm_segment text = data;
    struct kvm_sregs s;
    struct kvm_regs r = {.rip = CODE, .rsp = DATA, .rflags = 2};
    uint64_t device = 0, stored, want = 1000000ull * 1000001 / 2, *table = (uint64_t *)(g.memory + TABLES);
    uint32_t port = 0;

    table[0] = (TABLES + 0x1000) | 3; /* PML4, PDPT, and a page directory of 2 MiB pages */
    table[512] = (TABLES + 0x2000) | 3;
    for (int i = 0; i < 4; i++) {
        table[1024 + i] = (uint64_t)i << 21 | 0x83;
    }
    text.type = 11;
    text.selector = 8;
    text.l = 1;
    text.db = 0;
    check(!ioctl(g.vcpu, KVM_GET_SREGS, &s), "KVM_GET_SREGS");
    s.cs = text;
    s.ds = s.es = s.ss = s.fs = s.gs = data;
    s.cr0 = 0x80010033;
    s.cr3 = TABLES;
    s.cr4 = 0x20;
    s.efer = 0x500;
    check(!ioctl(g.vcpu, KVM_SET_SREGS, &s) && !ioctl(g.vcpu, KVM_SET_REGS, &r), "KVM_SET_SREGS");
    guest_run(&g, &port, &device);
    memcpy(&stored, g.memory + DATA, 8);
    check(stored == want && port == (uint32_t)want, "the sum of the long-mode guest");
    check(device == want + 0x5a5a5a5a5a5a5a5aull, "what the long-mode guest stored to the device");
    printf("long-mode guest: sum %llu\n", (unsigned long long)stored);
}

int main(void)
{
    int kvm = open("/dev/kvm", O_RDWR);

    check(kvm >= 0, "/dev/kvm");
    check(ioctl(kvm, KVM_GET_API_VERSION, 0) == KVM_API_VERSION, "KVM_GET_API_VERSION");
    real_mode(kvm);
    long_mode(kvm);
    return 0;
}
