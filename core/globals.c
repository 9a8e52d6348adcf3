/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values given before the object exists: -global, and the compatibility rows of older machine versions.
 *
 * object_new() asks for them after the type's own defaults and init hooks: for each type from root to leaf, the
 * compatibility rows in order, then the user's. A user's mistake ends start-up with an error; later it only warns.
 * Compatibility rows of properties that do not exist here have no effect.
 */
#include "core/object.h"
#include "core/object_internal.h"

#include <string.h>

typedef struct GlobalList { const GlobalProperty *rows; bool user; bool *used; } GlobalList;
static GArray *lists;                   /* of GlobalList, compatibility rows first */
static bool started;

void globals_add(const GlobalProperty *rows, bool user)
{
    unsigned at = 0, count = 0;

    if (!lists) {
        lists = g_array_new(false, false, sizeof(GlobalList));
    }
    while (rows[count].type) {
        count++;
    }
    GlobalList list = { rows, user, g_new0(bool, count + 1) };
    while (at < lists->len && (user || !g_array_index(lists, GlobalList, at).user)) {
        at++;
    }
    g_array_insert_val(lists, at, list);
}

static void apply_row(Object *obj, const GlobalProperty *row, bool user)
{
    g_autoptr(GError) err = NULL;

    if (!user && !type_property(obj->type, row->property)) {
        return;                                 /* a property that an older version set and that is not here yet */
    }
    if (object_parse(obj, row->property, row->value, &err)) {
        return;
    }
    if (!user) {
        g_error("compatibility row %s.%s=%s: %s", row->type, row->property, row->value, err->message);
    }
    g_prefix_error(&err, "-global %s.%s=%s: ", row->type, row->property, row->value);
    if (!started) {
        error_fatal(err);
    }
    warn_report("%s", err->message);
}

void globals_apply(Object *obj)
{
    const Type *chain[TYPE_DEPTH_MAX];

    if (!lists) {
        return;
    }
    for (unsigned t = type_chain(obj->type, chain); t-- > 0; ) {
        for (unsigned i = 0; i < lists->len; i++) {
            GlobalList *list = &g_array_index(lists, GlobalList, i);
            for (unsigned r = 0; list->rows[r].type; r++) {
                if (!strcmp(list->rows[r].type, chain[t]->name)) {
                    list->used[r] = true;
                    apply_row(obj, &list->rows[r], list->user);
                }
            }
        }
    }
}

static void add_type_name(const Type *type, void *nearest)
{
    nearest_add(nearest, type->name);
}

static void check_row(const GlobalProperty *row, bool used)
{
    const Type *type = type_find(row->type);

    if (!type) {
        NearestWord nearest;
        nearest_init(&nearest, row->type);
        type_foreach(NULL, add_type_name, &nearest);
        warn_report("-global %s.%s=%s: there is no type '%s'%s", row->type, row->property, row->value, row->type,
                    nearest_hint(&nearest));
        return;
    }
    if (!used && !type_property(type, row->property)) {
        g_autoptr(GError) err = NULL;
        object_no_property(type, row->property, &err);
        warn_report("-global %s.%s=%s: %s", row->type, row->property, row->value, err->message);
    } else if (!used) {
        warn_report("-global %s.%s=%s has no effect: there is no %s", row->type, row->property, row->value, row->type);
    }
}

void globals_check(void)
{
    started = true;
    for (unsigned i = 0; lists && i < lists->len; i++) {
        GlobalList *list = &g_array_index(lists, GlobalList, i);
        for (unsigned r = 0; list->user && list->rows[r].type; r++) {
            check_row(&list->rows[r], list->used[r]);
        }
    }
}

bool globals_started(void)
{
    return started;
}
