/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests that walk whole boards, so that a new device is tested before its author writes a line.
 *
 * A board is built in this process under the qtest accelerator, with a device of every kind that -device can add to a
 * bare board. Its registers are then stirred by pseudo-random accesses, and for each device: saved state, loaded again
 * after a reset, saves as the same bytes; every truncated state is refused; garbled state neither crashes nor hangs.
 * Run with the machine's name as argument.
 */
#include <glib.h>
#include <string.h>

#include "accel/accel.h"
#include "core/thread.h"
#include "core/vm.h"
#include "hw/machine.h"
#include "hw/pci/pci.h"
#include "tests/check.h"

#define MIB (1ull << 20)
#define STIRS 20000
#define GARBLED 200

static const char *machine_name;

/* One more of each kind that -device offers and that needs nothing from the host. */
static void add_device(const Type *type, void *count)
{
    GError *err = NULL;

    if (!type->is_abstract && !((const DeviceType *)type)->not_user_creatable && !type_is_a(type, &cpu_type.type)) {
        if (device_realize(device_new((const DeviceType *)type), NULL, &err)) {
            ++*(unsigned *)count;
        } else {
            check_true(err && err->message[0], "%s says what it lacks", type->name);
            g_error_free(err);
        }
    }
}

static void build_board(void)
{
    GError *err = NULL;
    const MachineType *type = machine_type_find(machine_name);
    unsigned added = 0;
    g_autoptr(GPtrArray) accels = g_ptr_array_new();
    json_object *accel = json_object_new_object();

    check_true(type, "there is a machine '%s'", machine_name);
    Machine *m = (Machine *)object_new(&type->type);
    current_machine = m;
    object_add_child(object_root(), "machine", &m->object);
    json_object_object_add(accel, "accel", json_object_new_string("qtest"));
    g_ptr_array_add(accels, accel);
    check_true(accel_init(accels, &err), "the accelerator starts: %s", err ? err->message : "");
    json_object_put(accel);
    m->ram_size = m->max_ram_size = 64 * MIB;
    m->smp = (SmpConfig){ .cpus = 2, .max_cpus = 2, .sockets = 1, .dies = 1, .clusters = 1, .modules = 1, .cores = 2,
                          .threads = 1, .drawers = 1, .books = 1 };
    m->vga = g_strdup("std");
    m->cpu_type = g_strdup("qemu64-x86_64-cpu");
    m->boot_splash_time = m->boot_reboot_timeout = -1;
    check_true(type->init_board(m, &err), "the board is built: %s", err ? err->message : "");
    type_foreach(&device_type.type, add_device, &added);
    check_int(added, >=, 3, "devices that need nothing can be added");
    machine_run_done();
    reset_all(RESET_COLD);
}

/* Devices in order of the tree. */

static bool collect(Object *obj, void *list)
{
    if (object_is_a(obj, &device_type.type) && ((Device *)obj)->realized) {
        g_ptr_array_add(list, object_ref(obj));
    }
    object_foreach_child(obj, collect, list);
    return true;
}

/* With references: what a test writes at random may be the guest's part of removing a device. */
static GPtrArray *all_devices(void)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    object_foreach_child(object_root(), collect, list);
    check_int(list->len, >, 10, "the board has devices: the walk finds them");
    return list;
}

/* A fixed sequence: the same on every run. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void set_up_pci(PciDevice *dev, void *opaque)
{
    uint32_t *next = opaque;
    for (unsigned n = 0; n < PCI_BAR_ROM; n++) {
        if (dev->bars[n].size && dev->bars[n].type == PCI_BAR_IO) {
            pci_config_write(dev, PCI_BAR0 + 4 * n, 0xc000 + (*next & 0x1f) * 0x100, 4);
        } else if (dev->bars[n].size) {
            pci_config_write(dev, PCI_BAR0 + 4 * n, 0xe0000000 + *next * 0x2000000, 4);
        }
        (*next)++;
    }
    pci_config_write(dev, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

/* Maps every BAR, then writes and reads ports, device memory and configuration registers. */
static void stir(uint32_t seed)
{
    static const GuestAddr places[] = { 0xa0000, 0xfec00000, 0xfed00000, 0xfed1c000, 0xfed1f000, 0xfee00000 };
    uint32_t bar = 0;

    pci_foreach_device(pci_root_bus(), set_up_pci, &bar);
    for (int i = 0; i < STIRS; i++) {
        unsigned size = 1u << next_random(&seed) % 3;
        uint32_t value = next_random(&seed) | next_random(&seed) << 24;
        bool write = next_random(&seed) % 3 != 0;
        AddressSpace *as = address_space_io();
        GuestAddr addr = next_random(&seed) & 0xffff;

        switch (next_random(&seed) % 8) {
        case 0: case 1: case 2: addr &= 0xfff; break;   /* where most devices are */
        case 3: addr = 0xc000 + (addr & 0x1fff); break;
        case 4: case 5:
            as = address_space_memory();
            addr = places[next_random(&seed) % G_N_ELEMENTS(places)] + (addr & 0xfff);
            break;
        case 6:
            as = address_space_memory();
            addr = 0xe0000000 + (uint64_t)(next_random(&seed) % (bar + 1)) * 0x2000000 + (addr & 0xfff);
            break;
        default: break;
        }
        if (write) {
            memory_store(as, addr, size, value, MEMTXATTRS_NONE, NULL);
        } else {
            memory_load(as, addr, size, MEMTXATTRS_NONE, NULL);
        }
        if (i % 64 == 0) {
            clock_virtual_step(clock_ns(CLOCK_VIRTUAL) + next_random(&seed) % 1000000);
        }
    }
    vm_take_requests();
}

