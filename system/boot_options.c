/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options whose content goes to firmware.
 *
 *   -boot                          -> Machine.boot_*, read by the board for CMOS and fw_cfg
 *   -smbios, -acpitable            -> kept by hw/firmware and hw/acpi until tables are built
 *   -fw_cfg, -option-rom           -> items of the board's fw_cfg
 */
#include "system/boot_options.h"

#include <string.h>

#include "core/option.h"
#include "hw/acpi/acpi_user.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/firmware/smbios.h"

static char *copy_of(json_object *args, const char *key)
{
    return g_strdup(dict_str(args, key));
}

static bool flag(json_object *args, const char *key, bool *out, GError **err)
{
    const char *text = dict_str(args, key);
    return !text || parse_bool(key, text, out, err);
}

/* A number from -1 (firmware's own rule) to 65535; @out stays as it is if @key is not given. */
static bool wait_time(json_object *args, const char *key, int *out, GError **err)
{
    const char *text = dict_str(args, key);
    uint64_t value;

    if (!text) {
        return true;
    }
    if (!strcmp(text, "-1")) {
        *out = -1;
        return true;
    }
    if (!parse_uint(key, text, 0xffff, &value, err)) {
        return false;
    }
    *out = value;
    return true;
}

static bool boot_fill(json_object *args, Machine *m, GError **err)
{
    m->boot_order = copy_of(args, "order");
    m->boot_once = copy_of(args, "once");
    m->boot_splash = copy_of(args, "splash");
    return flag(args, "menu", &m->boot_menu, err) && flag(args, "strict", &m->boot_strict, err) &&
           wait_time(args, "splash-time", &m->boot_splash_time, err) &&
           wait_time(args, "reboot-timeout", &m->boot_reboot_timeout, err);
}

void boot_options_fill(const Config *c, Machine *m)
{
    GError *err = NULL;

    m->boot_splash_time = m->boot_reboot_timeout = -1;
    if (c->boot.args && !boot_fill(c->boot.args, m, &err)) {
        option_fail(&c->boot, err);
    }
}

static bool add_option_rom(FwCfg *fw, json_object *args, GError **err)
{
    const char *name = dict_str(args, "romfile"), *index_text = dict_str(args, "bootindex");
    uint64_t bootindex = 0;
    g_autofree char *data = NULL;
    gsize len;

    if (!name || !*name) {
        return error_set(err, "parameter 'romfile' is missing");
    }
    if (index_text && !parse_uint("bootindex", index_text, INT32_MAX, &bootindex, err)) {
        return false;
    }
    g_autofree char *path = firmware_find(name);
    if (!path) {
        return error_set(err, "romfile '%s' is in none of the firmware directories (-L help lists them)", name);
    }
    if (!g_file_get_contents(path, &data, &len, err)) {
        return false;
    }
    if (len < 3 || len > 0x20000 || memcmp(data, "\x55\xaa", 2)) {
        return error_set(err, "'%s' is no option ROM: it has no 55 AA signature, or more than 128 KiB", path);
    }
    g_autofree char *base = g_path_get_basename(path);
    g_autofree char *file = g_strdup_printf("genroms/%s", base);
    size_t there;
    if (strlen(file) > 55 || fw_cfg_file(fw, file, &there)) {
        return error_set(err, "the name '%s' is too long or given twice", base);
    }
    g_autoptr(GBytes) rom = g_bytes_new_take(g_steal_pointer(&data), len);
    fw_cfg_add_option_rom(fw, base, rom, index_text ? (int)bootindex : -1);
    return true;
}

void firmware_options_apply(const Config *c)
{
    FwCfg *fw = fw_cfg_find();
    GError *err = NULL;

    for (guint i = 0; i < c->firmware_items->len; i++) {
        const OptionUse *use = c->firmware_items->pdata[i];
        bool ok;
        if (!strcmp(use->option, "-smbios")) {
            ok = smbios_add_option(use->args, &err);
        } else if (!strcmp(use->option, "-acpitable")) {
            ok = acpi_user_table_add(use->args, &err);
        } else if (!fw) {
            ok = error_set(&err, "machine '%s' has no fw_cfg device",
                           ((const MachineType *)current_machine->object.type)->machine_name);
        } else if (!strcmp(use->option, "-option-rom")) {
            ok = add_option_rom(fw, use->args, &err);
        } else {
            ok = fw_cfg_add_user(fw, use->args, &err);
        }
        if (!ok) {
            option_fail(use, err);
        }
    }
}
