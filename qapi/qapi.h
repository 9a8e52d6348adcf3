/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that is generated from the interface schema: types, command handlers to implement, event senders. */
#ifndef QAPI_QAPI_H
#define QAPI_QAPI_H

#include "qapi/qapi-commands.h"
#include "qapi/qapi-events.h"
#include "qapi/qapi-types.h"

#endif
