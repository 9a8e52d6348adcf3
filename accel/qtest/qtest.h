/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qtest: devices driven by a test instead of a CPU.
 *
 * The accelerator "qtest" runs no guest code and holds the virtual clock still; the server reads commands from a
 * character device, one a line, and acts on ports, memory, interrupt lines and the clock (docs/devel/testing.rst).
 */
#ifndef ACCEL_QTEST_QTEST_H
#define ACCEL_QTEST_QTEST_H

#include "core/error.h"

/**
 * qtest_server_init: -qtest, -qtest-log: serves the protocol on the chardev that @chardev_text describes in short form.
 * @log: file that gets every line both ways; NULL: stderr; "none": nothing.
 */
bool qtest_server_init(const char *chardev_text, const char *log, GError **err);

#endif
