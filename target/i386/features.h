/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID features: every bit that a -cpu option can name, once.
 *
 * A word is one 32-bit register of a CPUID leaf, or half of a capability MSR. FEATURE_<ID> is word * 32 + bit, so that
 * features[id / 32] >> (id % 32) & 1 answers "does this vCPU have it". Word 0 is no register: its bit 0 is FEATURE_NONE,
 * set in every vCPU, so that a row without a requirement needs no special case.
 *
 * From these rows come the enumerators, the properties of x86_64-cpu, the -cpu parser, the models table's words, the
 * warnings about what cannot be given, and CPUID itself. Names are QEMU's property names; where a property has other
 * spellings they are in FEATURE_ALIASES. (On a command line '_' and '-' are the same; the parser sees to it.)
 * Bits: Intel SDM vol. 2 CPUID, vol. 4 (IA32_ARCH_CAPABILITIES, IA32_CORE_CAPABILITIES), vol. 3 appendix A (VMX);
 * AMD APM vol. 3 appendix E.
 */
#ifndef TARGET_I386_FEATURES_H
#define TARGET_I386_FEATURES_H

/*
 * X(word, kind, leaf or MSR index, subleaf, register): kind CPUID: register 0 EAX, 1 EBX, 2 ECX, 3 EDX, subleaf -1 where
 * the leaf has none. Kind MSR: register 0 is the low half, 1 the high half.
 */
#define FEATURE_WORDS(X) \
    X(1_EDX,                   CPUID, 0x1, -1, 3) \
    X(1_ECX,                   CPUID, 0x1, -1, 2) \
    X(7_0_EBX,                 CPUID, 0x7, 0, 1) \
    X(7_0_ECX,                 CPUID, 0x7, 0, 2) \
    X(7_0_EDX,                 CPUID, 0x7, 0, 3) \
    X(7_1_EAX,                 CPUID, 0x7, 1, 0) \
    X(7_1_ECX,                 CPUID, 0x7, 1, 2) \
    X(7_1_EDX,                 CPUID, 0x7, 1, 3) \
    X(7_2_EDX,                 CPUID, 0x7, 2, 3) \
    X(8000_0001_EDX,           CPUID, 0x80000001, -1, 3) \
    X(8000_0001_ECX,           CPUID, 0x80000001, -1, 2) \
    X(8000_0007_EBX,           CPUID, 0x80000007, -1, 1) \
    X(8000_0007_EDX,           CPUID, 0x80000007, -1, 3) \
    X(8000_0008_EBX,           CPUID, 0x80000008, -1, 1) \
    X(8000_0021_EAX,           CPUID, 0x80000021, -1, 0) \
    X(8000_0021_ECX,           CPUID, 0x80000021, -1, 2) \
    X(8000_0022_EAX,           CPUID, 0x80000022, -1, 0) \
    X(C000_0001_EDX,           CPUID, 0xc0000001, -1, 3) \
    X(4000_0001_EAX,           CPUID, 0x40000001, -1, 0) \
    X(4000_0001_EDX,           CPUID, 0x40000001, -1, 3) \
    X(SVM,                     CPUID, 0x8000000a, -1, 3) \
    X(XSAVE,                   CPUID, 0xd, 1, 0) \
    X(6_EAX,                   CPUID, 0x6, -1, 0) \
    X(14_0_ECX,                CPUID, 0x14, 0, 2) \
    X(SGX_12_0_EAX,            CPUID, 0x12, 0, 0) \
    X(SGX_12_0_EBX,            CPUID, 0x12, 0, 1) \
    X(SGX_12_1_EAX,            CPUID, 0x12, 1, 0) \
    X(1E_1_EAX,                CPUID, 0x1e, 1, 0) \
    X(24_0_EBX,                CPUID, 0x24, 0, 1) \
    X(24_1_ECX,                CPUID, 0x24, 1, 2) \
    X(29_0_EBX,                CPUID, 0x29, 0, 1) \
    X(ARCH_CAPABILITIES,       MSR,   0x10a, -1, 0) \
    X(ARCH_CAPABILITIES_HIGH,  MSR,   0x10a, -1, 1) \
    X(CORE_CAPABILITY,         MSR,   0xcf, -1, 0) \
    X(VMX_BASIC_HIGH,          MSR,   0x480, -1, 1) \
    X(VMX_MISC,                MSR,   0x485, -1, 0) \
    X(VMX_PINBASED,            MSR,   0x48d, -1, 0) \
    X(VMX_PROCBASED,           MSR,   0x48e, -1, 0) \
    X(VMX_SECONDARY,           MSR,   0x48b, -1, 0) \
    X(VMX_EXIT,                MSR,   0x48f, -1, 0) \
    X(VMX_ENTRY,               MSR,   0x490, -1, 0) \
    X(VMX_EPT_VPID,            MSR,   0x48c, -1, 0) \
    X(VMX_EPT_VPID_HIGH,       MSR,   0x48c, -1, 1) \
    X(VMX_VMFUNC,              MSR,   0x491, -1, 0)

