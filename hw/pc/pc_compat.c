/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What older machine versions do differently: property values that guests and saved states of that time expect.
 *
 * A block of rows holds what changed after its version. A machine of version V has the blocks of all versions from the
 * newest down to V, in that order: where two blocks name one property, the older version's value counts. The user's
 * -global comes after. Rows are complete, also for devices and properties that do not exist here yet; those are passed
 * over (core/globals.c), and take effect the day the property comes.
 */
#include "hw/pc/pc.h"

static const GlobalProperty rows_11_1[] = {
    { "ramfb", "use-legacy-x86-rom", "true" },
    { "vfio-pci-nohotplug", "use-legacy-x86-rom", "true" },
    { }
};

static const GlobalProperty rows_11_0[] = {
    { "virtio-mmio", "x-override-queue-size", "1024" },
    { "chardev-vc", "encoding", "cp437" },
    { "tpm-crb", "cap-chunk", "off" },
    { "tpm-crb", "x-allow-chunk-migration", "off" },
    { "tpm-tis-device", "ppi", "off" },
    { "migration", "switchover-ack-legacy", "on" },
    { }
};

static const GlobalProperty rows_10_2[] = {
    { "scsi-block", "migrate-pr", "off" },
    { "isa-cirrus-vga", "global-vmstate", "true" },
    { }
};

static const GlobalProperty rows_10_1[] = {
    { "acpi-ged", "x-has-hest-addr", "false" },
    { "virtio-net-device", "host_tunnel", "off" },
    { "virtio-net-device", "host_tunnel_csum", "off" },
    { "virtio-net-device", "guest_tunnel", "off" },
    { "virtio-net-device", "guest_tunnel_csum", "off" },
    { "mch", "extended-tseg-mbytes", "16" },
    { }
};

static const GlobalProperty rows_10_0[] = {
    { "scsi-hd", "dpofua", "off" },
    { "vfio-pci", "x-migration-load-config-after-iter", "off" },
    { "chardev-qemu-vdagent", "x-migration-blocked", "true" },
    { "x86_64-cpu", "x-consistent-cache", "false" },
    { "x86_64-cpu", "x-vendor-cpuid-only-v2", "false" },
    { "x86_64-cpu", "x-arch-cap-always-on", "true" },
    { "x86_64-cpu", "x-pdcm-on-even-without-pmu", "true" },
    { }
};

static const GlobalProperty rows_9_2[] = {
    { "virtio-balloon-pci", "vectors", "0" },
    { "virtio-balloon-pci-transitional", "vectors", "0" },
    { "virtio-balloon-pci-non-transitional", "vectors", "0" },
    { "virtio-mem-pci", "vectors", "0" },
    { "migration", "multifd-clean-tls-termination", "false" },
    { "migration", "send-switchover-start", "off" },
    { "vfio-pci", "x-migration-multifd-transfer", "off" },
    { }
};

static const GlobalProperty rows_9_1[] = {
    { "pci-device", "x-pcie-ext-tag", "false" },
    { "ICH9-LPC", "x-smi-swsmi-timer", "off" },
    { "ICH9-LPC", "x-smi-periodic-timer", "off" },
    { "intel-iommu", "stale-tm", "on" },
    { "intel-iommu", "aw-bits", "39" },
    { }
};

static const GlobalProperty rows_9_0[] = {
    { "scsi-hd", "migrate-emulated-scsi-request", "false" },
    { "scsi-cd", "migrate-emulated-scsi-request", "false" },
    { "vfio-pci", "skip-vsc-check", "false" },
    { "virtio-pci", "x-pcie-pm-no-soft-reset", "off" },
    { "sd-card", "spec_version", "2" },
    { "x86_64-cpu", "x-amd-topoext-features-only", "false" },
    { "x86_64-cpu", "x-l1-cache-per-thread", "false" },
    { "x86_64-cpu", "guest-phys-bits", "0" },
    { "sev-guest", "legacy-vm-type", "on" },
    { "x86_64-cpu", "legacy-multi-node", "on" },
    { }
};

static const GlobalProperty rows_8_2[] = {
    { "migration", "zero-page-detection", "legacy" },
    { "virtio-iommu-pci", "granule", "4k" },
    { "virtio-iommu-pci", "aw-bits", "64" },
    { "virtio-gpu-device", "x-scanout-vmstate-version", "1" },
    { "generic-pc-machine", "smbios-entry-point-type", "64" },
    { }
};

