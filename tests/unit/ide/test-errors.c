/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ATA disk when the host's file fails: werror= and rerror=, retry after a stop, reset in between, saved state.
 * The adapter is one of our own, whose "memory" is a list of segments; the host's failures are injected in block/.
 */
#include <glib/gstdio.h>
#include <unistd.h>

#include "block/node.h"
#include "core/option.h"
#include "core/thread.h"
#include "core/vm.h"
#include "hw/ide/ide.h"
#include "tests/check.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_object, json_object_put)

enum {
    READ_SECTORS = 0x20,
    WRITE_SECTORS = 0x30,
    READ_DMA = 0xc8,
    WRITE_DMA = 0xca,
    FLUSH_CACHE = 0xe7,
    RAM_BYTES = 1 << 20
};

/* ---- an adapter: DMA starts at once, from address 0 on ---- */

typedef struct Adapter {
    Device device;
    IdeBus bus;
    MemoryRegion ram;
    AddressSpace space;
    uint32_t at, stretch_start;
    int irq, ended;
    bool failed;
} Adapter;

static Adapter *adapter_of(IdeBus *bus) { return (Adapter *)((char *)bus - offsetof(Adapter, bus)); }
static void ready(IdeBus *bus, IdeDevice *dev) { ide_dma_run(dev); }

/* Small stretches, so that a command has several. */
static int64_t segments(IdeBus *bus, GArray *list, uint32_t max, uint32_t unit)
{
    Adapter *a = adapter_of(bus);
    DmaSegment s = { a->at, MIN(max, 4 * IDE_SECTOR_BYTES) };

    a->stretch_start = a->at;
    a->at += s.len;
    g_array_append_val(list, s);
    return s.len;
}

static void rewind_list(IdeBus *bus) { adapter_of(bus)->at = adapter_of(bus)->stretch_start; }
static AddressSpace *space(IdeBus *bus) { return &adapter_of(bus)->space; }
static void cancelled(IdeBus *bus) { }

static void ended(IdeBus *bus, bool failed)
{
    adapter_of(bus)->ended++;
    adapter_of(bus)->failed = failed;
}

static void set_irq(IdeBus *bus, int level) { adapter_of(bus)->irq = level; }

static const IdeTransport transport = {
    .dma_ready = ready, .dma_segments = segments, .dma_rewind = rewind_list, .dma_space = space, .dma_ended = ended,
    .dma_cancel = cancelled, .set_irq = set_irq,
};

static bool adapter_realize(Device *dev, GError **err)
{
    Adapter *a = DEVICE(Adapter, dev);

    ide_bus_init(&a->bus, dev, NULL, 0, IDE_UNITS, &transport);
    memory_region_init_ram(&a->ram, &dev->object, "test-ram", RAM_BYTES, err);
    address_space_init(&a->space, &a->ram, "test");
    return true;
}

static const DeviceType adapter_type = {
    .name = "test-ide-adapter", .parent = &device_type.type, .size = sizeof(Adapter), .realize = adapter_realize,
};

/* ---- fixture ---- */

static char *folder, *image;
static Adapter *adapter;
static IdeDevice *disk;
static uint8_t *ram;

static uint8_t pattern(size_t i) { return (i * 2654435761u) >> 13; }

static void plug(int werror, int rerror)
{
    static unsigned serial;
    g_autofree char *id = g_strdup_printf("d%u", serial++), *text = NULL;
    g_autofree uint8_t *data = g_malloc(64 << 10);
    g_autoptr(json_object) args = NULL;
    g_autoptr(GError) err = NULL;

    for (size_t i = 0; i < 64 << 10; i++) {
        data[i] = pattern(i);
    }
    g_file_set_contents(image, (char *)data, 64 << 10, NULL);
    text = g_strdup_printf("{'if':'none','id':'%s','format':'raw','file':'%s','werror':'%s','rerror':'%s'}", id, image,
                           block_on_error_names[werror], block_on_error_names[rerror]);
    args = json_parse_text(text, strlen(text), &err);
    block_drive_add(args, &err);
    g_assert_no_error(err);
    disk = IDE_DEVICE(device_new((const DeviceType *)type_find("ide-hd")));
    object_set_str(&disk->device.object, "drive", id);
    device_realize(&disk->device, &adapter->bus.bus, &err);
    g_assert_no_error(err);
    reset_all(RESET_COLD);
    vm_set_run_state(RUN_STATE_RUNNING);
    adapter->ended = 0;
    adapter->failed = false;
    block_inject = (struct BlockInject){ .error = EIO };
}

