/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Conventional PCI and the parts of PCI Express that devices share.
 *
 *   guest: port 0xcf8/0xcfc or ECAM -> PciBus -> pci_config_read/write() -> config bytes, masks, `on_write` of rows
 *   BAR written -> region mapped into the bus's memory or I/O space; INTx -> swizzled up to the root bus -> chip set
 *
 * A device is a PciDeviceType: identity, config rows beyond the standard header, and DeviceType's functions. Its
 * realize() registers BARs and capabilities; everything else (header, masks, BAR mapping, ROM, INTx, MSI, saved state,
 * reset) is done here. Specs: PCI Local Bus 3.0, PCI Express Base 3.0 for the extended space.
 *
 * Invariants: config bytes change only through config_write(), reset, or the pci_set_*() below on read-only bits;
 * a BAR is mapped exactly while its address is valid and COMMAND enables its space; all under the big lock.
 */
#ifndef HW_PCI_PCI_H
#define HW_PCI_PCI_H

#include "core/device.h"
#include "memory/memory.h"

#include "hw/pci/pci_regs.h"

typedef struct PciDevice PciDevice;
typedef struct PciBus PciBus;
typedef struct PciDeviceType PciDeviceType;
typedef struct PciConfigRow PciConfigRow;

#define PCI_VENDOR_INTEL 0x8086
#define PCI_VENDOR_QEMU 0x1234                  /* bochs/QEMU standard VGA */
#define PCI_VENDOR_REDHAT_QUMRANET 0x1af4
#define PCI_VENDOR_TI 0x104c
#define PCI_VENDOR_REDHAT 0x1b36

#define PCI_DEVFN(slot, func) ((((slot) & 0x1f) << 3) | ((func) & 7))
#define PCI_SLOT(devfn) (((devfn) >> 3) & 0x1f)
#define PCI_FUNC(devfn) ((devfn) & 7)
#define PCI_DEVFN_AUTO (-1)
#define PCI_CONFIG_SIZE 256
#define PCIE_CONFIG_SIZE 4096
#define PCI_BAR_COUNT 7                         /* 0-5, and 6: the expansion ROM */
#define PCI_BAR_ROM 6
#define PCI_PINS 4

/* A device register in config space, outside of the standard header. */
struct PciConfigRow {
    uint16_t offset;
    uint8_t width;                              /* bytes 1, 2, 4; 0 ends a table */
    const char *name;                           /* the data sheet's */
    uint32_t reset;                             /* value after reset (also of read-only registers) */
    uint32_t writable;                          /* bits a write changes */
    uint32_t write_1_clear;                     /* bits a written 1 clears */
    /* the reset at wake-up leaves it: firmware finds its shadow copy by it, or does not put it back */
    bool survives_s3;
    /* after storing, once an access that touches it */
    void (*on_write)(PciDevice *dev, uint32_t old, uint32_t value);
};

struct PciDeviceType {
    union { DeviceType device; struct DeviceType; };    /* .name, .realize, .properties ... directly */
    uint16_t vendor_id, device_id;
    uint16_t subsystem_vendor_id, subsystem_id; /* both 0: 1af4:1100 */
    uint16_t class_id;                          /* base class and subclass: 0x0601 */
    uint8_t prog_if;
    uint8_t revision;
    uint8_t interrupt_pin;                      /* 0: none; 1: INTA ... */
    uint8_t header_type;                        /* PCI_HEADER_NORMAL or PCI_HEADER_BRIDGE */
    bool express;                               /* 4096 bytes of config space on a PCIe bus */
    const char *romfile;                        /* option ROM's default file name; NULL: none */
    const PciConfigRow *config;                 /* NULL: none; rows of all parents count */
    /* Instead of plain config memory; call pci_default_config_read/write() for the rest. */
    uint32_t (*config_read)(PciDevice *dev, unsigned offset, unsigned size);
    void (*config_write)(PciDevice *dev, unsigned offset, uint32_t value, unsigned size);
};
extern const PciDeviceType pci_device_type;     /* "pci-device": abstract */

