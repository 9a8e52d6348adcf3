/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of hw/pci/ need of each other; devices include pci.h only. */
#ifndef HW_PCI_PCI_INTERNAL_H
#define HW_PCI_PCI_INTERNAL_H

#include "hw/pci/pci.h"

/* pci_config.c */
void pci_config_init(PciDevice *dev);
void pci_config_free(PciDevice *dev);
void pci_config_reset(PciDevice *dev, ResetKind kind);
bool pci_config_loaded(PciDevice *dev, GError **err);  /* after the bytes came from a stream */
void pci_bars_update(PciDevice *dev);                   /* maps and unmaps as registers say */
void pci_bars_unmap(PciDevice *dev);                    /* for good */

/* pci.c: COMMAND may have changed: bus mastering and INTx follow. */
void pci_command_changed(PciDevice *dev);

/* pci_rom.c */
bool pci_rom_init(PciDevice *dev, GError **err);
void pci_rom_free(PciDevice *dev);

/* msi.c, msix.c */
void pci_msi_reset(PciDevice *dev);
void pci_msi_config_written(PciDevice *dev);
void pci_msix_reset(PciDevice *dev);
void pci_msix_config_written(PciDevice *dev);
bool pci_msix_loaded(PciDevice *dev, GError **err);
void pci_msix_unmap(PciDevice *dev);                    /* at unrealize */
void pci_msix_free(PciDevice *dev);                     /* at finalize */

#endif