static void test_stirring(void)
{
    for (uint32_t seed = 1; seed <= 5; seed++) {
        stir(seed);
        reset_all(RESET_COLD);
    }
}

static void test_saved_state_comes_back(void)
{
    unsigned with_state = 0;

    for (uint32_t seed = 11; seed < 14; seed++) {
        stir(seed);
        g_autoptr(GPtrArray) devices = all_devices();
        g_autoptr(GPtrArray) saved = g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
        for (unsigned i = 0; i < devices->len; i++) {
            GByteArray *bytes = g_byte_array_new();
            device_save(devices->pdata[i], bytes);
            g_ptr_array_add(saved, bytes);
            with_state += bytes->len != 0;
        }
        reset_all(RESET_COLD);
        for (unsigned i = 0; i < devices->len; i++) {
            Device *dev = devices->pdata[i];
            GByteArray *bytes = saved->pdata[i];
            g_autoptr(GByteArray) again = g_byte_array_new();
            GError *err = NULL;
            size_t used;

            check_true(device_load(dev, bytes->data, bytes->len, &used, &err), "%s loads what it saved: %s",
                       dev->object.type->name, err ? err->message : "");
            device_save(dev, again);
            check_int(again->len, ==, bytes->len, "%s saves as many bytes after loading", dev->object.type->name);
            for (unsigned at = 0; at < bytes->len; at++) {
                check_int(again->data[at], ==, bytes->data[at], "%s: byte %u of its state after loading",
                          dev->object.type->name, at);
            }
        }
        reset_all(RESET_COLD);
    }
    check_int(with_state, >, 20, "most devices have state");
}

static void test_bad_state_is_refused(void)
{
    g_autoptr(GPtrArray) devices = all_devices();
    uint32_t seed = 99;

    for (unsigned i = 0; i < devices->len; i++) {
        Device *dev = devices->pdata[i];
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        if (!dev->realized) {
            continue;
        }
        device_save(dev, bytes);
        for (unsigned len = 0; len < bytes->len; len += 1 + bytes->len / 100) {
            GError *err = NULL;
            size_t used;
            check_true(!device_load(dev, bytes->data, len, &used, &err), "%s refuses %u of %u bytes of state",
                       dev->object.type->name, len, bytes->len);
            check_true(err, "and says why");
            g_error_free(err);
        }
        device_reset(dev, RESET_COLD);
        for (unsigned n = 0; n < GARBLED && bytes->len && dev->realized; n++) {
            g_autofree uint8_t *garbled = g_memdup2(bytes->data, bytes->len);
            unsigned flips = 1 + next_random(&seed) % 8;
            GError *err = NULL;
            size_t used;

            for (unsigned f = 0; f < flips; f++) {
                garbled[next_random(&seed) % bytes->len] ^= 1 << next_random(&seed) % 8;
            }
            bool loaded = device_load(dev, garbled, bytes->len, &used, &err);
            check_true(loaded == !err, "%s loads garbled state or says why not", dev->object.type->name);
            g_clear_error(&err);
            if (n % 20 == 0 || (!loaded && n % 3 == 0)) {
                stir(n);                        /* after a refusal the device has reset itself */
            }
            if (!dev->realized) {
                break;
            }
            device_reset(dev, RESET_COLD);
        }
    }
    reset_all(RESET_COLD);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert(argc == 2);
    machine_name = argv[1];
    bql_lock();
    memory_thread_register();
    build_board();
    g_test_add_func("/boards/stirring", test_stirring);
    g_test_add_func("/boards/saved state comes back", test_saved_state_comes_back);
    g_test_add_func("/boards/bad state is refused", test_bad_state_is_refused);
    return g_test_run();
}
