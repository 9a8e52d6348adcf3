/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What fw_cfg says of the machine as a whole, of -fw_cfg options, and of the boot order.
 *
 * Fixed items are added once; "bootorder" is made anew at every machine reset, since devices come and go.
 */
#include <string.h>

#include "core/option.h"
#include "hw/firmware/fw_cfg_internal.h"
#include "hw/machine.h"

static void boot_order_update(void *opaque, ResetKind kind)
{
    FwCfg *fw = opaque;
    GPtrArray *roms = fw_cfg_boot_roms(fw);
    g_autoptr(GString) out = g_string_new(NULL);
    size_t devices_len = 0;
    g_autofree char *devices = current_machine ? machine_boot_order(current_machine, &devices_len) : NULL;

    for (unsigned i = 0; i < roms->len; i++) {
        g_string_append_printf(out, "%s%s", out->len ? "\n" : "", (char *)g_ptr_array_index(roms, i));
    }
    if (devices && devices_len > 1) {
        g_string_append_printf(out, "%s%s", out->len ? "\n" : "", devices);
    }
    fw_cfg_add_file(fw, "bootorder", out->str, out->len ? out->len + 1 : 0);    /* with its final zero */
}

static void machine_done(void *opaque)
{
    reset_register(boot_order_update, opaque);
    boot_order_update(opaque, RESET_COLD);
}

/* Count, then one word a possible APIC id (its node) and one a node (its bytes): without nodes all zero. */
static void add_numa(FwCfg *fw, unsigned apic_id_limit)
{
    g_autofree uint64_t *table = g_new0(uint64_t, 1 + apic_id_limit);

    fw_cfg_add_bytes(fw, FW_CFG_NUMA, table, (1 + apic_id_limit) * sizeof(uint64_t));
}

void fw_cfg_add_machine(FwCfg *fw, Machine *machine, unsigned apic_id_limit)
{
    uint32_t fail_wait = GUINT32_TO_LE((uint32_t)machine->boot_reboot_timeout);

    fw_cfg_add_bytes(fw, FW_CFG_UUID, machine->uuid, sizeof(machine->uuid));
    fw_cfg_add_u16(fw, FW_CFG_NOGRAPHIC, machine->nographic);
    fw_cfg_add_u16(fw, FW_CFG_BOOT_MENU, machine->boot_menu);
    fw_cfg_add_u64(fw, FW_CFG_RAM_SIZE, machine->ram_size);
    fw_cfg_add_u16(fw, FW_CFG_NB_CPUS, machine->smp.cpus);
    fw_cfg_add_u16(fw, FW_CFG_MAX_CPUS, apic_id_limit);
    fw_cfg_add_u32(fw, FW_CFG_IRQ0_OVERRIDE, 1);
    if (!machine->numa) {                       /* else the board, which knows APIC ids, adds it */
        add_numa(fw, apic_id_limit);
    }
    fw_cfg_add_file(fw, "etc/boot-fail-wait", &fail_wait, sizeof(fail_wait));
    if (machine->boot_splash_time >= 0) {
        uint16_t wait = GUINT16_TO_LE((uint16_t)machine->boot_splash_time);
        fw_cfg_add_file(fw, "etc/boot-menu-wait", &wait, sizeof(wait));
    }
    fw_cfg_add_file(fw, "bios-geometry", NULL, 0);
    fw_cfg_add_file(fw, "bootorder", NULL, 0);
    machine_on_done(machine_done, fw);
}

bool fw_cfg_add_splash(FwCfg *fw, Machine *machine, GError **err)
{
    const char *name = machine->boot_splash;
    g_autofree char *path = name ? firmware_find(name) : NULL;
    g_autofree char *data = NULL;
    gsize len;

    if (!name) {
        return true;
    }
    if (!path) {
        return error_set(err, "-boot splash=%s: there is no such file", name);
    }
    if (!g_file_get_contents(path, &data, &len, err)) {
        g_prefix_error(err, "-boot splash=%s: ", name);
        return false;
    }
    bool jpeg = len > 2 && !memcmp(data, "\xff\xd8", 2), bmp = len > 29 && !memcmp(data, "BM", 2);
    if (!jpeg && !bmp) {
        return error_set(err, "-boot splash=%s: neither a JPEG nor a BMP picture", name);
    }
    if (bmp && (data[28] != 24 || data[29])) {
        return error_set(err, "-boot splash=%s: firmware shows BMP pictures of 24 bits a pixel only", name);
    }
    if (len > UINT32_MAX) {
        return error_set(err, "-boot splash=%s: the file is too large", name);
    }
    g_autoptr(GBytes) bytes = g_bytes_new_take(g_steal_pointer(&data), len);
    fw_cfg_add_file_gbytes(fw, jpeg ? "bootsplash.jpg" : "bootsplash.bmp", bytes);
    return true;
}

void fw_cfg_add_option_rom(FwCfg *fw, const char *name, GBytes *rom, int bootindex)
{
    g_autofree char *file = g_strdup_printf("genroms/%s", name);

    fw_cfg_add_file_gbytes(fw, file, rom);
    if (bootindex >= 0) {
        g_ptr_array_add(fw_cfg_boot_roms(fw), g_strdup_printf("/rom@%s", file));
    }
}

/* -fw_cfg */

static const char *const user_keys[] = { "name", "file", "string" };

static bool user_keys_known(json_object *args, GError **err)
{
    json_object_object_foreach(args, key, value) {
        NearestWord nearest;
        bool known = false;

        (void)value;
        nearest_init(&nearest, key);
        for (size_t i = 0; i < G_N_ELEMENTS(user_keys); i++) {
            known |= !strcmp(key, user_keys[i]);
            nearest_add(&nearest, user_keys[i]);
        }
        if (!known) {
            return error_set(err, "fw_cfg item has no key '%s'%s", key, nearest_hint(&nearest));
        }
    }
    return true;
}

bool fw_cfg_add_user(FwCfg *fw, json_object *args, GError **err)
{
    const char *name = dict_str(args, "name"), *file = dict_str(args, "file"), *string = dict_str(args, "string");
    g_autofree char *data = NULL;
    size_t len;

    if (!user_keys_known(args, err)) {
        return false;
    }
    if (!name || !*name) {
        return error_set(err, "fw_cfg item needs a name");
    }
    if (strlen(name) > 55) {
        return error_set(err, "fw_cfg item name '%s' is longer than 55 bytes", name);
    }
    if (!file == !string) {
        return error_set(err, "fw_cfg item '%s' needs either file or string", name);
    }
    if (fw_cfg_file(fw, name, &len)) {
        return error_set(err, "there is a fw_cfg item named '%s' already", name);
    }
    if (!g_str_has_prefix(name, "opt/")) {
        warn_report("fw_cfg item '%s': names of user items should begin with \"opt/\"", name);
    }
    if (string) {
        fw_cfg_add_file(fw, name, string, strlen(string));      /* without a final zero */
        return true;
    }
    if (!g_file_get_contents(file, &data, &len, err)) {
        return false;
    }
    if (len > UINT32_MAX) {
        return error_set(err, "file '%s' is too large for a fw_cfg item", file);
    }
    fw_cfg_add_file(fw, name, data, len);
    return true;
}
