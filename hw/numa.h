/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NUMA: which memory and which CPUs are near each other, and how far the rest is.
 *
 * system/numa.c fills it from -numa; the board lays out RAM by it and the ACPI tables (SRAT, SLIT, HMAT) tell the guest.
 */
#ifndef HW_NUMA_H
#define HW_NUMA_H

#include "core/object.h"

enum { NUMA_MAX_NODES = 128, NUMA_LOCAL_DISTANCE = 10, NUMA_REMOTE_DISTANCE = 20, NUMA_UNREACHABLE = 255 };
enum { HMAT_LEVELS = 4, HMAT_TYPES = 6, HMAT_CACHES = 3 };

/* In the order of the table's numbers (ACPI 6.4, 5.2.27.4). */
typedef enum HmatType {
    HMAT_ACCESS_LATENCY, HMAT_READ_LATENCY, HMAT_WRITE_LATENCY, HMAT_ACCESS_BANDWIDTH, HMAT_READ_BANDWIDTH,
    HMAT_WRITE_BANDWIDTH
} HmatType;

/* A cache of memory's own, level 1 to 3 (5.2.27.5). bytes 0: none. */
typedef struct HmatCache { uint64_t bytes; uint8_t associativity, policy; uint16_t line_bytes; } HmatCache;
/* Latency (ns) or bandwidth (bytes a second) of one level and kind, by initiator and target; 0: not told. */
typedef struct HmatMatrix { uint64_t value[NUMA_MAX_NODES][NUMA_MAX_NODES]; } HmatMatrix;

typedef struct NumaNode {
    bool present, has_cpu;
    uint64_t bytes;
    Object *memdev;                             /* memory back end; NULL: no memory of its own */
    int initiator;                              /* node whose CPUs are nearest to its memory; -1: not told */
    HmatCache caches[HMAT_CACHES];              /* level 1 first */
    uint8_t distance[NUMA_MAX_NODES];           /* 0: not told */
} NumaNode;

typedef struct NumaConfig {
    unsigned count;
    NumaNode nodes[NUMA_MAX_NODES];
    bool has_distances, hmat;
    HmatMatrix *matrices[HMAT_LEVELS][HMAT_TYPES];      /* NULL: not told */
    int *cpu_nodes;                             /* by CPU index, for all possible ones; -1: none */
} NumaConfig;

#endif
