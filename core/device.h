/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices and buses.
 *
 * A DeviceType is one const table; subsystems extend it (PciDeviceType, ...) by beginning with it. Rule of inheritance:
 * init, realize and reset run from the root type to the leaf, unrealize and finalize from leaf to root; a type never
 * calls its parent's function itself. Rows of `properties`, `state` and `timers` accumulate the same way.
 *
 * Life: object_new(); properties set; device_realize(dev, bus): picks the bus, runs realize of each type (on failure
 * undoes what ran), resets the device. device_unrealize() takes it off. All under the big lock.
 */
#ifndef CORE_DEVICE_H
#define CORE_DEVICE_H

#include "core/irq.h"
#include "core/object.h"
#include "core/register.h"
#include "core/state.h"
#include "core/timer.h"

typedef struct Bus Bus;
typedef struct DeviceType DeviceType;
typedef struct BusType BusType;

typedef enum DeviceCategory {
    CATEGORY_MISC, CATEGORY_BRIDGE, CATEGORY_USB, CATEGORY_STORAGE, CATEGORY_NETWORK, CATEGORY_INPUT, CATEGORY_DISPLAY,
    CATEGORY_SOUND, CATEGORY_CPU, CATEGORY_WATCHDOG, CATEGORY_COUNT
} DeviceCategory;

typedef enum ResetKind { RESET_COLD, RESET_WARM, RESET_WAKEUP } ResetKind;

/* A timer member, initialised before realize and stopped by reset and removal. */
/* fn's opaque is the device */
typedef struct DeviceTimer { uint32_t offset; ClockType clock; TimerFn *fn; } DeviceTimer;
#define TIMER(S, f, clk, cb) { .offset = STATE_OFFSET(S, f, Timer), .clock = clk, .fn = cb }
#define TIMERS(...) (const DeviceTimer[]){ __VA_ARGS__, { .fn = NULL } }

struct DeviceType {
    union { Type type; struct Type; };          /* .name, .size, .properties ... directly */
    /* bus type it plugs into (&isa_bus_type ...); NULL: parent's, or none */
    const Type *bus;
    DeviceCategory category;
    const char *firmware_name;                  /* in firmware's device paths ("fdc"); NULL: the type's name */
    const char *alias;                          /* second name for -device ("ahci" for "ich9-ahci"); NULL */
    bool not_user_creatable;                    /* refused by -device / device_add */
    bool no_hotplug;
    const Register *ports;                      /* I/O port rows; mapped at realize by the ISA layer */
    const StateField *state;
    uint16_t state_version;                     /* 0: 1 */
    const DeviceTimer *timers;
    bool (*realize)(Device *dev, GError **err);
    void (*unrealize)(Device *dev);
    void (*reset)(Device *dev, ResetKind kind);
    bool (*post_load)(Device *dev, unsigned version, GError **err);
    void (*pre_save)(Device *dev);
    /* Of a device on no bus (else the bus has these): as BusType's. */
    void (*plugged)(Device *dev);
    bool (*unplug_request)(Device *dev, GError **err);
    void (*print_info)(Device *dev, GString *out);  /* extra lines of `info qtree` */
    void (*print_pic)(Device *dev, GString *out);   /* an interrupt controller: its part of `info pic` */
    /* An interrupt controller: how often each of *@inputs inputs has risen, for `info irq`; NULL: not counted. */
    const uint64_t *(*irq_counts)(Device *dev, unsigned *inputs);
};

extern const DeviceType device_type;            /* "device": abstract root */

struct Device {
    Object object;
    char *id;                                   /* user's id= or NULL */
    Bus *bus;                                   /* the bus it sits on; NULL: none (on-board, CPU) */
    GPtrArray *buses;                           /* Bus *: those it provides; NULL while none */
    GPtrArray *wires;                           /* named inputs and outputs; NULL while none */
    bool realized, hotplugged;
};

/* DEVICE(Rtc, dev): checked by size of the type chain in debug builds; a plain cast otherwise. */
#define DEVICE(T, dev) ((T *)(dev))
#define device_type_of(dev) ((const DeviceType *)((Device *)(dev))->object.type)

/** device_new: object_new() for a device type. */
Device *device_new(const DeviceType *type);
/** device_type_find: by name or alias; NULL if there is none or it is no device. */
const DeviceType *device_type_find(const char *name);
/** device_bus_type: the type of bus that @type plugs into; NULL: none. */
const BusType *device_bus_type(const Type *type);
/**
 * device_realize: brings @dev to life on @bus (NULL: a free bus of the right type is searched, if the type needs one).
 * Puts it in the tree if it is not yet: /machine/peripheral/ID, /machine/peripheral-anon/device[N] or, for devices of
 * the board, /machine/unattached/device[N]. The reference of a device not in the tree goes to the tree, also on failure
 * (then @dev is gone); one that is in the tree already is removed from it on failure.
 */
