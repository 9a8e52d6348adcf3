/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words that the Tab key offers for arguments of HMP commands: ids, types, paths, log items, trace events. */
#include <string.h>

#include "core/device.h"
#include "core/log.h"
#include "monitor/hmp.h"

typedef struct Offer { const char *prefix; GPtrArray *candidates; const Type *ancestor; } Offer;

static bool offer_child(Object *child, void *opaque)
{
    Offer *o = opaque;
    hmp_offer(o->prefix, child->name, o->candidates);
    return true;
}

static void offer_children(const char *path, const char *prefix, GPtrArray *candidates)
{
    Object *home = object_resolve(path, NULL);
    if (home) {
        object_foreach_child(home, offer_child, &(Offer){ prefix, candidates, NULL });
    }
}

void hmp_complete_device_id(const char *prefix, GPtrArray *candidates)
{
    offer_children("/machine/peripheral", prefix, candidates);
}

void hmp_complete_object_id(const char *prefix, GPtrArray *candidates)
{
    offer_children("/objects", prefix, candidates);
}

static void offer_type(const Type *type, void *opaque)
{
    Offer *o = opaque;
    bool creatable = type->user_creatable;
    if (o->ancestor) {
        creatable = true;
        for (const Type *t = type; type_is_a(t, o->ancestor); t = t->parent) {
            creatable &= !((const DeviceType *)t)->not_user_creatable;
        }
    }
    if (creatable && !type->is_abstract) {
        hmp_offer(o->prefix, type->name, o->candidates);
    }
}

void hmp_complete_device_type(const char *prefix, GPtrArray *candidates)
{
    type_foreach(&device_type.type, offer_type, &(Offer){ prefix, candidates, &device_type.type });
}

void hmp_complete_object_type(const char *prefix, GPtrArray *candidates)
{
    type_foreach(NULL, offer_type, &(Offer){ prefix, candidates, NULL });
}

/* An absolute path, one component a Tab: "/mach" -> "/machine/". */
typedef struct PathOffer { const char *directory, *prefix; GPtrArray *candidates; } PathOffer;

static bool offer_component(Object *child, void *opaque)
{
    PathOffer *o = opaque;
    g_autofree char *path = g_strdup_printf("%s/%s%s", o->directory, child->name,
                                            child->children && g_hash_table_size(child->children) ? "/" : "");
    hmp_offer(o->prefix, path, o->candidates);
    return true;
}

void hmp_complete_path(const char *prefix, GPtrArray *candidates)
{
    const char *slash = strrchr(prefix, '/');
    if (!slash) {
        hmp_offer(prefix, "/", candidates);
        return;
    }
    g_autofree char *directory = g_strndup(prefix, slash - prefix);
    Object *obj = *directory ? object_resolve(directory, NULL) : object_root();
    if (obj) {
        object_foreach_child(obj, offer_component, &(PathOffer){ directory, prefix, candidates });
    }
}

/* The last of a list separated by commas. */
void hmp_complete_log_item(const char *prefix, GPtrArray *candidates)
{
    const char *comma = strrchr(prefix, ',');
    g_autofree char *before = g_strndup(prefix, comma ? comma + 1 - prefix : 0);
    for (const LogItemName *item = log_item_names; item->name; item++) {
        g_autofree char *text = g_strconcat(before, item->name, NULL);
        hmp_offer(prefix, text, candidates);
    }
    hmp_offer(prefix, "none", candidates);
}

static void offer_trace_event(const TraceEvent *event, void *opaque)
{
    Offer *o = opaque;
    hmp_offer(o->prefix, event->name, o->candidates);
}

void hmp_complete_trace_event(const char *prefix, GPtrArray *candidates)
{
    trace_foreach(offer_trace_event, &(Offer){ prefix, candidates, NULL });
}

void hmp_complete_on_off(const char *prefix, GPtrArray *candidates)
{
    hmp_offer(prefix, "on", candidates);
    hmp_offer(prefix, "off", candidates);
}
