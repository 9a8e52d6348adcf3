/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What PCI Express devices have in configuration space beyond PCI: the PCI Express capability, the list of extended
 * capabilities from 0x100, AER, ACS. Spec: PCI Express Base 4.0, chapter 7.
 */
#ifndef HW_PCI_PCIE_H
#define HW_PCI_PCIE_H

#include "hw/pci/pci.h"

typedef enum PciePortType {                     /* values of the capability's type field */
    PCIE_ENDPOINT = 0, PCIE_ROOT_PORT = 4, PCIE_UPSTREAM = 5, PCIE_DOWNSTREAM = 6, PCIE_PCI_BRIDGE = 7,
    PCIE_ROOT_COMPLEX_ENDPOINT = 9
} PciePortType;
/* Registers by offset in the capability, and bits that are used. */
enum {
    PCIE_FLAGS = 0x02, PCIE_DEVCAP = 0x04, PCIE_DEVCTL = 0x08, PCIE_DEVSTA = 0x0a, PCIE_LNKCAP = 0x0c,
        PCIE_LNKCTL = 0x10,
    PCIE_LNKSTA = 0x12, PCIE_SLTCAP = 0x14, PCIE_SLTCTL = 0x18, PCIE_SLTSTA = 0x1a, PCIE_RTCTL = 0x1c,
        PCIE_RTCAP = 0x1e,
    PCIE_RTSTA = 0x20, PCIE_DEVCAP2 = 0x24, PCIE_DEVCTL2 = 0x28, PCIE_LNKCAP2 = 0x2c, PCIE_LNKCTL2 = 0x30,
    PCIE_CAP_BYTES = 0x3c
};
enum {
    PCIE_FLAGS_TYPE_SHIFT = 4, PCIE_FLAGS_SLOT = 1 << 8, PCIE_FLAGS_IRQ_SHIFT = 9, PCIE_FLAGS_IRQ = 0x1f << 9,
    PCIE_LNK_SPEED = 0x0f, PCIE_LNK_WIDTH = 0x3f << 4, PCIE_DEVCAP_EXT_TAG = 1 << 5, PCIE_DEVCAP_RBER = 1 << 15,
        PCIE_DEVCAP_FLR = 1 << 28,
    PCIE_DEVCTL_ERRORS = 0x0f, PCIE_DEVCTL_EXT_TAG = 1 << 8,
    PCIE_LNKCAP_DLLLARC = 1 << 20, PCIE_LNKCAP_LBNC = 1 << 21, PCIE_LNKSTA_DLLLA = 1 << 13,
    PCIE_SLTCAP_ABP = 1 << 0, PCIE_SLTCAP_PCP = 1 << 1, PCIE_SLTCAP_AIP = 1 << 3, PCIE_SLTCAP_PIP = 1 << 4,
    PCIE_SLTCAP_HPS = 1 << 5, PCIE_SLTCAP_HPC = 1 << 6, PCIE_SLTCAP_EIP = 1 << 17, PCIE_SLTCAP_NUMBER_SHIFT = 19,
    PCIE_SLT_ABP = 1 << 0, PCIE_SLT_PDC = 1 << 3, PCIE_SLT_CC = 1 << 4, PCIE_SLT_EVENTS = PCIE_SLT_ABP |
        PCIE_SLT_PDC | PCIE_SLT_CC,
    PCIE_SLTCTL_HPIE = 1 << 5, PCIE_SLTCTL_AIC = 3 << 6, PCIE_SLTCTL_PIC = 3 << 8, PCIE_SLTCTL_PIC_BLINK = 2 << 8,
    PCIE_SLTCTL_PCC = 1 << 10, PCIE_SLTCTL_EIC = 1 << 11, PCIE_SLTSTA_PDS = 1 << 6, PCIE_SLTSTA_EIS = 1 << 7,
    PCIE_DEVCAP2_ARI = 1 << 5, PCIE_DEVCAP2_EXTFMT = 1 << 20, PCIE_DEVCAP2_EETLP = 1 << 21, PCIE_DEVCTL2_ARI = 1 << 5,
    PCIE_DEVCTL2_EETLP_BLOCK = 1 << 15
};
/* Extended capabilities */
enum { PCIE_EXT_AER = 0x01, PCIE_EXT_ACS = 0x0d, PCIE_EXT_ARI = 0x0e, PCIE_AER_BYTES = 0x48, PCIE_ACS_BYTES = 8 };

/** pcie_cap_init: version 2 capability at @offset (0: anywhere); @port: number of the port in LNKCAP. */
bool pcie_cap_init(PciDevice *dev, unsigned offset, PciePortType type, uint8_t port, GError **err);
/** pcie_set_link: speed as LNKCAP codes it (1: 2.5 GT/s ... 6: 64) and lanes, with LNKCAP2 and LNKCTL2 if above 2.5. */
void pcie_set_link(PciDevice *dev, unsigned speed, unsigned lanes);
/** pcie_add_ext_capability: @bytes at @offset, which the caller chose free, at the end of the list. */
void pcie_add_ext_capability(PciDevice *dev, uint16_t id, uint8_t version, unsigned offset, unsigned bytes);
/** pcie_aer_init: Advanced Error Reporting at @offset; @log_max: headers it can hold; @root: with a root port's
 * registers. */
void pcie_aer_init(PciDevice *dev, unsigned offset, unsigned log_max, bool root);
void pcie_acs_init(PciDevice *dev, unsigned offset);
/** pcie_reset: registers of all of the above, for the device's reset(). */
void pcie_reset(PciDevice *dev);

#endif