static void unplug(void)
{
    device_unrealize(&disk->device);
    block_inject = (struct BlockInject){ 0 };
    vm_take_requests();
}

static void write_task(unsigned lba, unsigned count)
{
    IdeBus *bus = &adapter->bus;

    adapter->at = 0;
    ide_write_register(bus, ATA_COUNT, count);
    ide_write_register(bus, ATA_LBA_LOW, lba);
    ide_write_register(bus, ATA_LBA_MID, lba >> 8);
    ide_write_register(bus, ATA_LBA_HIGH, lba >> 16);
    ide_write_register(bus, ATA_DEVICE, 0xe0);
}

/* Lets requests end; what follows a completion is submitted meanwhile and ends too. */
static void settle(void) { block_drain(disk->conf.blk); }

static void fill_ram(void)
{
    for (size_t i = 0; i < 32 * IDE_SECTOR_BYTES; i++) {
        ram[i] = pattern(i * 7 + 3);
    }
}

static void check_image(unsigned lba, unsigned count, const char *claim)
{
    g_autofree char *data = NULL;

    g_file_get_contents(image, &data, NULL, NULL);
    check_true(!memcmp(data + lba * IDE_SECTOR_BYTES, ram, count * IDE_SECTOR_BYTES), "%s: the image has the data",
               claim);
}

/* ---- tests ---- */

static const struct {
    const char *claim;
    uint8_t command;
    BlockInjectKind kind;
    bool dma;
} sorts[] = {
    { "PIO read", READ_SECTORS, BLOCK_INJECT_READ, false },
    { "PIO write", WRITE_SECTORS, BLOCK_INJECT_WRITE, false },
    { "DMA read", READ_DMA, BLOCK_INJECT_READ, true },
    { "DMA write", WRITE_DMA, BLOCK_INJECT_WRITE, true },
    { "flush", FLUSH_CACHE, BLOCK_INJECT_FLUSH, false },
};

/* Runs a command of @count sectors as far as it goes by itself; PIO data are moved from and to ram. Returns STATUS. */
static uint8_t run(size_t sort, unsigned lba, unsigned count, bool fresh)
{
    static size_t at;
    uint8_t status;

    if (fresh) {
        at = 0;
        write_task(lba, count);
        ide_write_register(&adapter->bus, ATA_COMMAND, sorts[sort].command);
    }
    for (;;) {
        settle();
        status = adapter->bus.regs[0].status;
        if (sorts[sort].dma || !(status & STATUS_DRQ)) {
            return status;
        }
        for (unsigned i = 0; i < IDE_SECTOR_BYTES; i += 2, at += 2) {
            if (sorts[sort].command == READ_SECTORS) {
                uint16_t word = ide_data_read(disk, 2);

                memcpy(ram + at, &word, 2);
            } else {
                ide_data_write(disk, ram[at] | ram[at + 1] << 8, 2);
            }
        }
    }
}

static void prepare(size_t sort)
{
    /* A flush reaches the driver only after a write. */
    if (sorts[sort].command == FLUSH_CACHE) {
        run(1, 1, 1, true);
    }
    if (sorts[sort].kind == BLOCK_INJECT_READ) {
        memset(ram, 0xee, 32 * IDE_SECTOR_BYTES);
    } else {
        fill_ram();
    }
}

static void check_data(size_t sort, unsigned lba, unsigned count, const char *how)
{
    if (sorts[sort].kind == BLOCK_INJECT_READ) {
        for (size_t i = 0; i < count * IDE_SECTOR_BYTES; i++) {
            check_int(ram[i], ==, pattern(lba * IDE_SECTOR_BYTES + i), "%s, %s: byte %zu", sorts[sort].claim, how, i);
        }
    } else if (sorts[sort].kind == BLOCK_INJECT_WRITE) {
        check_image(lba, count, sorts[sort].claim);
    }
}

