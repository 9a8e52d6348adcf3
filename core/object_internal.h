/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the object model share among themselves. */
#ifndef CORE_OBJECT_INTERNAL_H
#define CORE_OBJECT_INTERNAL_H

#include "core/object.h"

enum { TYPE_DEPTH_MAX = 16 };           /* longest chain from a leaf type to "object" */

/** type_chain: fills @chain with @type and its parents, leaf first; returns how many. */
unsigned type_chain(const Type *type, const Type *chain[TYPE_DEPTH_MAX]);
/** property_init_all / property_release_all: defaults of every row of @obj's type, root to leaf; their freeing. */
void property_init_all(Object *obj);
void property_release_all(Object *obj);
/** property_link_target: what link row @row of @obj points to; NULL if nothing, or if the row is no link. */
Object *property_link_target(Object *obj, const Property *row);
void globals_apply(Object *obj);

#endif