typedef enum PciBarType {
    PCI_BAR_IO, PCI_BAR_MEM32, PCI_BAR_MEM64, PCI_BAR_MEM32_PREFETCH, PCI_BAR_MEM64_PREFETCH
} PciBarType;
typedef struct PciBar { MemoryRegion *region; uint64_t size, addr; PciBarType type; bool mapped; } PciBar;
#define PCI_BAR_UNMAPPED UINT64_MAX             /* PciBar.addr while not decoding */

#define PCI_MSIX_VECTORS_MAX 2048
typedef struct MsiMessage { uint64_t addr; uint32_t data; } MsiMessage;
typedef struct PciMsix {
    MemoryRegion table_region, pba_region, exclusive_bar;   /* the last: of pci_msix_init_exclusive_bar() only */
    uint8_t *table, *pba;                       /* 16 bytes a vector; a bit a vector */
    uint32_t table_len, pba_len;
    uint16_t vectors;
} PciMsix;

struct PciDevice {
    Device device;
    int32_t addr;                               /* property addr=: devfn or PCI_DEVFN_AUTO */
    int devfn;                                  /* after attach */
    bool multifunction;
    int32_t rombar;                             /* 0: no ROM BAR; 1: yes; -1: automatic */
    char *romfile;
    uint32_t romsize;
    uint32_t acpi_index;
    uint8_t *config, *writable, *write_1_clear; /* config_len bytes each */
    uint32_t config_len;
    PciBar bars[PCI_BAR_COUNT];
    MemoryRegion rom;
    bool has_rom;
    uint8_t cap_used[PCI_CONFIG_SIZE / 8];      /* bit a byte: taken by the header or a capability */
    uint8_t msi_cap, msix_cap, pcie_cap, pm_cap;/* offsets; 0: none */
    uint16_t aer_cap, acs_cap;                  /* of extended capabilities; 0: none */
    void (*decode_changed)(PciDevice *dev);     /* of a bridge: COMMAND changed, or all registers were loaded */
    bool pcie_ext_tag, pcie_lnksta_dllla, pcie_ari_nextfn_1, pcie_err_unc_mask; /* of machine versions */
    uint64_t max_bounce_bytes;
    char *failover_pair_id, *sriov_pf;
    bool unplug_requested;                      /* device_del is waiting for the guest */
    uint8_t interrupt_pin;                      /* the type's, or as set in realize(); 0: none */
    uint8_t irq_level;                          /* INTx as driven by the device (before INTERRUPT_DISABLE) */
    bool irq_asserted;                          /* as seen by the bus */
    PciMsix *msix;
    uint8_t *msix_table, *msix_pba;             /* those of msix, for the state table */
    uint32_t msix_table_len, msix_pba_len;
    AddressSpace *dma_as;                       /* system memory while COMMAND.MASTER, else an empty space */
};
#define PCI_DEVICE(d) ((PciDevice *)(d))
#define PCI_BUS(b) ((PciBus *)(b))
static inline const PciDeviceType *pci_device_type_of(const PciDevice *d)
{
    return (const PciDeviceType *)d->device.object.type;
}

/* For realize() of a device. */
/**
 * pci_register_bar: BAR @n (0-5; a 64-bit one takes @n + 1 too) decodes @region, whose size is a power of two (memory:
 * at least 16 bytes, I/O: at least 4). The region stays the device's. A mistake here aborts: it is ours, not the
 * guest's.
 */
void pci_register_bar(PciDevice *dev, unsigned n, PciBarType type, MemoryRegion *region);
/**
 * pci_add_capability: @len bytes at @offset (0: first free) of config space, linked into the list; zero but for the
 * id. Returns the offset, or 0 and @err.
 */
unsigned pci_add_capability(PciDevice *dev, uint8_t id, unsigned offset, unsigned len, GError **err);
unsigned pci_find_capability(const PciDevice *dev, uint8_t id);    /* 0: none */

/** pci_set_interrupt_pin: in place of the type's: 0: none, 1: INTA ... */
void pci_set_interrupt_pin(PciDevice *dev, unsigned pin);

