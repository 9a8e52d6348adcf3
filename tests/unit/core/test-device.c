/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices: life in the order promised, failures undone, buses, reset, wires, -device, state as bytes. */
#include "core/device.h"
#include "core/option.h"
#include "tests/check.h"

static GString *order;
static int alive;

static void note(const char *what, const Device *dev)
{
    g_string_append_printf(order, "%s(%s) ", what, dev->id ? dev->id : dev->object.type->name);
}

/* --- the bus and its devices --- */

typedef struct PlugDevice { Device device; uint32_t slot; } PlugDevice;
typedef struct Card {
    PlugDevice plug;
    bool fails;
    uint32_t value;
    uint8_t reg;
    Timer timer;
    IrqLine *out[2];
    int in_level;
} Card;
typedef struct Hub { PlugDevice plug; Bus bus; bool child_fails; } Hub;

static bool plug_attach(Bus *bus, Device *dev, GError **err)
{
    for (unsigned i = 0; i < bus->devices->len; i++) {
        if (((PlugDevice *)bus->devices->pdata[i])->slot == ((PlugDevice *)dev)->slot) {
            return error_set(err, "slot %u of bus '%s' is taken", ((PlugDevice *)dev)->slot, bus->name);
        }
    }
    note("attach", dev);
    return true;
}
static void plug_detach(Bus *bus, Device *dev) { note("detach", dev); }
static void plug_bus_reset(Bus *bus, ResetKind kind) { g_string_append_printf(order, "bus-reset(%s) ", bus->name); }
static const BusType plug_bus_type = {
    .name = "PLUG",
    .parent = &bus_type.type,
    .max_devices = 3,
    .attach = plug_attach,
    .detach = plug_detach,
    .reset = plug_bus_reset,
};
TYPE_REGISTER(plug_bus_type);
static const BusType sub_bus_type = {.name = "SUBPLUG", .parent = &plug_bus_type.type}; /* takes the parent's hooks */
TYPE_REGISTER(sub_bus_type);

static bool plug_realize(Device *dev, GError **err) { note("plug", dev); return true; }
static void plug_unrealize(Device *dev) { note("unplug", dev); }
static void plug_reset(Device *dev, ResetKind kind) { note("plug-reset", dev); }
static const Property plug_properties[] = { PROP_UINT32("slot", PlugDevice, slot, 0, "where it sits"), { } };
static const DeviceType plug_device_type = {
    .name = "plug-device",
    .parent = &device_type.type,
    .size = sizeof(PlugDevice),
    .is_abstract = true,
    .bus = &plug_bus_type.type,
    .properties = plug_properties,
    .realize = plug_realize,
    .unrealize = plug_unrealize,
    .reset = plug_reset,
};
TYPE_REGISTER(plug_device_type);

static void card_init(Object *obj) { alive++; }
static void card_finalize(Object *obj) { alive--; }
static void card_fire(void *opaque) { note("fire", opaque); }
static void card_in(void *opaque, int n, int level) { ((Card *)opaque)->in_level = n * 10 + level; }
static bool card_realize(Device *dev, GError **err)
{
    Card *s = DEVICE(Card, dev);
    note("card", dev);
    if (s->fails) {
        return error_set(err, "card fails");
    }
    device_add_inputs(dev, "pin", card_in, 4);
    device_add_outputs(dev, "", s->out, 2);
    return true;
}
static void card_unrealize(Device *dev) { note("uncard", dev); }
static void card_reset(Device *dev, ResetKind kind) { note("card-reset", dev); ((Card *)dev)->value = 0; }
static bool card_post_load(Device *dev, unsigned version, GError **err)
{
    return ((Card *)dev)->value != 0xbad ? true : error_set(err, "value 0xbad is impossible");
}
static const Property card_properties[] = {
    PROP_BOOL("fails", Card, fails, false, NULL), PROP_UINT32("value", Card, value, 5, NULL, .runtime = true), { }
};
static const Register card_ports[] = {{0x300, 1, "REG", REG_RW, 0xff, .reset = 0x42, .field = REG_FIELD(Card, reg)},
                                      {}};
