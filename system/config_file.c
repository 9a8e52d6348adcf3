/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "system/config_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/option.h"

/* ---- -set ---- */

typedef struct SetGroup { const char *name; size_t list; } SetGroup;

static const SetGroup set_groups[] = {
    { "chardev", offsetof(Config, chardevs) }, { "device", offsetof(Config, devices) },
    { "drive", offsetof(Config, drives) }, { "mon", offsetof(Config, monitors) },
};

static const SetGroup *set_group(const char *name, GError **err)
{
    NearestWord nearest;

    nearest_init(&nearest, name);
    for (size_t i = 0; i < G_N_ELEMENTS(set_groups); i++) {
        nearest_add(&nearest, set_groups[i].name);
        if (!strcmp(set_groups[i].name, name)) {
            return &set_groups[i];
        }
    }
    error_set(err, "there is no option group '%s'%s", name, nearest_hint(&nearest));
    return NULL;
}

bool config_set(Config *c, const char *text, GError **err)
{
    const char *dot = strchr(text, '.'), *second = dot ? strchr(dot + 1, '.') : NULL, *equals = strchr(text, '=');

    if (!second || !equals || second > equals || second == dot + 1 || equals == second + 1) {
        return error_set(err, "can't parse: \"%s\"; wanted GROUP.ID.KEY=VALUE", text);
    }
    g_autofree char *group_name = g_strndup(text, dot - text), *id = g_strndup(dot + 1, second - dot - 1);
    g_autofree char *key = g_strndup(second + 1, equals - second - 1);
    const SetGroup *group = set_group(group_name, err);
    if (!group) {
        return false;
    }
    GPtrArray *list = *(GPtrArray **)((char *)c + group->list);
    for (guint i = 0; i < list->len; i++) {
        OptionUse *use = list->pdata[i];
        const char *name = use->args ? dict_str(use->args, "id") : NULL;
        if (name && !strcmp(name, id)) {
            json_object_object_add(use->args, key, json_object_new_string(equals + 1));
            return true;
        }
    }
    return error_set(err, "there is no %s \"%s\" defined", group_name, id);
}

/* ---- -readconfig ---- */

typedef struct Section { char *group; GString *text; unsigned line; } Section;

static void append_pair(GString *text, const char *key, const char *value)
{
    g_auto(GStrv) parts = g_strsplit(value, ",", -1);
    g_autofree char *escaped = g_strjoinv(",,", parts);

    g_string_append_printf(text, "%s%s=%s", text->len ? "," : "", key, escaped);
}

static bool section_end(Config *c, Section *s, GError **err)
{
    bool ok = !s->group || options_apply(c, s->group, s->text->str, err);

    if (!ok) {
        g_prefix_error(err, "section [%s] in line %u: ", s->group, s->line);
    }
    g_clear_pointer(&s->group, g_free);
    g_string_truncate(s->text, 0);
    return ok;
}

/* One line. Comments begin with '#'; '"' may not stand within a value. */
static bool line_read(Config *c, Section *s, char *line, unsigned number, GError **err)
{
    char group[64], id[64], key[64], value[1024];
    int used = 0;

    g_strstrip(line);
    if (!*line || *line == '#') {
        return true;
    }
    bool with_id = sscanf(line, "[%63[^] \"] \"%63[^]\"]\"]%n", group, id, &used) == 2 && used;
    if (with_id || (sscanf(line, "[%63[^] \"]]%n", group, &used) == 1 && used)) {
        if (!section_end(c, s, err)) {
            return false;
        }
        s->group = g_strdup(group);
        s->line = number;
        if (with_id) {
            append_pair(s->text, "id", id);
        }
        return true;
    }
    used = 0;                                   /* is set only where the whole pattern was there */
    *value = 0;
    bool pair = sscanf(line, "%63s = \"%1023[^\"]\"%n", key, value, &used) == 2 && used;
    if (pair || (sscanf(line, "%63s = \"\"%n", key, &used) == 1 && used)) {
        if (!s->group) {
            return error_set(err, "line %u: no group defined", number);
        }
        append_pair(s->text, key, value);
        return true;
    }
    return error_set(err, "line %u: parse error in '%s'; wanted [group \"id\"] or KEY = \"VALUE\"", number, line);
}

bool config_read(Config *c, const char *path, GError **err)
{
    g_autofree char *content = NULL;
    g_autoptr(GError) read_error = NULL;
    Section s = { .text = g_string_new(NULL) };
    bool ok = true;

    if (!g_file_get_contents(path, &content, NULL, &read_error)) {
        g_string_free(s.text, true);
        return error_set(err, "Could not open '%s': %s", path, g_strerror(errno));
    }
    g_auto(GStrv) lines = g_strsplit(content, "\n", -1);
    for (unsigned i = 0; ok && lines[i]; i++) {
        ok = line_read(c, &s, lines[i], i + 1, err);
    }
    ok = ok && section_end(c, &s, err);
    g_free(s.group);
    g_string_free(s.text, true);
    return ok;
}