static void test_report(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(sorts); i++) {
        for (unsigned nth = 1; nth <= 2; nth++) {
            uint8_t status;

            if (nth == 2 && sorts[i].kind == BLOCK_INJECT_FLUSH) {
                continue;
            }
            plug(BLOCK_ON_ERROR_REPORT, BLOCK_ON_ERROR_REPORT);
            prepare(i);
            block_inject.countdown[sorts[i].kind] = nth;
            status = run(i, 8, 10, true);
            check_int(status, ==, STATUS_DRDY | STATUS_ERR, "%s: request %u fails", sorts[i].claim, nth);
            check_int(adapter->bus.regs[0].error, ==, ERROR_ABRT, "%s: ABRT", sorts[i].claim);
            check_int(adapter->irq, ==, 1, "%s: interrupt", sorts[i].claim);
            check_int(adapter->ended, ==, sorts[i].dma, "%s: the adapter is told", sorts[i].claim);
            check_true(!adapter->failed, "%s: it was not memory's fault", sorts[i].claim);
            check_true(!vm_take_requests().stop, "%s: the machine runs on", sorts[i].claim);
            prepare(i);
            check_int(run(i, 8, 10, true), ==, STATUS_DRDY | STATUS_DSC, "%s: the next works", sorts[i].claim);
            check_data(i, 8, 10, "after an error");
            unplug();
        }
    }
}

static void test_ignore(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(sorts); i++) {
        plug(BLOCK_ON_ERROR_IGNORE, BLOCK_ON_ERROR_IGNORE);
        prepare(i);
        block_inject.countdown[sorts[i].kind] = 1;
        check_int(run(i, 8, 10, true) & ~STATUS_DSC, ==, STATUS_DRDY, "%s: an ignored error is none", sorts[i].claim);
        check_int(adapter->bus.regs[0].error, ==, 0, "%s: no error", sorts[i].claim);
        unplug();
    }
}

static void test_stop(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(sorts); i++) {
        for (unsigned times = 1; times <= 3; times++) {
            uint8_t busy = sorts[i].dma ? STATUS_DRQ : STATUS_BSY;
            VmRequests asked;

            plug(BLOCK_ON_ERROR_STOP, BLOCK_ON_ERROR_STOP);
            prepare(i);
            block_inject.countdown[sorts[i].kind] = sorts[i].kind == BLOCK_INJECT_FLUSH ? 1 : 2;
            block_inject.repeat = times - 1;
            check_true(run(i, 8, 10, true) & busy, "%s: the command is still in progress", sorts[i].claim);
            for (unsigned n = 1; n <= times; n++) {
                asked = vm_take_requests();
                check_true(asked.stop && asked.stop_state == RUN_STATE_IO_ERROR, "%s: the machine is asked to stop",
                           sorts[i].claim);
                vm_set_run_state(RUN_STATE_IO_ERROR);
                settle();
                check_true(adapter->bus.regs[0].status & busy, "%s: and the command waits", sorts[i].claim);
                vm_set_run_state(RUN_STATE_RUNNING);
                run(i, 8, 10, false);
            }
            check_int(adapter->bus.regs[0].status & ~STATUS_DSC, ==, STATUS_DRDY, "%s: it ends well after %u stops",
                      sorts[i].claim, times);
            check_data(i, 8, 10, "after a stop");
            check_int(adapter->ended, ==, sorts[i].dma, "%s: once", sorts[i].claim);
            unplug();
        }
    }
}

static void test_reset_while_stopped(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(sorts); i++) {
        plug(BLOCK_ON_ERROR_STOP, BLOCK_ON_ERROR_STOP);
        prepare(i);
        block_inject.countdown[sorts[i].kind] = 1;
        run(i, 8, 10, true);
        check_true(vm_take_requests().stop, "%s: stopped", sorts[i].claim);
        vm_set_run_state(RUN_STATE_IO_ERROR);
        reset_all(RESET_COLD);
        vm_set_run_state(RUN_STATE_RUNNING);
        settle();
        check_int(adapter->bus.regs[0].status, ==, STATUS_DRDY | STATUS_DSC, "%s: a reset forgets the command",
                  sorts[i].claim);
        check_int(adapter->ended, ==, 0, "%s: nothing of it runs again", sorts[i].claim);
        prepare(i);
        check_int(run(i, 8, 10, true) & ~STATUS_DSC, ==, STATUS_DRDY, "%s: and the disk works", sorts[i].claim);
        check_data(i, 8, 10, "after a reset");
        unplug();
    }
}