static const StateField card_state[] = { STATE_U32(Card, value), STATE_TIMER(Card, timer), { } };
static const DeviceType card_type = {
    .name = "card",
    .alias = "karte",
    .parent = &plug_device_type.type,
    .size = sizeof(Card),
    .category = CATEGORY_NETWORK,
    .description = "a card for tests",
    .properties = card_properties,
    .init = card_init,
    .finalize = card_finalize,
    .realize = card_realize,
    .unrealize = card_unrealize,
    .reset = card_reset,
    .ports = card_ports,
    .state = card_state,
    .post_load = card_post_load,
    .timers = TIMERS(TIMER(Card, timer, CLOCK_VIRTUAL, card_fire)),
};
TYPE_REGISTER(card_type);
static const DeviceType card2_type = { .name = "card-pro", .parent = &card_type.type, .no_hotplug = true };
TYPE_REGISTER(card2_type);
static const DeviceType board_type = { .name = "board-part", .parent = &device_type.type, .not_user_creatable = true };
TYPE_REGISTER(board_type);

static bool hub_realize(Device *dev, GError **err)
{
    Hub *s = DEVICE(Hub, dev);
    bus_init(&s->bus, &sub_bus_type, dev, NULL);
    Card *inside = (Card *)device_new(&card_type);
    inside->fails = s->child_fails;
    object_add_child(&dev->object, "inside", &inside->plug.device.object);
    return device_realize(&inside->plug.device, &s->bus, err);
}
static const Property hub_properties[] = { PROP_BOOL("child-fails", Hub, child_fails, false, NULL), { } };
static const DeviceType hub_type = {
    .name = "hub",
    .parent = &plug_device_type.type,
    .size = sizeof(Hub),
    .category = CATEGORY_BRIDGE,
    .properties = hub_properties,
    .realize = hub_realize,
};
TYPE_REGISTER(hub_type);

typedef struct Host { Device device; Bus bus; } Host;
static bool host_realize(Device *dev, GError **err)
{
    bus_init(&((Host *)dev)->bus, &plug_bus_type, dev, "plug.0");
    return true;
}
static const DeviceType host_type = {
    .name = "host",
    .parent = &device_type.type,
    .size = sizeof(Host),
    .bus = &system_bus_type.type,
    .not_user_creatable = true,
    .realize = host_realize,
};
TYPE_REGISTER(host_type);

static Device *host;

static Device *add(const char *text, GError **err)
{
    json_object *args = option_parse(text, "driver", NULL, err);
    Device *dev = args ? device_add_from_dict(args, err) : NULL;
    json_object_put(args);
    return dev;
}

static void clear(void)
{
    g_string_truncate(order, 0);
}

static void test_life(void)
{
    g_autoptr(GError) err = NULL;

    clear();
    Device *dev = add("card,id=c1,slot=2", &err);
    check_true(dev, "added: %s", err ? err->message : "");
    check_str(order->str, "attach(c1) plug(c1) card(c1) plug-reset(c1) card-reset(c1) ", "root to leaf, then a reset");
    check_true(dev->realized && !dev->hotplugged && dev->bus == &((Host *)host)->bus, "on the free bus");
    check_int(((Card *)dev)->reg, ==, 0x42, "registers have their reset values");
    check_true(device_find("c1") == dev && device_find("/machine/peripheral/c1") == dev, "by id and path");
    check_true(!object_parse(&dev->object, "slot", "3", &err), "frozen");
    check_str(err->message, "Attempt to set property 'slot' on device 'c1' (type 'card') after it was realized",
              "message");
    g_clear_error(&err);
    check_true(object_parse(&dev->object, "value", "3", NULL), "but run-time properties");
    timer_arm_ns(&((Card *)dev)->timer, 0);
    clear();
    device_unrealize(dev);
    check_str(order->str, "uncard(c1) unplug(c1) detach(c1) ", "leaf to root");
    check_true(!device_find("c1"), "out of the tree");
    check_int(alive, ==, 0, "freed");
    check_int(clock_virtual_next_deadline(), ==, -1, "its timer is stopped");

    dev = add("karte", NULL);
    check_true(dev && !dev->id && dev->object.type == &card_type.type, "by alias, anonymous");
    g_autofree char *path = object_path(&dev->object);
    check_str(path, "/machine/peripheral-anon/device[0]", "path of an anonymous device");
    check_true(!object_parse(&dev->object, "slot", "3", &err), "frozen");
    check_str(err->message, "Attempt to set property 'slot' on anonymous device (type 'card') after it was realized",
              "message");
    device_unrealize(dev);
}