/* X(word, bit, ID, name): every bit that has a property. */
#define FEATURE_LIST(X) \
    X(1_EDX,                   0,  FPU,                               "fpu") \
    X(1_EDX,                   1,  VME,                               "vme") \
    X(1_EDX,                   2,  DE,                                "de") \
    X(1_EDX,                   3,  PSE,                               "pse") \
    X(1_EDX,                   4,  TSC,                               "tsc") \
    X(1_EDX,                   5,  MSR,                               "msr") \
    X(1_EDX,                   6,  PAE,                               "pae") \
    X(1_EDX,                   7,  MCE,                               "mce") \
    X(1_EDX,                   8,  CX8,                               "cx8") \
    X(1_EDX,                   9,  APIC,                              "apic") \
    X(1_EDX,                   11, SEP,                               "sep") \
    X(1_EDX,                   12, MTRR,                              "mtrr") \
    X(1_EDX,                   13, PGE,                               "pge") \
    X(1_EDX,                   14, MCA,                               "mca") \
    X(1_EDX,                   15, CMOV,                              "cmov") \
    X(1_EDX,                   16, PAT,                               "pat") \
    X(1_EDX,                   17, PSE36,                             "pse36") \
    X(1_EDX,                   18, PN,                                "pn") \
    X(1_EDX,                   19, CLFLUSH,                           "clflush") \
    X(1_EDX,                   21, DS,                                "ds") \
    X(1_EDX,                   22, ACPI,                              "acpi") \
    X(1_EDX,                   23, MMX,                               "mmx") \
    X(1_EDX,                   24, FXSR,                              "fxsr") \
    X(1_EDX,                   25, SSE,                               "sse") \
    X(1_EDX,                   26, SSE2,                              "sse2") \
    X(1_EDX,                   27, SS,                                "ss") \
    X(1_EDX,                   28, HT,                                "ht") \
    X(1_EDX,                   29, TM,                                "tm") \
    X(1_EDX,                   30, IA64,                              "ia64") \
    X(1_EDX,                   31, PBE,                               "pbe") \
    X(1_ECX,                   0,  SSE3,                              "pni") \
    X(1_ECX,                   1,  PCLMULQDQ,                         "pclmulqdq") \
    X(1_ECX,                   2,  DTES64,                            "dtes64") \
    X(1_ECX,                   3,  MONITOR,                           "monitor") \
    X(1_ECX,                   4,  DS_CPL,                            "ds-cpl") \
    X(1_ECX,                   5,  VMX,                               "vmx") \
    X(1_ECX,                   6,  SMX,                               "smx") \
    X(1_ECX,                   7,  EST,                               "est") \
    X(1_ECX,                   8,  TM2,                               "tm2") \
    X(1_ECX,                   9,  SSSE3,                             "ssse3") \
    X(1_ECX,                   10, CID,                               "cid") \
    X(1_ECX,                   12, FMA,                               "fma") \
    X(1_ECX,                   13, CX16,                              "cx16") \
    X(1_ECX,                   14, XTPR,                              "xtpr") \
    X(1_ECX,                   15, PDCM,                              "pdcm") \
    X(1_ECX,                   17, PCID,                              "pcid") \
    X(1_ECX,                   18, DCA,                               "dca") \
    X(1_ECX,                   19, SSE4_1,                            "sse4.1") \
    X(1_ECX,                   20, SSE4_2,                            "sse4.2") \
    X(1_ECX,                   21, X2APIC,                            "x2apic") \
    X(1_ECX,                   22, MOVBE,                             "movbe") \
    X(1_ECX,                   23, POPCNT,                            "popcnt") \
    X(1_ECX,                   24, TSC_DEADLINE,                      "tsc-deadline") \
    X(1_ECX,                   25, AES,                               "aes") \
    X(1_ECX,                   26, XSAVE,                             "xsave") \
    X(1_ECX,                   28, AVX,                               "avx") \
    X(1_ECX,                   29, F16C,                              "f16c") \
    X(1_ECX,                   30, RDRAND,                            "rdrand") \
    X(1_ECX,                   31, HYPERVISOR,                        "hypervisor") \
    X(7_0_EBX,                 0,  FSGSBASE,                          "fsgsbase") \
    X(7_0_EBX,                 1,  TSC_ADJUST,                        "tsc-adjust") \
    X(7_0_EBX,                 2,  SGX,                               "sgx") \
    X(7_0_EBX,                 3,  BMI1,                              "bmi1") \
    X(7_0_EBX,                 4,  HLE,                               "hle") \
    X(7_0_EBX,                 5,  AVX2,                              "avx2") \
    X(7_0_EBX,                 6,  FDP_EXCPTN_ONLY,                   "fdp-excptn-only") \
    X(7_0_EBX,                 7,  SMEP,                              "smep") \
    X(7_0_EBX,                 8,  BMI2,                              "bmi2") \
    X(7_0_EBX,                 9,  ERMS,                              "erms") \
    X(7_0_EBX,                 10, INVPCID,                           "invpcid") \
    X(7_0_EBX,                 11, RTM,                               "rtm") \
    X(7_0_EBX,                 13, ZERO_FCS_FDS,                      "zero-fcs-fds") \
    X(7_0_EBX,                 14, MPX,                               "mpx") \
    X(7_0_EBX,                 16, AVX512F,                           "avx512f") \
    X(7_0_EBX,                 17, AVX512DQ,                          "avx512dq") \
    X(7_0_EBX,                 18, RDSEED,                            "rdseed") \
    X(7_0_EBX,                 19, ADX,                               "adx") \
    X(7_0_EBX,                 20, SMAP,                              "smap") \
    X(7_0_EBX,                 21, AVX512IFMA,                        "avx512ifma") \
    X(7_0_EBX,                 22, PCOMMIT,                           "pcommit") \
    X(7_0_EBX,                 23, CLFLUSHOPT,                        "clflushopt") \
    X(7_0_EBX,                 24, CLWB,                              "clwb") \
    X(7_0_EBX,                 25, INTEL_PT,                          "intel-pt") \
    X(7_0_EBX,                 26, AVX512PF,                          "avx512pf") \
    X(7_0_EBX,                 27, AVX512ER,                          "avx512er") \
    X(7_0_EBX,                 28, AVX512CD,                          "avx512cd") \
    X(7_0_EBX,                 29, SHA_NI,                            "sha-ni") \
    X(7_0_EBX,                 30, AVX512BW,                          "avx512bw") \
    X(7_0_EBX,                 31, AVX512VL,                          "avx512vl") \
    X(7_0_ECX,                 1,  AVX512VBMI,                        "avx512vbmi") \
    X(7_0_ECX,                 2,  UMIP,                              "umip") \
    X(7_0_ECX,                 3,  PKU,                               "pku") \
    X(7_0_ECX,                 5,  WAITPKG,                           "waitpkg") \
    X(7_0_ECX,                 6,  AVX512VBMI2,                       "avx512vbmi2") \
    X(7_0_ECX,                 7,  CET_SS,                            "cet-ss") \
    X(7_0_ECX,                 8,  GFNI,                              "gfni") \
    X(7_0_ECX,                 9,  VAES,                              "vaes") \
    X(7_0_ECX,                 10, VPCLMULQDQ,                        "vpclmulqdq") \
    X(7_0_ECX,                 11, AVX512VNNI,                        "avx512vnni") \
    X(7_0_ECX,                 12, AVX512BITALG,                      "avx512bitalg") \
    X(7_0_ECX,                 14, AVX512_VPOPCNTDQ,                  "avx512-vpopcntdq") \
    X(7_0_ECX,                 16, LA57,                              "la57") \
    X(7_0_ECX,                 22, RDPID,                             "rdpid") \
    X(7_0_ECX,                 24, BUS_LOCK_DETECT,                   "bus-lock-detect") \
    X(7_0_ECX,                 25, CLDEMOTE,                          "cldemote") \
    X(7_0_ECX,                 27, MOVDIRI,                           "movdiri") \
    X(7_0_ECX,                 28, MOVDIR64B,                         "movdir64b") \
    X(7_0_ECX,                 30, SGXLC,                             "sgxlc") \
    X(7_0_ECX,                 31, PKS,                               "pks") \
    X(7_0_EDX,                 2,  AVX512_4VNNIW,                     "avx512-4vnniw") \
    X(7_0_EDX,                 3,  AVX512_4FMAPS,                     "avx512-4fmaps") \
    X(7_0_EDX,                 4,  FSRM,                              "fsrm") \
    X(7_0_EDX,                 8,  AVX512_VP2INTERSECT,               "avx512-vp2intersect") \
    X(7_0_EDX,                 10, MD_CLEAR,                          "md-clear") \
    X(7_0_EDX,                 14, SERIALIZE,                         "serialize") \
    X(7_0_EDX,                 16, TSX_LDTRK,                         "tsx-ldtrk") \
    X(7_0_EDX,                 19, ARCH_LBR,                          "arch-lbr") \
    X(7_0_EDX,                 20, CET_IBT,                           "cet-ibt") \
    X(7_0_EDX,                 22, AMX_BF16,                          "amx-bf16") \
    X(7_0_EDX,                 23, AVX512_FP16,                       "avx512-fp16") \
    X(7_0_EDX,                 24, AMX_TILE,                          "amx-tile") \
    X(7_0_EDX,                 25, AMX_INT8,                          "amx-int8") \
    X(7_0_EDX,                 26, SPEC_CTRL,                         "spec-ctrl") \
    X(7_0_EDX,                 27, STIBP,                             "stibp") \
    X(7_0_EDX,                 28, FLUSH_L1D,                         "flush-l1d") \
    X(7_0_EDX,                 29, ARCH_CAPABILITIES,                 "arch-capabilities") \
    X(7_0_EDX,                 30, CORE_CAPABILITY,                   "core-capability") \
    X(7_0_EDX,                 31, SSBD,                              "ssbd") \
    X(7_1_EAX,                 0,  SHA512,                            "sha512") \
    X(7_1_EAX,                 1,  SM3,                               "sm3") \
    X(7_1_EAX,                 2,  SM4,                               "sm4") \
    X(7_1_EAX,                 4,  AVX_VNNI,                          "avx-vnni") \
    X(7_1_EAX,                 5,  AVX512_BF16,                       "avx512-bf16") \
    X(7_1_EAX,                 7,  CMPCCXADD,                         "cmpccxadd") \
    X(7_1_EAX,                 10, FZRM,                              "fzrm") \
    X(7_1_EAX,                 11, FSRS,                              "fsrs") \
    X(7_1_EAX,                 12, FSRC,                              "fsrc") \
    X(7_1_EAX,                 17, FRED,                              "fred") \
    X(7_1_EAX,                 18, LKGS,                              "lkgs") \
    X(7_1_EAX,                 19, WRMSRNS,                           "wrmsrns") \
    X(7_1_EAX,                 21, AMX_FP16,                          "amx-fp16") \
    X(7_1_EAX,                 23, AVX_IFMA,                          "avx-ifma") \
    X(7_1_EAX,                 26, LAM,                               "lam") \
    X(7_1_EAX,                 31, MOVRS,                             "movrs") \
    X(7_1_ECX,                 5,  MSR_IMM,                           "msr-imm") \
    X(7_1_EDX,                 4,  AVX_VNNI_INT8,                     "avx-vnni-int8") \
    X(7_1_EDX,                 5,  AVX_NE_CONVERT,                    "avx-ne-convert") \
    X(7_1_EDX,                 8,  AMX_COMPLEX,                       "amx-complex") \
    X(7_1_EDX,                 10, AVX_VNNI_INT16,                    "avx-vnni-int16") \
    X(7_1_EDX,                 14, PREFETCHITI,                       "prefetchiti") \
    X(7_1_EDX,                 19, AVX10,                             "avx10") \
    X(7_1_EDX,                 21, APXF,                              "apxf") \
    X(7_2_EDX,                 0,  INTEL_PSFD,                        "intel-psfd") \
    X(7_2_EDX,                 1,  IPRED_CTRL,                        "ipred-ctrl") \
    X(7_2_EDX,                 2,  RRSBA_CTRL,                        "rrsba-ctrl") \
    X(7_2_EDX,                 3,  DDPD_U,                            "ddpd-u") \
    X(7_2_EDX,                 4,  BHI_CTRL,                          "bhi-ctrl") \
    X(7_2_EDX,                 5,  MCDT_NO,                           "mcdt-no") \
    X(8000_0001_EDX,           11, SYSCALL,                           "syscall") \
    X(8000_0001_EDX,           20, NX,                                "nx") \
    X(8000_0001_EDX,           22, MMXEXT,                            "mmxext") \
    X(8000_0001_EDX,           25, FXSR_OPT,                          "fxsr-opt") \
    X(8000_0001_EDX,           26, PDPE1GB,                           "pdpe1gb") \
    X(8000_0001_EDX,           27, RDTSCP,                            "rdtscp") \
    X(8000_0001_EDX,           29, LM,                                "lm") \
    X(8000_0001_EDX,           30, 3DNOWEXT,                          "3dnowext") \
    X(8000_0001_EDX,           31, 3DNOW,                             "3dnow") \
    X(8000_0001_ECX,           0,  LAHF_LM,                           "lahf-lm") \
    X(8000_0001_ECX,           1,  CMP_LEGACY,                        "cmp-legacy") \
    X(8000_0001_ECX,           2,  SVM,                               "svm") \
    X(8000_0001_ECX,           3,  EXTAPIC,                           "extapic") \
    X(8000_0001_ECX,           4,  CR8LEGACY,                         "cr8legacy") \
    X(8000_0001_ECX,           5,  ABM,                               "abm") \
    X(8000_0001_ECX,           6,  SSE4A,                             "sse4a") \
    X(8000_0001_ECX,           7,  MISALIGNSSE,                       "misalignsse") \
    X(8000_0001_ECX,           8,  3DNOWPREFETCH,                     "3dnowprefetch") \
    X(8000_0001_ECX,           9,  OSVW,                              "osvw") \
    X(8000_0001_ECX,           10, IBS,                               "ibs") \
    X(8000_0001_ECX,           11, XOP,                               "xop") \
    X(8000_0001_ECX,           12, SKINIT,                            "skinit") \
    X(8000_0001_ECX,           13, WDT,                               "wdt") \
    X(8000_0001_ECX,           15, LWP,                               "lwp") \
    X(8000_0001_ECX,           16, FMA4,                              "fma4") \
    X(8000_0001_ECX,           17, TCE,                               "tce") \
    X(8000_0001_ECX,           19, NODEID_MSR,                        "nodeid-msr") \
    X(8000_0001_ECX,           21, TBM,                               "tbm") \
    X(8000_0001_ECX,           22, TOPOEXT,                           "topoext") \
    X(8000_0001_ECX,           23, PERFCTR_CORE,                      "perfctr-core") \
    X(8000_0001_ECX,           24, PERFCTR_NB,                        "perfctr-nb") \
    X(8000_0007_EBX,           0,  OVERFLOW_RECOV,                    "overflow-recov") \
    X(8000_0007_EBX,           1,  SUCCOR,                            "succor") \
    X(8000_0007_EDX,           8,  INVTSC,                            "invtsc") \
    X(8000_0008_EBX,           0,  CLZERO,                            "clzero") \
    X(8000_0008_EBX,           2,  XSAVEERPTR,                        "xsaveerptr") \
    X(8000_0008_EBX,           9,  WBNOINVD,                          "wbnoinvd") \
    X(8000_0008_EBX,           12, IBPB,                              "ibpb") \
    X(8000_0008_EBX,           14, IBRS,                              "ibrs") \
    X(8000_0008_EBX,           15, AMD_STIBP,                         "amd-stibp") \
    X(8000_0008_EBX,           17, STIBP_ALWAYS_ON,                   "stibp-always-on") \
    X(8000_0008_EBX,           24, AMD_SSBD,                          "amd-ssbd") \
    X(8000_0008_EBX,           25, VIRT_SSBD,                         "virt-ssbd") \
    X(8000_0008_EBX,           26, AMD_NO_SSB,                        "amd-no-ssb") \
    X(8000_0008_EBX,           28, AMD_PSFD,                          "amd-psfd") \
    X(8000_0021_EAX,           0,  NO_NESTED_DATA_BP,                 "no-nested-data-bp") \
    X(8000_0021_EAX,           1,  FS_GS_BASE_NS,                     "fs-gs-base-ns") \
    X(8000_0021_EAX,           2,  LFENCE_ALWAYS_SERIALIZING,         "lfence-always-serializing") \
    X(8000_0021_EAX,           5,  VERW_CLEAR,                        "verw-clear") \
    X(8000_0021_EAX,           6,  NULL_SEL_CLR_BASE,                 "null-sel-clr-base") \
    X(8000_0021_EAX,           8,  AUTO_IBRS,                         "auto-ibrs") \
    X(8000_0021_EAX,           20, PREFETCHI,                         "prefetchi") \
    X(8000_0021_EAX,           24, ERAPS,                             "eraps") \
    X(8000_0021_EAX,           27, SBPB,                              "sbpb") \
    X(8000_0021_EAX,           28, IBPB_BRTYPE,                       "ibpb-brtype") \
    X(8000_0021_EAX,           29, SRSO_NO,                           "srso-no") \
    X(8000_0021_EAX,           30, SRSO_USER_KERNEL_NO,               "srso-user-kernel-no") \
    X(8000_0021_ECX,           1,  TSA_SQ_NO,                         "tsa-sq-no") \
    X(8000_0021_ECX,           2,  TSA_L1_NO,                         "tsa-l1-no") \
    X(8000_0022_EAX,           0,  PERFMON_V2,                        "perfmon-v2") \
    X(C000_0001_EDX,           2,  XSTORE,                            "xstore") \
    X(C000_0001_EDX,           3,  XSTORE_EN,                         "xstore-en") \
    X(C000_0001_EDX,           6,  XCRYPT,                            "xcrypt") \
    X(C000_0001_EDX,           7,  XCRYPT_EN,                         "xcrypt-en") \
    X(C000_0001_EDX,           8,  ACE2,                              "ace2") \
    X(C000_0001_EDX,           9,  ACE2_EN,                           "ace2-en") \
    X(C000_0001_EDX,           10, PHE,                               "phe") \
    X(C000_0001_EDX,           11, PHE_EN,                            "phe-en") \
    X(C000_0001_EDX,           12, PMM,                               "pmm") \
    X(C000_0001_EDX,           13, PMM_EN,                            "pmm-en") \
    X(4000_0001_EAX,           0,  KVMCLOCK,                          "kvmclock") \
    X(4000_0001_EAX,           1,  KVM_NOPIODELAY,                    "kvm-nopiodelay") \
    X(4000_0001_EAX,           2,  KVM_MMU,                           "kvm-mmu") \
    X(4000_0001_EAX,           4,  KVM_ASYNCPF,                       "kvm-asyncpf") \
    X(4000_0001_EAX,           5,  KVM_STEAL_TIME,                    "kvm-steal-time") \
    X(4000_0001_EAX,           6,  KVM_PV_EOI,                        "kvm-pv-eoi") \
    X(4000_0001_EAX,           7,  KVM_PV_UNHALT,                     "kvm-pv-unhalt") \
    X(4000_0001_EAX,           9,  KVM_PV_TLB_FLUSH,                  "kvm-pv-tlb-flush") \
    X(4000_0001_EAX,           10, KVM_ASYNCPF_VMEXIT,                "kvm-asyncpf-vmexit") \
    X(4000_0001_EAX,           11, KVM_PV_IPI,                        "kvm-pv-ipi") \
    X(4000_0001_EAX,           12, KVM_POLL_CONTROL,                  "kvm-poll-control") \
    X(4000_0001_EAX,           13, KVM_PV_SCHED_YIELD,                "kvm-pv-sched-yield") \
    X(4000_0001_EAX,           14, KVM_ASYNCPF_INT,                   "kvm-asyncpf-int") \
    X(4000_0001_EAX,           15, KVM_MSI_EXT_DEST_ID,               "kvm-msi-ext-dest-id") \
    X(4000_0001_EAX,           24, KVMCLOCK_STABLE_BIT,               "kvmclock-stable-bit") \
    X(4000_0001_EDX,           0,  KVM_HINT_DEDICATED,                "kvm-hint-dedicated") \
    X(SVM,                     0,  NPT,                               "npt") \
    X(SVM,                     1,  LBRV,                              "lbrv") \
    X(SVM,                     2,  SVM_LOCK,                          "svm-lock") \
    X(SVM,                     3,  NRIP_SAVE,                         "nrip-save") \
    X(SVM,                     4,  TSC_SCALE,                         "tsc-scale") \
    X(SVM,                     5,  VMCB_CLEAN,                        "vmcb-clean") \
    X(SVM,                     6,  FLUSHBYASID,                       "flushbyasid") \
    X(SVM,                     7,  DECODEASSISTS,                     "decodeassists") \
    X(SVM,                     10, PAUSE_FILTER,                      "pause-filter") \
    X(SVM,                     12, PFTHRESHOLD,                       "pfthreshold") \
    X(SVM,                     13, AVIC,                              "avic") \
    X(SVM,                     15, V_VMSAVE_VMLOAD,                   "v-vmsave-vmload") \
    X(SVM,                     16, VGIF,                              "vgif") \
    X(SVM,                     17, GMET,                              "gmet") \
    X(SVM,                     25, VNMI,                              "vnmi") \
    X(SVM,                     28, SVME_ADDR_CHK,                     "svme-addr-chk") \
    X(XSAVE,                   0,  XSAVEOPT,                          "xsaveopt") \
    X(XSAVE,                   1,  XSAVEC,                            "xsavec") \
    X(XSAVE,                   2,  XGETBV1,                           "xgetbv1") \
    X(XSAVE,                   3,  XSAVES,                            "xsaves") \
    X(XSAVE,                   4,  XFD,                               "xfd") \
    X(6_EAX,                   2,  ARAT,                              "arat") \
    X(14_0_ECX,                31, INTEL_PT_LIP,                      "intel-pt-lip") \
    X(SGX_12_0_EAX,            0,  SGX1,                              "sgx1") \
    X(SGX_12_0_EAX,            1,  SGX2,                              "sgx2") \
    X(SGX_12_0_EAX,            11, SGX_EDECCSSA,                      "sgx-edeccssa") \
    X(SGX_12_0_EBX,            0,  SGX_EXINFO,                        "sgx-exinfo") \
    X(SGX_12_1_EAX,            1,  SGX_DEBUG,                         "sgx-debug") \
    X(SGX_12_1_EAX,            2,  SGX_MODE64,                        "sgx-mode64") \
    X(SGX_12_1_EAX,            4,  SGX_PROVISIONKEY,                  "sgx-provisionkey") \
    X(SGX_12_1_EAX,            5,  SGX_TOKENKEY,                      "sgx-tokenkey") \
    X(SGX_12_1_EAX,            7,  SGX_KSS,                           "sgx-kss") \
    X(SGX_12_1_EAX,            10, SGX_AEX_NOTIFY,                    "sgx-aex-notify") \
    X(1E_1_EAX,                0,  AMX_INT8_ALIAS,                    "amx-int8-alias") \
    X(1E_1_EAX,                1,  AMX_BF16_ALIAS,                    "amx-bf16-alias") \
    X(1E_1_EAX,                2,  AMX_COMPLEX_ALIAS,                 "amx-complex-alias") \
    X(1E_1_EAX,                3,  AMX_FP16_ALIAS,                    "amx-fp16-alias") \
    X(1E_1_EAX,                4,  AMX_FP8,                           "amx-fp8") \
    X(1E_1_EAX,                6,  AMX_TF32,                          "amx-tf32") \
    X(1E_1_EAX,                7,  AMX_AVX512,                        "amx-avx512") \
    X(1E_1_EAX,                8,  AMX_MOVRS,                         "amx-movrs") \
    X(24_0_EBX,                16, AVX10_128,                         "avx10-128") \
    X(24_0_EBX,                17, AVX10_256,                         "avx10-256") \
    X(24_0_EBX,                18, AVX10_512,                         "avx10-512") \
    X(24_1_ECX,                2,  AVX10_VNNI_INT,                    "avx10-vnni-int") \
    X(29_0_EBX,                0,  APX_NCI_NDD_NF,                    "apx-nci-ndd-nf") \
    X(ARCH_CAPABILITIES,       0,  RDCTL_NO,                          "rdctl-no") \
    X(ARCH_CAPABILITIES,       1,  IBRS_ALL,                          "ibrs-all") \
    X(ARCH_CAPABILITIES,       2,  RSBA,                              "rsba") \
    X(ARCH_CAPABILITIES,       3,  SKIP_L1DFL_VMENTRY,                "skip-l1dfl-vmentry") \
    X(ARCH_CAPABILITIES,       4,  SSB_NO,                            "ssb-no") \
    X(ARCH_CAPABILITIES,       5,  MDS_NO,                            "mds-no") \
    X(ARCH_CAPABILITIES,       6,  PSCHANGE_MC_NO,                    "pschange-mc-no") \
    X(ARCH_CAPABILITIES,       7,  TSX_CTRL,                          "tsx-ctrl") \
    X(ARCH_CAPABILITIES,       8,  TAA_NO,                            "taa-no") \
    X(ARCH_CAPABILITIES,       13, SBDR_SSDP_NO,                      "sbdr-ssdp-no") \
    X(ARCH_CAPABILITIES,       14, FBSDP_NO,                          "fbsdp-no") \
    X(ARCH_CAPABILITIES,       15, PSDP_NO,                           "psdp-no") \
    X(ARCH_CAPABILITIES,       17, FB_CLEAR,                          "fb-clear") \
    X(ARCH_CAPABILITIES,       20, BHI_NO,                            "bhi-no") \
    X(ARCH_CAPABILITIES,       24, PBRSB_NO,                          "pbrsb-no") \
    X(ARCH_CAPABILITIES,       26, GDS_NO,                            "gds-no") \
    X(ARCH_CAPABILITIES,       27, RFDS_NO,                           "rfds-no") \
    X(ARCH_CAPABILITIES,       28, RFDS_CLEAR,                        "rfds-clear") \
    X(ARCH_CAPABILITIES_HIGH,  30, ITS_NO,                            "its-no") \
    X(CORE_CAPABILITY,         5,  SPLIT_LOCK_DETECT,                 "split-lock-detect") \
    X(VMX_BASIC_HIGH,          22, VMX_INS_OUTS,                      "vmx-ins-outs") \
    X(VMX_BASIC_HIGH,          23, VMX_TRUE_CTLS,                     "vmx-true-ctls") \
    X(VMX_BASIC_HIGH,          24, VMX_ANY_ERRCODE,                   "vmx-any-errcode") \
    X(VMX_BASIC_HIGH,          26, VMX_NESTED_EXCEPTION,              "vmx-nested-exception") \
    X(VMX_MISC,                5,  VMX_STORE_LMA,                     "vmx-store-lma") \
    X(VMX_MISC,                6,  VMX_ACTIVITY_HLT,                  "vmx-activity-hlt") \
    X(VMX_MISC,                7,  VMX_ACTIVITY_SHUTDOWN,             "vmx-activity-shutdown") \
    X(VMX_MISC,                8,  VMX_ACTIVITY_WAIT_SIPI,            "vmx-activity-wait-sipi") \
    X(VMX_MISC,                29, VMX_VMWRITE_VMEXIT_FIELDS,         "vmx-vmwrite-vmexit-fields") \
    X(VMX_PINBASED,            0,  VMX_INTR_EXIT,                     "vmx-intr-exit") \
    X(VMX_PINBASED,            3,  VMX_NMI_EXIT,                      "vmx-nmi-exit") \
    X(VMX_PINBASED,            5,  VMX_VNMI,                          "vmx-vnmi") \
    X(VMX_PINBASED,            6,  VMX_PREEMPTION_TIMER,              "vmx-preemption-timer") \
    X(VMX_PINBASED,            7,  VMX_POSTED_INTR,                   "vmx-posted-intr") \
    X(VMX_PROCBASED,           2,  VMX_VINTR_PENDING,                 "vmx-vintr-pending") \
    X(VMX_PROCBASED,           3,  VMX_TSC_OFFSET,                    "vmx-tsc-offset") \
    X(VMX_PROCBASED,           7,  VMX_HLT_EXIT,                      "vmx-hlt-exit") \
    X(VMX_PROCBASED,           9,  VMX_INVLPG_EXIT,                   "vmx-invlpg-exit") \
    X(VMX_PROCBASED,           10, VMX_MWAIT_EXIT,                    "vmx-mwait-exit") \
    X(VMX_PROCBASED,           11, VMX_RDPMC_EXIT,                    "vmx-rdpmc-exit") \
    X(VMX_PROCBASED,           12, VMX_RDTSC_EXIT,                    "vmx-rdtsc-exit") \
    X(VMX_PROCBASED,           15, VMX_CR3_LOAD_NOEXIT,               "vmx-cr3-load-noexit") \
    X(VMX_PROCBASED,           16, VMX_CR3_STORE_NOEXIT,              "vmx-cr3-store-noexit") \
    X(VMX_PROCBASED,           19, VMX_CR8_LOAD_EXIT,                 "vmx-cr8-load-exit") \
    X(VMX_PROCBASED,           20, VMX_CR8_STORE_EXIT,                "vmx-cr8-store-exit") \
    X(VMX_PROCBASED,           21, VMX_FLEXPRIORITY,                  "vmx-flexpriority") \
    X(VMX_PROCBASED,           22, VMX_VNMI_PENDING,                  "vmx-vnmi-pending") \
    X(VMX_PROCBASED,           23, VMX_MOVDR_EXIT,                    "vmx-movdr-exit") \
    X(VMX_PROCBASED,           24, VMX_IO_EXIT,                       "vmx-io-exit") \
    X(VMX_PROCBASED,           25, VMX_IO_BITMAP,                     "vmx-io-bitmap") \
    X(VMX_PROCBASED,           27, VMX_MTF,                           "vmx-mtf") \
    X(VMX_PROCBASED,           28, VMX_MSR_BITMAP,                    "vmx-msr-bitmap") \
    X(VMX_PROCBASED,           29, VMX_MONITOR_EXIT,                  "vmx-monitor-exit") \
    X(VMX_PROCBASED,           30, VMX_PAUSE_EXIT,                    "vmx-pause-exit") \
    X(VMX_PROCBASED,           31, VMX_SECONDARY_CTLS,                "vmx-secondary-ctls") \
    X(VMX_SECONDARY,           0,  VMX_APICV_XAPIC,                   "vmx-apicv-xapic") \
    X(VMX_SECONDARY,           1,  VMX_EPT,                           "vmx-ept") \
    X(VMX_SECONDARY,           2,  VMX_DESC_EXIT,                     "vmx-desc-exit") \
    X(VMX_SECONDARY,           3,  VMX_RDTSCP_EXIT,                   "vmx-rdtscp-exit") \
    X(VMX_SECONDARY,           4,  VMX_APICV_X2APIC,                  "vmx-apicv-x2apic") \
    X(VMX_SECONDARY,           5,  VMX_VPID,                          "vmx-vpid") \
    X(VMX_SECONDARY,           6,  VMX_WBINVD_EXIT,                   "vmx-wbinvd-exit") \
    X(VMX_SECONDARY,           7,  VMX_UNRESTRICTED_GUEST,            "vmx-unrestricted-guest") \
    X(VMX_SECONDARY,           8,  VMX_APICV_REGISTER,                "vmx-apicv-register") \
    X(VMX_SECONDARY,           9,  VMX_APICV_VID,                     "vmx-apicv-vid") \
    X(VMX_SECONDARY,           10, VMX_PLE,                           "vmx-ple") \
    X(VMX_SECONDARY,           11, VMX_RDRAND_EXIT,                   "vmx-rdrand-exit") \
    X(VMX_SECONDARY,           12, VMX_INVPCID_EXIT,                  "vmx-invpcid-exit") \
    X(VMX_SECONDARY,           13, VMX_VMFUNC,                        "vmx-vmfunc") \
    X(VMX_SECONDARY,           14, VMX_SHADOW_VMCS,                   "vmx-shadow-vmcs") \
    X(VMX_SECONDARY,           15, VMX_ENCLS_EXIT,                    "vmx-encls-exit") \
    X(VMX_SECONDARY,           16, VMX_RDSEED_EXIT,                   "vmx-rdseed-exit") \
    X(VMX_SECONDARY,           17, VMX_PML,                           "vmx-pml") \
    X(VMX_SECONDARY,           20, VMX_XSAVES,                        "vmx-xsaves") \
    X(VMX_SECONDARY,           22, VMX_MBEC,                          "vmx-mbec") \
    X(VMX_SECONDARY,           25, VMX_TSC_SCALING,                   "vmx-tsc-scaling") \
    X(VMX_SECONDARY,           26, VMX_ENABLE_USER_WAIT_PAUSE,        "vmx-enable-user-wait-pause") \
    X(VMX_EXIT,                2,  VMX_EXIT_NOSAVE_DEBUGCTL,          "vmx-exit-nosave-debugctl") \
    X(VMX_EXIT,                12, VMX_EXIT_LOAD_PERF_GLOBAL_CTRL,    "vmx-exit-load-perf-global-ctrl") \
    X(VMX_EXIT,                15, VMX_EXIT_ACK_INTR,                 "vmx-exit-ack-intr") \
    X(VMX_EXIT,                18, VMX_EXIT_SAVE_PAT,                 "vmx-exit-save-pat") \
    X(VMX_EXIT,                19, VMX_EXIT_LOAD_PAT,                 "vmx-exit-load-pat") \
    X(VMX_EXIT,                20, VMX_EXIT_SAVE_EFER,                "vmx-exit-save-efer") \
    X(VMX_EXIT,                21, VMX_EXIT_LOAD_EFER,                "vmx-exit-load-efer") \
    X(VMX_EXIT,                22, VMX_EXIT_SAVE_PREEMPTION_TIMER,    "vmx-exit-save-preemption-timer") \
    X(VMX_EXIT,                23, VMX_EXIT_CLEAR_BNDCFGS,            "vmx-exit-clear-bndcfgs") \
    X(VMX_EXIT,                25, VMX_EXIT_CLEAR_RTIT_CTL,           "vmx-exit-clear-rtit-ctl") \
    X(VMX_EXIT,                28, VMX_EXIT_SAVE_CET,                 "vmx-exit-save-cet") \
    X(VMX_EXIT,                29, VMX_EXIT_LOAD_PKRS,                "vmx-exit-load-pkrs") \
    X(VMX_EXIT,                31, VMX_EXIT_SECONDARY_CTLS,           "vmx-exit-secondary-ctls") \
    X(VMX_ENTRY,               2,  VMX_ENTRY_NOLOAD_DEBUGCTL,         "vmx-entry-noload-debugctl") \
    X(VMX_ENTRY,               9,  VMX_ENTRY_IA32E_MODE,              "vmx-entry-ia32e-mode") \
    X(VMX_ENTRY,               13, VMX_ENTRY_LOAD_PERF_GLOBAL_CTRL,   "vmx-entry-load-perf-global-ctrl") \
    X(VMX_ENTRY,               14, VMX_ENTRY_LOAD_PAT,                "vmx-entry-load-pat") \
    X(VMX_ENTRY,               15, VMX_ENTRY_LOAD_EFER,               "vmx-entry-load-efer") \
    X(VMX_ENTRY,               16, VMX_ENTRY_LOAD_BNDCFGS,            "vmx-entry-load-bndcfgs") \
    X(VMX_ENTRY,               18, VMX_ENTRY_LOAD_RTIT_CTL,           "vmx-entry-load-rtit-ctl") \
    X(VMX_ENTRY,               20, VMX_ENTRY_LOAD_CET,                "vmx-entry-load-cet") \
    X(VMX_ENTRY,               22, VMX_ENTRY_LOAD_PKRS,               "vmx-entry-load-pkrs") \
    X(VMX_ENTRY,               23, VMX_ENTRY_LOAD_FRED,               "vmx-entry-load-fred") \
    X(VMX_EPT_VPID,            0,  VMX_EPT_EXECONLY,                  "vmx-ept-execonly") \
    X(VMX_EPT_VPID,            6,  VMX_PAGE_WALK_4,                   "vmx-page-walk-4") \
    X(VMX_EPT_VPID,            7,  VMX_PAGE_WALK_5,                   "vmx-page-walk-5") \
    X(VMX_EPT_VPID,            16, VMX_EPT_2MB,                       "vmx-ept-2mb") \
    X(VMX_EPT_VPID,            17, VMX_EPT_1GB,                       "vmx-ept-1gb") \
    X(VMX_EPT_VPID,            20, VMX_INVEPT,                        "vmx-invept") \
    X(VMX_EPT_VPID,            21, VMX_EPTAD,                         "vmx-eptad") \
    X(VMX_EPT_VPID,            22, VMX_EPT_ADVANCED_EXITINFO,         "vmx-ept-advanced-exitinfo") \
    X(VMX_EPT_VPID,            25, VMX_INVEPT_SINGLE_CONTEXT,         "vmx-invept-single-context") \
    X(VMX_EPT_VPID,            26, VMX_INVEPT_ALL_CONTEXT,            "vmx-invept-all-context") \
    X(VMX_EPT_VPID_HIGH,       0,  VMX_INVVPID,                       "vmx-invvpid") \
    X(VMX_EPT_VPID_HIGH,       8,  VMX_INVVPID_SINGLE_ADDR,           "vmx-invvpid-single-addr") \
    X(VMX_EPT_VPID_HIGH,       10, VMX_INVVPID_ALL_CONTEXT,           "vmx-invvpid-all-context") \
    X(VMX_EPT_VPID_HIGH,       11, VMX_INVEPT_SINGLE_CONTEXT_NOGLOBALS, "vmx-invept-single-context-noglobals") \
    X(VMX_VMFUNC,              0,  VMX_EPTP_SWITCHING,                "vmx-eptp-switching")