/* Config bytes, little-endian; set_* also where the guest may not write. */
uint8_t pci_get8(const PciDevice *dev, unsigned offset);
uint16_t pci_get16(const PciDevice *dev, unsigned offset);
uint32_t pci_get32(const PciDevice *dev, unsigned offset);
void pci_set8(PciDevice *dev, unsigned offset, uint8_t value);
void pci_set16(PciDevice *dev, unsigned offset, uint16_t value);
void pci_set32(PciDevice *dev, unsigned offset, uint32_t value);
void pci_set_writable8(PciDevice *dev, unsigned offset, uint8_t mask);
void pci_set_writable16(PciDevice *dev, unsigned offset, uint16_t mask);
void pci_set_writable32(PciDevice *dev, unsigned offset, uint32_t mask);

uint32_t pci_default_config_read(PciDevice *dev, unsigned offset, unsigned size);
void pci_default_config_write(PciDevice *dev, unsigned offset, uint32_t value, unsigned size);

/** pci_set_irq: drives the device's own INTx pin; no effect outside while COMMAND.INTX_DISABLE. */
void pci_set_irq(PciDevice *dev, int level);
/** pci_irq_line: the same as a wire, for code that takes an IrqLine. g_free(). */
IrqLine *pci_irq_line(PciDevice *dev);
/** pci_dma: what the device sees as a bus master; ask at every use: it is an empty space while COMMAND.MASTER is 0. */
static inline AddressSpace *pci_dma(PciDevice *dev) { return dev->dma_as; }
static inline uint16_t pci_requester_id(const PciDevice *dev);

/** pci_msi_init: MSI capability at @offset (0: any) with @vectors (1, 2, 4 ... 32). */
bool pci_msi_init(PciDevice *dev, unsigned offset, unsigned vectors, bool addr64, bool per_vector_mask, GError **err);
bool pci_msi_enabled(const PciDevice *dev);
void pci_msi_notify(PciDevice *dev, unsigned vector);   /* sends or, if masked, pends */
/**
 * pci_msix_init: table in @table_bar at @table_offset, pending bits in @pba_bar at @pba_offset; regions are added to
 * the BARs' regions.
 */
bool pci_msix_init(PciDevice *dev, unsigned vectors, MemoryRegion *table_bar, unsigned table_bar_nr,
                   uint32_t table_offset, MemoryRegion *pba_bar, unsigned pba_bar_nr, uint32_t pba_offset,
                       unsigned cap_offset, GError **err);
/** pci_msix_init_exclusive_bar: both in BAR @bar_nr, which this registers. */
bool pci_msix_init_exclusive_bar(PciDevice *dev, unsigned vectors, unsigned bar_nr, GError **err);
bool pci_msix_init_exclusive_bar_at(PciDevice *dev, unsigned vectors, unsigned bar_nr, unsigned cap_offset,
                                    GError **err);
bool pci_msix_enabled(const PciDevice *dev);
void pci_msix_notify(PciDevice *dev, unsigned vector);
/** pci_send_msi: the memory write itself, as @dev's. */
void pci_send_msi(PciDevice *dev, MsiMessage msg);

/* Buses. */
/* pin 0-3 -> the parent's pin, or the root's line number */
typedef int PciMapIrqFn(PciDevice *dev, int pin);
typedef void PciSetIrqFn(void *opaque, int line, int level);    /* root only: wired-OR result of a line changed */

typedef struct PciBusType { union { BusType bus; struct BusType; }; bool express; } PciBusType;
extern const PciBusType pci_bus_type;           /* "PCI" */
extern const PciBusType pcie_bus_type;          /* "PCIE" */

/*
 * Who takes part when a device comes or goes while the machine runs: a slot of PCI Express, or ACPI. A bus without one
 * takes no such device. `check` may refuse before the device is put on the bus.
 */
typedef struct PciHotplug {
    bool (*check)(void *opaque, PciDevice *dev, int devfn, GError **err);
    void (*plugged)(void *opaque, PciDevice *dev);
    bool (*unplug_request)(void *opaque, PciDevice *dev, GError **err);
} PciHotplug;