static void test_errors(void)
{
    static const struct {
        const char *claim, *args, *error, *events;
    } rows[] = {
        {"no driver", "id=x", "Parameter 'driver' is missing", ""},
        {"misspelt", "crad", "'crad' is not a valid device model name; did you mean 'card'?", ""},
        {"misspelt alias", "kartee", "'kartee' is not a valid device model name; did you mean 'karte'?", ""},
        {"no device at all", "container", "'container' is not a valid device model name", ""},
        {"abstract", "plug-device", "Parameter 'driver' expects a non-abstract device type, not 'plug-device'", ""},
        {"on-board only", "board-part",
         "Parameter 'driver' expects a pluggable device type; 'board-part' is part of a board", ""},
        {"bad id", "card,id=9",
         "Parameter 'id' expects an identifier (letters, digits, '-', '.', '_', beginning with a letter), not '9'", ""},
        {"no such bus", "card,bus=plug.9", "Bus 'plug.9' not found; did you mean 'plug.0'?", ""},
        {"no such bus path", "card,bus=/machine", "Bus '/machine' not found", ""},
        {"bus of another type", "card,bus=main-system-bus", "Device 'card' can't go on System bus", ""},
        {"unknown property", "card,slto=1", "card has no property 'slto'; did you mean 'slot'?", ""},
        {"bad value", "card,slot=x", "property 'slot' of card takes an integer, not 'x'", ""},
        {"bus is a number", "{'driver': 'card', 'bus': 1}", "Invalid parameter type for 'bus', expected: string", ""},
        {"realize fails: what ran is undone", "card,id=f,fails=on", "card fails",
         "attach(f) plug(f) card(f) unplug(f) detach(f) "},
        {"a child fails: its parent is undone", "hub,id=h,child-fails=on", "card fails",
         "attach(h) plug(h) attach(card) plug(card) card(card) unplug(card) detach(card) unplug(h) detach(h) "},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) err = NULL;
        clear();
        check_true(!add(rows[i].args, &err), "%s", rows[i].claim);
        check_str(err->message, rows[i].error, "%s", rows[i].claim);
        check_str(order->str, rows[i].events, "%s: events", rows[i].claim);
        check_int(alive, ==, 0, "%s: nothing is left", rows[i].claim);
        check_int(((Host *)host)->bus.devices->len, ==, 0, "%s: the bus is empty", rows[i].claim);
    }
    g_autoptr(GError) err = NULL;
    Device *a = add("card,id=a", NULL);
    check_true(!add("card,id=a,slot=1", &err), "an id twice");
    check_str(err->message, "Duplicate ID 'a' for device", "message");
    g_clear_error(&err);
    check_true(!add("card,id=b", &err), "the bus refuses the address");
    check_str(err->message, "slot 0 of bus 'plug.0' is taken", "message");
    g_clear_error(&err);
    Device *b = add("card,id=b,slot=1", NULL), *c = add("card,id=c,slot=2", NULL);
    check_true(b && c, "three fit");
    check_true(!add("card,id=d,slot=3", &err), "no free bus");
    check_str(err->message, "Bus 'plug.0' is full, and there is no other 'PLUG' bus for device 'card'", "message");
    g_clear_error(&err);
    check_true(!add("card,id=d,slot=3,bus=plug.0", &err), "a full bus");
    check_str(err->message, "Bus 'plug.0' is full", "message");
    device_unrealize(a);
    device_unrealize(b);
    device_unrealize(c);
    check_int(alive, ==, 0, "all gone");
}

static void count_device(Device *dev, void *count)
{
    ++*(int *)count;
}

