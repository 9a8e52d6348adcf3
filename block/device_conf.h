/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every disk device lets its user say: the drive, block sizes, geometry, what errors do. Embedded in the device as
 * `conf`, with BLOCK_CONF_PROPERTIES(S) among its property rows; block_conf_realize() checks it and attaches the drive.
 */
#ifndef BLOCK_DEVICE_CONF_H
#define BLOCK_DEVICE_CONF_H

#include "block/block.h"

typedef enum ChsTranslation { CHS_AUTO, CHS_NONE, CHS_LBA, CHS_LARGE, CHS_RECHS } ChsTranslation;

typedef struct BlockDeviceConf {
    BlockBackend *blk;
    uint32_t logical_block_size, physical_block_size, min_io_size, opt_io_size, discard_granularity;
    OnOffAuto write_cache, account_invalid, account_failed, backend_defaults;
    bool share_rw;
    int werror, rerror;
    uint32_t cylinders, heads, sectors;         /* 0: guessed from the disk */
    uint32_t lcylinders, lheads, lsectors;      /* as the BIOS shows it; 0: from translation */
    int translation;                            /* ChsTranslation */
} BlockDeviceConf;

extern const char *const chs_translation_names[];

#define BLOCK_CONF_PROPERTIES(S) \
    PROP_DRIVE("drive", S, conf.blk, "id of a drive or name of a node"), \
    PROP_SIZE32("logical_block_size", S, conf.logical_block_size, 0, "bytes, a power of two from 512 to 2M; 0: 512"), \
    PROP_SIZE32("physical_block_size", S, conf.physical_block_size, 0, \
        "bytes, a power of two from 512 to 2M; 0: logical"), \
    PROP_SIZE32("min_io_size", S, conf.min_io_size, 0, "bytes of the smallest efficient request"), \
    PROP_SIZE32("opt_io_size", S, conf.opt_io_size, 0, "bytes of the best request"), \
    PROP_SIZE32("discard_granularity", S, conf.discard_granularity, UINT32_MAX, "bytes; 0: no discard"), \
    PROP_ON_OFF_AUTO("write-cache", S, conf.write_cache, ON_OFF_AUTO_AUTO, "the guest sees a write cache that is on"), \
    PROP_ON_OFF_AUTO("account-invalid", S, conf.account_invalid, ON_OFF_AUTO_AUTO, \
        "count invalid requests in statistics"), \
    PROP_ON_OFF_AUTO("account-failed", S, conf.account_failed, ON_OFF_AUTO_AUTO, \
        "count failed requests in statistics"), \
    PROP_ON_OFF_AUTO("backend_defaults", S, conf.backend_defaults, ON_OFF_AUTO_AUTO, \
        "take block sizes from the back end"), \
    PROP_BOOL("share-rw", S, conf.share_rw, false, "let others write to the drive too"), \
    PROP_ENUM("rerror", S, conf.rerror, BLOCK_ON_ERROR_AUTO, block_on_error_names, "BlockdevOnError", \
        "what a failed read does"), \
    PROP_ENUM("werror", S, conf.werror, BLOCK_ON_ERROR_AUTO, block_on_error_names, "BlockdevOnError", \
        "what a failed write does")

#define BLOCK_CONF_GEOMETRY_PROPERTIES(S) \
    PROP_UINT32("cyls", S, conf.cylinders, 0, "cylinders; 0: guessed"), \
    PROP_UINT32("heads", S, conf.heads, 0, "heads"), \
    PROP_UINT32("secs", S, conf.sectors, 0, "sectors of a track"), \
    PROP_UINT32("lcyls", S, conf.lcylinders, 0, "cylinders as the BIOS shows them"), \
    PROP_UINT32("lheads", S, conf.lheads, 0, "heads as the BIOS shows them"), \
    PROP_UINT32("lsecs", S, conf.lsectors, 0, "sectors of a track as the BIOS shows them")
#define BLOCK_CONF_CHS_PROPERTIES(S) \
    BLOCK_CONF_GEOMETRY_PROPERTIES(S), \
    PROP_ENUM("bios-chs-trans", S, conf.translation, CHS_AUTO, chs_translation_names, "BiosAtaTranslation", \
              "how the BIOS makes its geometry from the disk's")

typedef enum BlockConfAccess {
    BLOCK_CONF_READ_ONLY,                       /* the device never writes */
    BLOCK_CONF_MAY_READ_ONLY,                   /* it writes if the medium can be written */
    BLOCK_CONF_READ_WRITE                       /* it needs a medium that can */
} BlockConfAccess;
/**
 * block_conf_realize: checks sizes, applies werror, rerror and write-cache to the drive and attaches it to @dev for
 * @access. The property's release detaches.
 */
bool block_conf_realize(BlockDeviceConf *conf, Object *dev, BlockConfAccess access, bool resizable, GError **err);
/** block_conf_geometry: fills in geometry and translation that were not given; checks them against the maxima. */
bool block_conf_geometry(BlockDeviceConf *conf, uint32_t max_cylinders, uint32_t max_heads, uint32_t max_sectors,
                         GError **err);

#endif