struct PciBus {
    Bus bus;
    PciDevice *devices[256];                    /* by devfn */
    PciDevice *bridge;                          /* NULL: root bus */
    struct PciHost *host;                       /* of a root bus: who makes its configuration cycles (pci_host.h) */
    MemoryRegion *memory, *io;                  /* where BARs are mapped */
    PciMapIrqFn *map_irq;
    PciSetIrqFn *set_irq;
    void *irq_opaque;
    int irq_lines;
    int *irq_counts;                            /* devices asserting each line */
    int devfn_min;
    int slots;                                  /* 32, or 1 below a port of PCI Express */
    int root_number;                            /* of the root bus of an expander bridge; 0: none */
    const PciHotplug *hotplug;
    void *hotplug_opaque;
    bool no_hotplug;                            /* of a port with hotplug=off, or inside of a switch */
    void (*occupancy_changed)(PciBus *bus);     /* a device was put on or taken off; NULL: nobody cares */
};

/** pci_bus_init: a root bus; @memory and @io take the BARs. */
void pci_bus_init(PciBus *bus, const PciBusType *type, Device *owner, const char *name, MemoryRegion *memory,
                  MemoryRegion *io, int devfn_min);
void pci_bus_set_irqs(PciBus *bus, PciSetIrqFn *set_irq, PciMapIrqFn *map_irq, void *opaque, int lines);
/**
 * pci_bus_irq_level: whether any device asserts @line of root @bus.
 * pci_bus_recount_irqs: to be called after map_irq's answers changed.
 */
bool pci_bus_irq_level(const PciBus *bus, int line);
void pci_bus_recount_irqs(PciBus *bus);
/* NULL before attach */
static inline PciBus *pci_device_bus(const PciDevice *dev) { return PCI_BUS(dev->device.bus); }
PciBus *pci_root_bus(void);                     /* the machine's first root bus; NULL: no PCI */
int pci_bus_number(const PciBus *bus);          /* 0 for a root, else the bridge's secondary bus number */
bool pci_bus_is_express(const PciBus *bus);
PciDevice *pci_find_device(PciBus *root, int bus_number, int devfn);
/** pci_swizzle: the standard bridge rule, (slot + pin) mod 4. */
int pci_swizzle(PciDevice *dev, int pin);
/** pci_bus_below: the bus that bridge or expander @dev provides; NULL for any other device. */
PciBus *pci_bus_below(const PciDevice *dev);
void pci_foreach_device(PciBus *bus, void (*fn)(PciDevice *dev, void *opaque), void *opaque);   /* @bus and all below */
/** pci_unplug: the guest let go of @slot: its devices are removed, if they can be. Functions above 0 first. */
void pci_unplug(PciBus *bus, unsigned slot);
/**
 * pci_new: new device of the board at @devfn, properties still to be set; finish with device_realize_onboard().
 * pci_create: both in one.
 */
PciDevice *pci_new(const PciDeviceType *type, int devfn, bool multifunction);
PciDevice *pci_create(PciBus *bus, const PciDeviceType *type, int devfn);

/** pci_config_read/write: one guest access of 1, 2 or 4 bytes within the device's config space. */
uint32_t pci_config_read(PciDevice *dev, unsigned offset, unsigned size);
void pci_config_write(PciDevice *dev, unsigned offset, uint32_t value, unsigned size);
/**
 * pci_data_read/write: by CONFIG_ADDRESS-like number: bus 23-16, devfn 15-8, register 7-0. All ones if nobody answers.
 */
uint32_t pci_data_read(PciBus *root, uint32_t addr, unsigned size);
void pci_data_write(PciBus *root, uint32_t addr, uint32_t value, unsigned size);

void pci_print_info(GString *out);              /* `info pci` */
const char *pci_class_name(uint16_t class_id);  /* "VGA controller"; NULL if unknown */

/* addr=: "SLOT[.FUNC]" in hex, or a number devfn. */
extern const PropertyKind prop_kind_pci_devfn;

static inline uint16_t pci_requester_id(const PciDevice *dev)
{
    return pci_bus_number(pci_device_bus(dev)) << 8 | dev->devfn;
}

#endif