static void test_buses(void)
{
    int count = 0;

    Device *hub = add("hub,id=hub", NULL);
    Bus *bus = bus_find("hub.0", NULL);
    check_true(bus && bus->owner == hub, "a bus is named after its owner's id");
    Device *c = add("card,id=c,bus=hub.0,slot=7", NULL);
    check_true(c && c->bus == bus, "a device on it, by the parent type's rules");
    g_autofree char *path = object_path(&bus->object);
    check_str(path, "/machine/peripheral/hub/hub.0", "path of a bus");
    check_true(bus_find(path, NULL) == bus, "found by path");
    json_object *parent = object_get(&c->object, "parent_bus", NULL);
    check_str(json_object_get_string(parent), path, "parent_bus");
    json_object_put(parent);
    bus_foreach_device(system_bus(), count_device, &count);
    check_int(count, ==, 4, "host, hub, the card inside and c");
    clear();
    reset_all(RESET_COLD);
    check_str(order->str,
              "plug-reset(card) card-reset(card) plug-reset(c) card-reset(c) bus-reset(hub.0) plug-reset(hub) "
              "bus-reset(plug.0) ",
              "children first");
    clear();
    device_unrealize(hub);
    check_str(order->str,
              "uncard(c) unplug(c) detach(c) uncard(card) unplug(card) detach(card) unplug(hub) detach(hub) ",
              "removal takes what is below along, last first");
    check_int(alive, ==, 0, "all gone");
    check_true(!bus_find("hub.0", NULL), "the bus too");
    hub = add("hub,slot=1", NULL);
    check_true(bus_find("subplug.0", NULL), "else after its type");
    device_unrealize(hub);
}

static void on_reset(void *opaque, ResetKind kind)
{
    g_string_append_printf(order, "%s%d ", (char *)opaque, kind);
}

static char name_A[] = "A", name_B[] = "B";

static void test_reset(void)
{
    Device *dev = add("card,id=c", NULL);
    Device *part = device_create_onboard(&board_type, NULL);
    g_autofree char *path = object_path(&part->object);

    check_true(g_str_has_prefix(path, "/machine/unattached/device["), "an on-board device is unattached: %s", path);
    check_true(!part->bus, "and needs no bus");
    reset_register(on_reset, name_A);
    reset_register(on_reset, name_B);
    timer_arm_ns(&((Card *)dev)->timer, 1000);
    ((Card *)dev)->reg = 1;
    clear();
    reset_all(RESET_WARM);
    check_str(order->str, "A1 B1 plug-reset(c) card-reset(c) bus-reset(plug.0) ", "handlers first, then devices");
    check_true(!timer_armed(&((Card *)dev)->timer), "reset stops timers");
    check_int(((Card *)dev)->reg, ==, 0x42, "and sets registers");
    reset_unregister(on_reset, name_A);
    clear();
    device_reset(dev, RESET_WAKEUP);
    check_str(order->str, "plug-reset(c) card-reset(c) ", "one device");
    reset_unregister(on_reset, name_B);
    device_unrealize(dev);
    device_unrealize(part);
}

static void test_wires(void)
{
    Card *a = (Card *)add("card,id=a", NULL), *b = (Card *)add("card,id=b,slot=1", NULL);

    irq_raise(a->out[1]);               /* unconnected: nothing */
    device_connect(&a->plug.device, "", 1, device_input(&b->plug.device, "pin", 3));
    irq_raise(a->out[1]);
    check_int(b->in_level, ==, 31, "pin 3 high");
    irq_lower(a->out[1]);
    check_int(b->in_level, ==, 30, "pin 3 low");
    device_connect(&a->plug.device, "", 1, NULL);
    irq_raise(a->out[1]);
    check_int(b->in_level, ==, 30, "disconnected");
    device_unrealize(&a->plug.device);
    device_unrealize(&b->plug.device);
}

