/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine: /dev/kvm is opened, the machine made in it, and where that fails the cause is looked for, because the
 * kernel's answers (no such file, permission denied, busy) do not say what to do.
 */
#include "accel/kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"

KvmVm kvm;
bool kvm_cpu_pm;

/* Without these the accelerator does not work at all; kernels have had them since 4.12. */
static const struct { int capability; const char *name; } needed[] = {
    { KVM_CAP_USER_MEMORY, "memory slots" }, { KVM_CAP_DESTROY_MEMORY_REGION_WORKS, "removal of memory slots" },
    { KVM_CAP_INTERNAL_ERROR_DATA, "internal error data" }, { KVM_CAP_IMMEDIATE_EXIT, "immediate exit" },
    { KVM_CAP_READONLY_MEM, "read-only memory slots" }, { KVM_CAP_MP_STATE, "multiprocessing state" },
};

static int retry_ioctl(int fd, unsigned long request, void *arg)
{
    int ret = ioctl(fd, request, arg);

    return ret < 0 ? -errno : ret;
}

int kvm_system_ioctl(unsigned long request, void *arg) { return retry_ioctl(kvm.system_fd, request, arg); }
int kvm_vm_ioctl(unsigned long request, void *arg) { return retry_ioctl(kvm.fd, request, arg); }
int kvm_vcpu_ioctl(const Cpu *cpu, unsigned long request, void *arg) { return retry_ioctl(cpu->kvm->fd, request, arg); }

int kvm_has(int capability)
{
    int ret = retry_ioctl(kvm.fd > 0 ? kvm.fd : kvm.system_fd, KVM_CHECK_EXTENSION, GINT_TO_POINTER(capability));

    return MAX(ret, 0);
}

/* Why there is no KVM. */

static bool exists(const char *path) { return access(path, F_OK) == 0; }

static bool file_has_word(const char *path, const char *word)
{
    g_autofree char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return false;
    }
    size_t len = strlen(word);
    for (const char *p = text; (p = strstr(p, word)); p += len) {
        if ((p == text || !g_ascii_isalnum(p[-1])) && !g_ascii_isalnum(p[len])) {
            return true;
        }
    }
    return false;
}

static bool in_container(void)
{
    return exists("/.dockerenv") || exists("/run/.containerenv") || getenv("container") ||
           exists("/run/systemd/container");
}

/* The device is not there, or nobody stands behind it. */
static bool explain_missing(const char *path, GError **err)
{
    const char *vendor = file_has_word("/proc/cpuinfo", "vmx")   ? "kvm_intel"
                         : file_has_word("/proc/cpuinfo", "svm") ? "kvm_amd"
                                                                 : NULL;

    if (exists("/sys/module/kvm_intel") || exists("/sys/module/kvm_amd") || exists("/sys/class/misc/kvm")) {
        return in_container()
                   ? error_set(err, "this container has no %s; start it with the device passed in (--device %s)", path,
                               path)
                   : error_set(
                         err,
                         "the kernel has KVM, but there is no %s; make the device node (udev does: is it running?)",
                         path);
    }
    if (vendor && in_container()) {
        return error_set(err,
                         "no %s in this container; load the module %s on its host and pass the device in (--device %s)",
                         path, vendor, path);
    }
    if (vendor) {
        return error_set(err, "no %s: the module is not loaded; try modprobe %s", path, vendor);
    }
    if (file_has_word("/proc/cpuinfo", "hypervisor")) {
        return error_set(err,
                         "no %s: this is a virtual machine whose host has nested virtualisation off; turn it on there "
                         "(kvm_intel.nested=1 or kvm_amd.nested=1, and a CPU model with vmx or svm)",
                         path);
    }
    return error_set(err,
                     "no %s: this processor's virtualisation (VT-x or AMD-V) is missing or off; look for it in the "
                     "firmware's set-up",
                     path);
}

static bool explain_permission(const char *path, GError **err)
{
    struct stat st;
    const struct group *group = stat(path, &st) == 0 ? getgrgid(st.st_gid) : NULL;

    if (group && st.st_mode & S_IRGRP && st.st_mode & S_IWGRP && st.st_gid) {
        return error_set(
            err, "no permission to open %s; become a member of group '%s' (usermod -aG %s USER) and log in again", path,
            group->gr_name, group->gr_name);
    }
    return error_set(err, "no permission to open %s; its owner can give it (setfacl -m u:USER:rw %s)", path, path);
}

static bool explain_open(const char *path, int error, GError **err)
{
    switch (error) {
    case ENOENT: case ENODEV: case ENXIO:
        return explain_missing(path, err);
    case EACCES: case EPERM:
        return explain_permission(path, err);
    default:
        return error_set_errno(err, error, "cannot open %s", path);
    }
}

static bool explain_create(const char *path, int error, GError **err)
{
    switch (error) {
    case EBUSY:
        return error_set(
            err,
            "%s is busy: another hypervisor (VirtualBox, VMware ...) has this processor's virtualisation in use; "
            "end its machines or unload its module",
            path);
    case ENOMEM:
        return error_set(err, "%s: the kernel has no memory left for another machine", path);
    case EINVAL:
        return error_set(err, "%s: this kernel does not make machines of the default type", path);
    default:
        return error_set_errno(err, error, "%s: the kernel did not make a machine", path);
    }
}

static void close_all(void)
{
    if (kvm.fd > 0) {
        close(kvm.fd);
    }
    if (kvm.system_fd > 0) {
        close(kvm.system_fd);
    }
    kvm = (KvmVm){ 0 };
}

static bool check_host(const char *path, GError **err)
{
    int version = kvm_system_ioctl(KVM_GET_API_VERSION, NULL);

    if (version < 0) {
        return error_set(err, "%s is not KVM's device", path);
    }
    if (version != KVM_API_VERSION) {
        return error_set(err, "%s speaks version %d of the interface, not %d", path, version, KVM_API_VERSION);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(needed); i++) {
        if (!kvm_has(needed[i].capability)) {
            return error_set(err, "this kernel's KVM is too old: it has no %s; Linux 4.12 or later is needed",
                             needed[i].name);
        }
    }
    return true;
}

bool kvm_usable(void)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

bool kvm_open(const char *path, GError **err)
{
    int ret;

    path = path ? path : "/dev/kvm";
    g_assert(!kvm.system_fd);
    kvm.system_fd = open(path, O_RDWR | O_CLOEXEC);
    if (kvm.system_fd < 0) {
        ret = errno;
        kvm.system_fd = 0;
        return explain_open(path, ret, err);
    }
    if (!check_host(path, err)) {
        close_all();
        return false;
    }
    do {
        ret = kvm_system_ioctl(KVM_CREATE_VM, NULL);
    } while (ret == -EINTR);
    if (ret < 0) {
        close_all();
        return explain_create(path, -ret, err);
    }
    kvm.fd = ret;
    kvm.run_bytes = kvm_system_ioctl(KVM_GET_VCPU_MMAP_SIZE, NULL);
    kvm.max_slots = kvm_has(KVM_CAP_NR_MEMSLOTS) ? kvm_has(KVM_CAP_NR_MEMSLOTS) : 32;
    return true;
}