/* X(ID, name): other spellings of the same property. */
#define FEATURE_ALIASES(X) \
    X(SSE4_1,              "sse4-1") \
    X(SSE4_1,              "sse4_1") \
    X(SSE3,                "sse3") \
    X(SSE4_2,              "sse4-2") \
    X(SSE4_2,              "sse4_2") \
    X(DS_CPL,              "ds_cpl") \
    X(PCLMULQDQ,           "pclmuldq") \
    X(TSC_ADJUST,          "tsc_adjust") \
    X(NX,                  "xd") \
    X(LM,                  "i64") \
    X(FXSR_OPT,            "fxsr_opt") \
    X(FXSR_OPT,            "ffxsr") \
    X(PERFCTR_CORE,        "perfctr_core") \
    X(CMP_LEGACY,          "cmp_legacy") \
    X(NODEID_MSR,          "nodeid_msr") \
    X(LAHF_LM,             "lahf_lm") \
    X(PERFCTR_NB,          "perfctr_nb") \
    X(KVM_ASYNCPF,         "kvm_asyncpf") \
    X(KVM_ASYNCPF_INT,     "kvm_asyncpf_int") \
    X(KVM_PV_EOI,          "kvm_pv_eoi") \
    X(KVM_NOPIODELAY,      "kvm_nopiodelay") \
    X(KVM_POLL_CONTROL,    "kvm_poll_control") \
    X(KVM_MMU,             "kvm_mmu") \
    X(KVM_PV_UNHALT,       "kvm_pv_unhalt") \
    X(KVM_STEAL_TIME,      "kvm_steal_time") \
    X(PAUSE_FILTER,        "pause_filter") \
    X(VMCB_CLEAN,          "vmcb_clean") \
    X(SVM_LOCK,            "svm_lock") \
    X(NRIP_SAVE,           "nrip_save") \
    X(TSC_SCALE,           "tsc_scale")

enum {
    FEATURE_WORD_NONE,
#define X(word, kind, leaf, subleaf, reg) FEATURE_WORD_##word,
    FEATURE_WORDS(X)
#undef X
    FEATURE_WORD_COUNT
};

enum {
    FEATURE_NONE = 0,
#define X(word, bit, id, name) FEATURE_##id = FEATURE_WORD_##word * 32 + bit,
    FEATURE_LIST(X)
#undef X
};

#endif
