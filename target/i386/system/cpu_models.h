/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU models: const rows from which the types MODEL-x86_64-cpu, -cpu help and query-cpu-definitions come.
 *
 *   cpu_models.def -> CpuModel rows, one type each -> object_new(): x86_cpu_apply_model() fills features and identity
 *   -> properties (-cpu +feat, -global) change them -> realize (cpu.c) checks them against what can be given
 */
#ifndef TARGET_I386_SYSTEM_CPU_MODELS_H
#define TARGET_I386_SYSTEM_CPU_MODELS_H

#include "target/i386/cpu.h"

#define X86_CPU_SUFFIX "-x86_64-cpu"

typedef struct CpuModel {
    union { DeviceType device; struct DeviceType; };
    const char *model_name;
    const char *base;                           /* model whose features these differ from; for an alias: what it stands for */
    bool is_alias;
    const char *vendor;                         /* 12 characters; NULL: the alias's model says it */
    uint32_t family, model, stepping, level, xlevel;
    const char *model_id, *feature_names;
    bool everything;                            /* max, host: all features that can be given */
} CpuModel;

bool x86_cpu_is_intel(const CpuX86 *cpu);
bool x86_cpu_is_amd(const CpuX86 *cpu);         /* or Hygon */
bool x86_model_has_caches(const CpuModel *model);       /* describes its own caches */
/** x86_cpu_xcr0_mask: state components that XSETBV may enable. x86_cpu_xss_mask: the same for IA32_XSS. */
uint64_t x86_cpu_xcr0_mask(const CpuX86 *cpu);
uint64_t x86_cpu_xss_mask(const CpuX86 *cpu);
bool x86_cpu_xcr0_valid(const CpuX86 *cpu, uint64_t value);
/** x86_cpu_apply_model: sets features, identity and levels of @cpu, a new object, from its type. */
void x86_cpu_apply_model(CpuX86 *cpu);
/** x86_cpu_supported: the features that the accelerator in use (or, before there is one, TCG) can give, as words. */
void x86_cpu_supported(uint32_t words[FEATURE_WORD_COUNT]);
/** x86_model_has_feature: whether @model's row has FEATURE_* number @feature. */
bool x86_model_has_feature(const CpuModel *model, unsigned feature);
/** x86_cpu_model_type: the vCPU type of model @name; NULL: there is none. */
const Type *x86_cpu_model_type(const char *name);
/** x86_feature_name: property name of FEATURE_* number @feature; NULL: a bit without name. */
const char *x86_feature_name(unsigned feature);

bool x86_cpu_is_amd(const CpuX86 *cpu);         /* AMD's and Hygon's ways rather than Intel's */
/** x86_cpu_xcr0_mask, x86_cpu_xss_mask: state components that XCR0 and IA32_XSS may enable. */
uint64_t x86_cpu_xcr0_mask(const CpuX86 *cpu);
uint64_t x86_cpu_xss_mask(const CpuX86 *cpu);

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
