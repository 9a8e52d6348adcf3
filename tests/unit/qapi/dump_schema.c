/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints the reply of query-qmp-schema, for tests/monitor/schema_parity.py. */
#include <stdio.h>

#include "qapi/schema.h"

int main(void)
{
    json_object *schema = qapi_introspect();
    puts(json_object_to_json_string_ext(schema, JSON_C_TO_STRING_PLAIN));
    json_object_put(schema);
    return 0;
}