bool device_realize(Device *dev, Bus *bus, GError **err);
/** device_create_onboard: device_new + device_realize for a board; a failure is fatal. */
Device *device_create_onboard(const DeviceType *type, Bus *bus);
void device_realize_onboard(Device *dev, Bus *bus);     /* same, properties already set by the caller */
/**
 * device_unrealize: takes @dev and all below it out of service and out of the tree, which drops the tree's reference.
 */
void device_unrealize(Device *dev);
/** device_remove: the same for a device of the user's; device_removed_hook hears of it. */
void device_remove(Device *dev);
extern void (*device_removed_hook)(const char *id, const char *path);
/** device_leaves_alone: @dev is on no bus and has an unplug_request of its own. */
bool device_leaves_alone(const Device *dev);
/** device_request_unplug: device_del: at once, or when the guest has let go of it. */
bool device_request_unplug(Device *dev, GError **err);
void device_reset(Device *dev, ResetKind kind);         /* with the devices on its buses, children first */
/** device_add_from_dict: -device / device_add: "driver", "id", "bus", and properties. */
Device *device_add_from_dict(json_object *args, GError **err);
Device *device_find(const char *id_or_path);            /* NULL: none */
void device_print_help(const Type *type_or_null);       /* -device help, -device X,help; on stdout */
/**
 * device_save / device_load: all state rows of @dev, root to leaf, then the stored registers of its `ports` rows. Each
 * type with state is one record: version (2 bytes), length (4), rows. Calls pre_save and post_load. device_load()
 * checks every length; on failure it resets the device and what is plugged into it, so that none goes on with values
 * that a post_load refused. So reset() gives a sound value to every field that post_load() checks.
 */
void device_save(Device *dev, GByteArray *out);
bool device_load(Device *dev, const uint8_t *data, size_t len, size_t *used, GError **err);

/* Named wires. A device offers inputs and outputs by name ("" for the main group); a board connects them. */
void device_add_inputs(Device *dev, const char *name, IrqFn *fn, int count);    /* fn's opaque is the device */
IrqLine *device_input(Device *dev, const char *name, int n);
void device_add_outputs(Device *dev, const char *name, IrqLine **wires, int count); /* @wires: fields of the device */
void device_connect(Device *dev, const char *name, int n, IrqLine *to);
/** device_wire_group: size of a group, -1: none; *@inputs gets its pins, or, if NULL, *@outputs its array of wires. */
int device_wire_group(Device *dev, const char *name, IrqLine **inputs, IrqLine ***outputs);

/* Bus: what devices plug into. A bus type may check addresses in `attach`. A hook left NULL is the parent type's. */
struct BusType {
    union { Type type; struct Type; };
    unsigned max_devices;                       /* 0: no limit */
    bool (*attach)(Bus *bus, Device *dev, GError **err);    /* before the device's realize */
    void (*detach)(Bus *bus, Device *dev);
    char *(*device_path)(Device *dev);          /* firmware path for bootindex ("/pci@i0cf8/ide@1,1"); g_free() */
    void (*reset)(Bus *bus, ResetKind kind);    /* after its devices */
    /* A device was added while the machine runs; its realize() and reset are over. */
    void (*plugged)(Bus *bus, Device *dev);
    /*
     * device_del: the bus asks the guest, who ends it by device_remove() some day; false and @err: refused. NULL: goes
     * at once.
     */
    bool (*unplug_request)(Bus *bus, Device *dev, GError **err);
};

struct Bus {
    Object object;
    Device *owner;                              /* NULL: the main system bus */
    char *name;                                 /* "pci.0", "ide.0"; found by bus= */
    GPtrArray *devices;                         /* Device *, in order of plugging */
};

extern const BusType bus_type;                  /* "bus": abstract */
extern const BusType system_bus_type;           /* "System" */
void bus_reset(Bus *bus, ResetKind kind);                /* its devices, then the bus itself */
/**
 * bus_init: @bus is embedded in @owner's struct, zero-filled; name NULL: owner's id or the bus type in lower case, plus
 * ".N".
 */
void bus_init(Bus *bus, const BusType *type, Device *owner, const char *name);
Bus *bus_find(const char *path_or_name, GError **err);
Bus *system_bus(void);
/** bus_foreach_device: depth first over @bus and all buses below. */
void bus_foreach_device(Bus *bus, void (*fn)(Device *dev, void *opaque), void *opaque);

/*
 * Whole-machine reset: handlers run in order of registration; then devices that sit on no bus and in no other device
 * (vCPUs among them), in order of realize; then all from system_bus() down. device_reset() takes with it the devices on
 * the device's buses and those without bus that are its children in the tree.
 */
typedef void ResetFn(void *opaque, ResetKind kind);
void reset_register(ResetFn *fn, void *opaque);
void reset_unregister(ResetFn *fn, void *opaque);
void reset_all(ResetKind kind);

#endif
