/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Permissions on the graph: who may do what to a node while others look on.
 *
 * A change at one edge is tried from its child downwards: refresh() checks the edges of a node against each other, asks
 * the driver, and gives the node's own edges what follows, into a list of what was changed. If all agree, commit()
 * tells the drivers to drop what they no longer need; if not, undo() walks the list back. Nothing is left half done.
 */
#include "block/node.h"

typedef struct Change {
    BlockNode *node;                            /* driver's check_perm() said yes to node->perm, node->shared */
    BlockChild *child;                          /* or: this edge was changed */
    unsigned old_perm, old_shared;
} Change;

static const struct { unsigned bit; const char *name; } perm_names[] = {
    { BLOCK_PERM_READ, "consistent read" }, { BLOCK_PERM_WRITE, "write" },
    { BLOCK_PERM_WRITE_UNCHANGED, "write unchanged" }, { BLOCK_PERM_RESIZE, "resize" },
};

char *block_perm_names(unsigned perm)
{
    GString *s = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(perm_names); i++) {
        if (perm & perm_names[i].bit) {
            g_string_append_printf(s, "%s%s", s->len ? ", " : "", perm_names[i].name);
        }
    }
    return g_string_free(s, FALSE);
}

char *block_child_user(const BlockChild *child)
{
    if (child->parent) {
        return g_strdup_printf("node '%s' as '%s'", child->parent->node_name, child->name);
    }
    if (child->backend->dev) {
        g_autofree char *path = object_path(child->backend->dev);

        return g_strdup_printf("%s '%s'", child->backend->dev->type->name, path);
    }
    return g_strdup_printf("block device '%s'", child->backend->name);
}

static bool check_conflicts(BlockNode *n, GError **err)
{
    for (guint i = 0; i < n->parents->len; i++) {
        const BlockChild *a = n->parents->pdata[i];

        for (guint j = 0; j < n->parents->len; j++) {
            const BlockChild *b = n->parents->pdata[j];
            unsigned conflict = i != j && !n->force_share ? a->perm & ~b->shared : 0;

            if (conflict) {
                g_autofree char *user = block_child_user(a), *other = block_child_user(b),
                                *names = block_perm_names(conflict);

                return error_set(err, "%s conflicts with %s, which does not allow others '%s' on '%s'", user, other,
                                 names, n->node_name);
            }
        }
    }
    return true;
}

static bool refresh(BlockNode *n, GArray *changes, GError **err)
{
    const BlockDriver *drv = block_driver(n);
    unsigned perm = 0, shared = BLOCK_PERM_ALL;
    Change change = { .node = n, .old_perm = n->perm, .old_shared = n->shared };

    if (!check_conflicts(n, err)) {
        return false;
    }
    for (guint i = 0; i < n->parents->len; i++) {
        const BlockChild *c = n->parents->pdata[i];

        perm |= c->perm;
        shared &= n->force_share ? BLOCK_PERM_ALL : c->shared;
    }
    if ((perm & (BLOCK_PERM_WRITE | BLOCK_PERM_WRITE_UNCHANGED | BLOCK_PERM_RESIZE)) && n->read_only && n->opened) {
        return error_set(err, "Block node '%s' is read-only", n->node_name);
    }
    if (n->opened && perm == n->perm && shared == n->shared) {
        return true;
    }
    if (drv->check_perm && n->opened && !drv->check_perm(n, perm, shared, err)) {
        return false;
    }
    n->perm = perm;
    n->shared = shared;
    g_array_append_val(changes, change);
    for (guint i = 0; i < n->children->len; i++) {
        BlockChild *c = n->children->pdata[i];
        Change edge = { .child = c, .old_perm = c->perm, .old_shared = c->shared };

        if (drv->child_perm) {
            drv->child_perm(n, c, perm, shared, &c->perm, &c->shared);
        } else {
            c->perm = perm;
            c->shared = shared;
        }
        g_array_append_val(changes, edge);
        if (!refresh(c->node, changes, err)) {
            return false;
        }
    }
    return true;
}

static void commit(GArray *changes)
{
    for (guint i = 0; i < changes->len; i++) {
        BlockNode *n = g_array_index(changes, Change, i).node;

        if (n && n->opened && block_driver(n)->set_perm) {
            block_driver(n)->set_perm(n, n->perm, n->shared);
        }
    }
}

static void undo(GArray *changes)
{
    for (guint i = changes->len; i-- > 0;) {
        Change *c = &g_array_index(changes, Change, i);

        if (c->child) {
            c->child->perm = c->old_perm;
            c->child->shared = c->old_shared;
        } else {
            c->node->perm = c->old_perm;
            c->node->shared = c->old_shared;
            if (c->node->opened && block_driver(c->node)->abort_perm) {
                block_driver(c->node)->abort_perm(c->node, c->old_perm, c->old_shared);
            }
        }
    }
}

static bool refresh_all(BlockNode *n, GError **err)
{
    g_autoptr(GArray) changes = g_array_new(FALSE, FALSE, sizeof(Change));
    bool ok = refresh(n, changes, err);

    if (ok) {
        commit(changes);
    } else {
        undo(changes);
    }
    return ok;
}

bool block_child_set_perm(BlockChild *child, unsigned perm, unsigned shared, GError **err)
{
    unsigned old_perm = child->perm, old_shared = child->shared;

    child->perm = perm;
    child->shared = shared;
    if (refresh_all(child->node, err)) {
        return true;
    }
    child->perm = old_perm;
    child->shared = old_shared;
    return false;
}

BlockChild *block_child_attach(BlockNode *node, BlockNode *parent, BlockBackend *backend, const char *name,
                               unsigned perm, unsigned shared, GError **err)
{
    BlockChild *c = g_new(BlockChild, 1);

    *c = (BlockChild){ .node = block_node_ref(node), .parent = parent, .backend = backend, .name = name,
                       .perm = perm, .shared = shared };
    g_ptr_array_add(node->parents, c);
    if (!refresh_all(node, err)) {
        g_ptr_array_remove(node->parents, c);
        block_node_unref(node);
        g_free(c);
        return NULL;
    }
    if (parent) {
        g_ptr_array_add(parent->children, c);
    }
    return c;
}

void block_child_detach(BlockChild *child)
{
    BlockNode *n = child->node;

    g_ptr_array_remove(n->parents, child);
    if (child->parent) {
        g_ptr_array_remove(child->parent->children, child);
    }
    g_free(child);
    refresh_all(n, NULL);                       /* less is wanted: nothing to conflict with */
    block_node_unref(n);
}