static void test_wire_mistake(void)
{
    if (g_test_subprocess()) {
        device_input(add("card,id=a", NULL), "pin", 4);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*card has no input 'pin' 4*");
}

static void test_timer(void)
{
    Device *dev = add("card,id=t", NULL);
    clock_virtual_set_manual();
    timer_arm_ns(&((Card *)dev)->timer, clock_ns(CLOCK_VIRTUAL) + 5);
    clear();
    clock_virtual_step(clock_ns(CLOCK_VIRTUAL) + 5);
    check_str(order->str, "fire(t) ", "the row's function is called with the device");
    device_unrealize(dev);
}

static void test_state(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GError) err = NULL;
    Card *s = (Card *)add("card,id=s", NULL);
    size_t used;

    s->value = 0x01020304;
    s->reg = 0x99;
    device_save(&s->plug.device, out);
    static const uint8_t want[] = { 0, 1, 0, 0, 0, 13, 1, 2, 3, 4, 255, 255, 255, 255, 255, 255, 255, 255, 0x99 };
    check_int(out->len, ==, sizeof(want), "length");
    check_int(memcmp(out->data, want, sizeof(want)), ==, 0, "version, length, rows, registers");
    device_reset(&s->plug.device, RESET_COLD);
    check_true(device_load(&s->plug.device, out->data, out->len, &used, &err), "loads: %s", err ? err->message : "");
    check_int(s->value, ==, 0x01020304, "value");
    check_int(s->reg, ==, 0x99, "register");
    for (size_t len = 0; len < out->len; len++) {
        g_autofree uint8_t *copy = g_memdup2(out->data, MAX(len, 1));
        check_true(!device_load(&s->plug.device, copy, len, &used, &err) && err, "%zu bytes are too few", len);
        g_clear_error(&err);
    }
    static const struct { const char *claim; size_t at; uint8_t value; const char *error; } cases[] = {
        { "version 0", 1, 0, "card: state version 0 is not 1 to 1" },
        { "a later version", 1, 2, "card: state version 2 is not 1 to 1" },
        { "a length beyond the stream", 5, 14, "card: state is 14 bytes long, but 13 are left" },
        { "a length too short", 5, 12, "card: state ends within 'REG': 0 bytes are left, 1 wanted" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree uint8_t *copy = g_memdup2(out->data, out->len);
        copy[cases[i].at] = cases[i].value;
        check_true(!device_load(&s->plug.device, copy, out->len, &used, &err), "%s", cases[i].claim);
        check_str(err->message, cases[i].error, "%s", cases[i].claim);
        g_clear_error(&err);
        check_int(s->value, ==, 0, "%s: the device is reset", cases[i].claim);
        check_int(s->reg, ==, 0x42, "%s: and its registers", cases[i].claim);
    }
    s->value = 0xbad;
    g_byte_array_set_size(out, 0);
    device_save(&s->plug.device, out);
    check_true(!device_load(&s->plug.device, out->data, out->len, &used, &err), "post_load refuses");
    check_str(err->message, "card: value 0xbad is impossible", "message");
    check_int(s->value, ==, 0, "what post_load refused is gone");
    device_unrealize(&s->plug.device);
}

static void test_help(void)
{
    if (g_test_subprocess()) {
        device_print_help(NULL);
        device_print_help(&card_type.type);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stdout("Controller/Bridge/Hub devices:\nname \"hub\", bus PLUG\n\nNetwork devices:\n"
                              "name \"card\", bus PLUG, alias \"karte\", desc \"a card for tests\"\n"
                              "name \"card-pro\", bus PLUG\n"
                              "card options:\n"
                              "  fails=<bool>           - on/off (default: off)\n"
                              "  slot=<uint32>          - where it sits (default: 0)\n"
                              "  value=<uint32>         -  (default: 5)\n");
}

static void test_hotplug(void)
{
    g_autoptr(GError) err = NULL;

    globals_check();
    Device *dev = add("card,id=hot", NULL);
    check_true(dev->hotplugged, "added after start-up");
    device_unrealize(dev);
    check_true(!add("card-pro", &err), "not every device");
    check_str(err->message, "Device 'card-pro' does not support hotplugging", "message");
}

int main(int argc, char **argv)
{
    order = g_string_new(NULL);
    g_test_init(&argc, &argv, NULL);
    host = device_create_onboard(&host_type, NULL);
    g_test_add_func("/device/life", test_life);
    g_test_add_func("/device/errors", test_errors);
    g_test_add_func("/device/buses", test_buses);
    g_test_add_func("/device/reset", test_reset);
    g_test_add_func("/device/wires", test_wires);
    g_test_add_func("/device/wire-mistake", test_wire_mistake);
    g_test_add_func("/device/timer", test_timer);
    g_test_add_func("/device/state", test_state);
    g_test_add_func("/device/help", test_help);
    g_test_add_func("/device/hotplug", test_hotplug);       /* last: start-up is over */
    return g_test_run();
}
