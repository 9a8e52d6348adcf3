/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interface as data: one row a command or event, and the types a client sees, in the order of the schema files.
 * Generated rows; introspection (query-qmp-schema), dispatch and event throttling read them.
 */
#ifndef QAPI_SCHEMA_H
#define QAPI_SCHEMA_H

#include "qapi/visit.h"

typedef struct QapiInterface {
    const char *name;
    const QapiType *arg;                /* NULL: no members */
    const QapiType *ret;                /* NULL: nothing */
    const char *const *features;
    bool is_event;
    bool oob;                           /* may be run by exec-oob, ahead of others */
    bool preconfig;                     /* allowed before the machine is made */
    bool coroutine;                     /* the handler may yield; other commands of the monitor wait */
    bool raw;                           /* the handler takes the arguments as JSON, and checks them */
    bool raw_return;                    /* the handler returns JSON */
    uint32_t rate_limit_ms;             /* events: at most one in that time, the last wins; 0: no limit */
    const char *rate_key;               /* limited apart for each value of this string member; NULL: all together */
} QapiInterface;

extern const QapiInterface qapi_interface[];
extern const unsigned qapi_interface_count;
extern const QapiType *const qapi_visible_types[];      /* NULL-terminated */

/** qapi_introspect: the reply of query-qmp-schema, made anew by each call. */
json_object *qapi_introspect(void);

/** qapi_event_hook: takes over @data (NULL: none). Set by the monitor while there is one; NULL: events go nowhere. */
extern void (*qapi_event_hook)(const QapiInterface *event, json_object *data);

#endif
