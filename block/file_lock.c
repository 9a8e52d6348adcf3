/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Image locks: permissions as byte-range locks, on the byte positions that QEMU uses, so that both lock each other out.
 *
 * For permission bit i: a shared lock on byte 100 + i says "I do it", one on byte 200 + i says "I do not want others
 * to". Before doing it one looks whether anybody holds 200 + i, before forbidding it whether anybody holds 100 + i; the
 * own lock is taken first, so that of two that come at once at least one sees the other. Locks are of the open file
 * description (F_OFD_SETLK), not of the process: closing another descriptor of the file does not drop them.
 */
#include <errno.h>
#include <fcntl.h>

#include "block/file.h"

enum { PERM_BASE = 100, SHARED_BASE = 200, PERM_BITS = 4 };

static const char *const bit_names[PERM_BITS] = { "consistent read", "write", "write unchanged", "resize" };

static int lock_byte(int fd, int at, short type)
{
    struct flock fl = { .l_whence = SEEK_SET, .l_start = at, .l_len = 1, .l_type = type };

    return fcntl(fd, F_OFD_SETLK, &fl) < 0 ? -errno : 0;
}

/* Whether somebody else holds byte @at; or -errno. */
static int byte_is_held(int fd, int at)
{
    struct flock fl = { .l_whence = SEEK_SET, .l_start = at, .l_len = 1, .l_type = F_WRLCK };

    return fcntl(fd, F_OFD_GETLK, &fl) < 0 ? -errno : fl.l_type != F_UNLCK;
}

bool file_lock_init(FileNode *s, GError **err)
{
    int ret;

    if (s->locking == ON_OFF_AUTO_OFF) {
        return true;
    }
    ret = byte_is_held(s->fd, PERM_BASE);
    if (ret < 0) {
        return s->locking == ON_OFF_AUTO_AUTO || error_set_errno(err, -ret, "Could not use locks on '%s'", s->filename);
    }
    s->locks = true;
    return true;
}

/* Takes or drops locks so that they say @perm and @shared; on failure some of them may. */
static int apply(FileNode *s, unsigned perm, unsigned shared)
{
    int ret = 0;

    for (int i = 0; i < PERM_BITS && ret == 0; i++) {
        unsigned bit = 1u << i;

        if ((perm ^ s->locked_perm) & bit) {
            ret = lock_byte(s->fd, PERM_BASE + i, perm & bit ? F_RDLCK : F_UNLCK);
            s->locked_perm ^= ret == 0 ? bit : 0;
        }
        if (ret == 0 && ((shared ^ s->locked_shared) & bit)) {
            ret = lock_byte(s->fd, SHARED_BASE + i, shared & bit ? F_UNLCK : F_RDLCK);
            s->locked_shared ^= ret == 0 ? bit : 0;
        }
    }
    return ret;
}

static bool check_others(FileNode *s, unsigned perm, unsigned shared, GError **err)
{
    for (int i = 0; i < 2 * PERM_BITS; i++) {
        unsigned bit = 1u << (i % PERM_BITS);
        bool is_perm = i < PERM_BITS, wanted = is_perm ? perm & bit : !(shared & bit);
        int held = wanted ? byte_is_held(s->fd, (is_perm ? SHARED_BASE : PERM_BASE) + i % PERM_BITS) : 0;

        if (held < 0) {
            return error_set_errno(err, -held, "Could not check locks on '%s'", s->filename);
        }
        if (held) {
            return error_set(err, "Failed to get %s\"%s\" lock: is another process using the image '%s'?",
                             is_perm ? "" : "shared ", bit_names[i % PERM_BITS], s->filename);
        }
    }
    return true;
}

bool file_lock_check(BlockNode *n, unsigned perm, unsigned shared, GError **err)
{
    FileNode *s = (FileNode *)n;
    unsigned old_perm = s->locked_perm, old_shared = s->locked_shared;
    int ret;

    if (!s->locks) {
        return true;
    }
    ret = apply(s, perm | old_perm, shared & old_shared);
    if (ret < 0) {
        error_set_errno(err, -ret, "Could not lock '%s'", s->filename);
    } else if (check_others(s, perm, shared, err)) {
        return true;
    }
    apply(s, old_perm, old_shared);
    return false;
}

void file_lock_set(BlockNode *n, unsigned perm, unsigned shared)
{
    if (((FileNode *)n)->locks) {
        apply((FileNode *)n, perm, shared);
    }
}