static const StateField *state_rows(void) { return device_type_of(&disk->device)->state; }

static void test_saved_in_the_middle(void)
{
    g_autoptr(GByteArray) dev_state = g_byte_array_new(), bus_state = g_byte_array_new();
    g_autoptr(GError) err = NULL;
    size_t used;
    uint8_t got[4 * IDE_SECTOR_BYTES];

    plug(BLOCK_ON_ERROR_REPORT, BLOCK_ON_ERROR_REPORT);
    write_task(3, 4);
    ide_write_register(&adapter->bus, ATA_COMMAND, READ_SECTORS);
    settle();
    for (unsigned i = 0; i < 100; i += 2) {
        uint16_t word = ide_data_read(disk, 2);

        memcpy(got + i, &word, 2);
    }
    state_save(state_rows(), disk, 1, dev_state);
    state_save(ide_bus_state, &adapter->bus, 1, bus_state);
    unplug();

    plug(BLOCK_ON_ERROR_REPORT, BLOCK_ON_ERROR_REPORT);
    check_true(state_load(state_rows(), disk, 1, dev_state->data, dev_state->len, &used, &err),
               "the disk's state loads");
    check_true(state_load(ide_bus_state, &adapter->bus, 1, bus_state->data, bus_state->len, &used, &err),
               "the bus's state loads");
    check_true(ide_type_of(disk)->post_load(&disk->device, 1, &err), "and is taken");
    for (unsigned i = 100; i < sizeof(got); i += 2) {
        settle();
        uint16_t word = ide_data_read(disk, 2);

        memcpy(got + i, &word, 2);
    }
    for (unsigned i = 0; i < sizeof(got); i++) {
        check_int(got[i], ==, pattern(3 * IDE_SECTOR_BYTES + i), "byte %u of a read that was saved in the middle", i);
    }
    check_int(adapter->bus.regs[0].status, ==, STATUS_DRDY | STATUS_DSC, "which then ends as any");
    unplug();
}

static void test_bad_state(void)
{
    static const struct { const char *claim; size_t offset; int value; } rows[] = {
        { "a buffer position beyond its length", offsetof(IdeDevice, buf_pos), 1 },
        { "a next step that is none", offsetof(IdeDevice, next), IDE_NEXT_COUNT },
        { "a pending command that is none", offsetof(IdeDevice, pending), -1 },
        { "no heads", offsetof(IdeDevice, heads), 0 },
        { "no sectors of a track", offsetof(IdeDevice, track_sectors), 0 },
        { "too many sectors to move", offsetof(IdeDevice, remaining), 65537 },
    };

    plug(BLOCK_ON_ERROR_REPORT, BLOCK_ON_ERROR_REPORT);
    check_true(ide_type_of(disk)->post_load(&disk->device, 1, NULL), "the state after reset is good");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        int *field = (int *)((char *)disk + rows[i].offset), was = *field;
        g_autoptr(GError) err = NULL;

        *field = rows[i].value;
        check_true(!ide_type_of(disk)->post_load(&disk->device, 1, &err) && err, "%s is refused", rows[i].claim);
        *field = was;
    }
    unplug();
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    bql_lock();
    memory_thread_register();
    folder = g_dir_make_tmp("rhea-ide-XXXXXX", NULL);
    image = g_build_filename(folder, "disk.img", NULL);
    adapter = DEVICE(Adapter, device_create_onboard(&adapter_type, NULL));
    ram = memory_region_ram_ptr(&adapter->ram);
    g_test_add_func("/ide/errors/report", test_report);
    g_test_add_func("/ide/errors/ignore", test_ignore);
    g_test_add_func("/ide/errors/stop", test_stop);
    g_test_add_func("/ide/errors/reset-while-stopped", test_reset_while_stopped);
    g_test_add_func("/ide/state/saved-in-the-middle", test_saved_in_the_middle);
    g_test_add_func("/ide/state/bad", test_bad_state);
    status = g_test_run();
    g_unlink(image);
    g_rmdir(folder);
    return status;
}