static const GlobalProperty rows_8_1[] = {
    { "base-pci-bridge", "x-pci-express-writeable-slt-bug", "true" },
    { "ramfb", "x-migrate", "off" },
    { "vfio-pci-nohotplug", "x-ramfb-migrate", "off" },
    { "igb", "x-pcie-flr-init", "off" },
    { "virtio-net-device", "host_uso", "off" },
    { "virtio-net-device", "guest_uso4", "off" },
    { "virtio-net-device", "guest_uso6", "off" },
    { }
};

static const GlobalProperty rows_8_0[] = {
    { "migration", "multifd-flush-after-each-section", "on" },
    { "pci-device", "x-pcie-ari-nextfn-1", "on" },
    { "virtio-mem", "unplugged-inaccessible", "auto" },
    { "generic-pc-machine", "smbios-entry-point-type", "32" },
    { }
};

static const GlobalProperty rows_7_2[] = {
    { "e1000e", "migrate-timadj", "off" },
    { "virtio-mem", "x-early-migration", "false" },
    { "migration", "x-preempt-pre-7-2", "true" },
    { "pci-device", "x-pcie-err-unc-mask", "off" },
    { "ICH9-LPC", "noreboot", "true" },
    { }
};

static const GlobalProperty rows_7_1[] = {
    { "virtio-device", "queue_reset", "false" },
    { "virtio-rng-pci", "vectors", "0" },
    { "virtio-rng-pci-transitional", "vectors", "0" },
    { "virtio-rng-pci-non-transitional", "vectors", "0" },
    { }
};

static const GlobalProperty rows_7_0[] = {
    { "nvme-ns", "eui64-default", "on" },
    { }
};

static const GlobalProperty rows_6_2[] = {
    { "PIIX4_PM", "x-not-migrate-acpi-index", "on" },
    { "virtio-mem", "unplugged-inaccessible", "off" },
    { }
};

static const GlobalProperty rows_6_1[] = {
    { "vhost-user-vsock-device", "seqpacket", "off" },
    { "nvme-ns", "shared", "off" },
    { "x86_64-cpu", "hv-version-id-build", "0x1bbc" },
    { "x86_64-cpu", "hv-version-id-major", "0x0006" },
    { "x86_64-cpu", "hv-version-id-minor", "0x0001" },
    { "ICH9-LPC", "x-keep-pci-slot-hpc", "false" },
    { }
};

static const GlobalProperty rows_6_0[] = {
    { "i8042", "extended-state", "false" },
    { "nvme-ns", "eui64-default", "off" },
    { "e1000", "init-vet", "off" },
    { "e1000e", "init-vet", "off" },
    { "vhost-vsock-device", "seqpacket", "off" },
    { "qemu64-x86_64-cpu", "family", "6" },
    { "qemu64-x86_64-cpu", "model", "6" },
    { "qemu64-x86_64-cpu", "stepping", "3" },
    { "x86_64-cpu", "x-vendor-cpuid-only", "off" },
    { "ICH9-LPC", "acpi-pci-hotplug-with-bridge-support", "off" },
    { "ICH9-LPC", "x-keep-pci-slot-hpc", "true" },
    { }
};

static const GlobalProperty rows_5_2[] = {
    { "ICH9-LPC", "smm-compat", "on" },
    { "PIIX4_PM", "smm-compat", "on" },
    { "virtio-blk-device", "report-discard-granularity", "off" },
    { "virtio-net-pci-base", "vectors", "3" },
    { "nvme", "msix-exclusive-bar", "on" },
    { "ICH9-LPC", "x-smi-cpu-hotunplug", "off" },
    { }
};

#define ROWS(id) rows_##id,
const GlobalProperty *const pc_compat[PC_VERSIONS] = { PC_FOREACH_VERSION(ROWS) };

static const GlobalProperty q35_rows[] = {      /* of all versions */
    { "virtio-iommu-pci", "aw-bits", "39" },
    { }
};
const GlobalProperty *const q35_compat[1 + PC_VERSIONS] = { q35_rows, PC_FOREACH_VERSION(ROWS) };
