/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU models: const rows from which the types MODEL-x86_64-cpu, -cpu help and query-cpu-definitions come.
 */
#ifndef TARGET_I386_SYSTEM_CPU_MODELS_H
#define TARGET_I386_SYSTEM_CPU_MODELS_H

#include "target/i386/cpu.h"

/**
 * x86_cpu_parse_model: the text of -cpu: "MODEL[,+feat][,-feat][,feat=on|off][,key=value...]".
 * @type_name: the QOM type ("qemu64-x86_64-cpu"); g_free()
 * @args:      properties to set on every vCPU, in order of application; caller's reference
 *
 * False with @err for an unknown model or property, naming it and the nearest valid one.
 */
bool x86_cpu_parse_model(const char *text, char **type_name, json_object **args, GError **err);
/** x86_cpu_print_help: -cpu help on stdout: models, then feature names. */
void x86_cpu_print_help(void);
/** x86_cpu_missing_features: appends (g_strdup()ed) names of features of model @type that the accelerator or host cannot give. */
void x86_cpu_missing_features(const Type *type, GPtrArray *names);
/** x86_cpu_alias_of: the versioned model that @model stands for ("qemu64" -> "qemu64-v1"); NULL if it is no alias. */
const char *x86_cpu_alias_of(const char *model);

#endif
