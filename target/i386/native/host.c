/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the host CPU and its system can execute for us: CPUID and XCR0, read once. */
#include "target/i386/native/native.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <pthread.h>

enum { XCR0_X87 = 1, XCR0_SSE = 2, XCR0_AVX = 4, XCR0_AVX512 = 0xe0, XCR0_PKRU = 1 << 9 };

/* Every feature that needs host units, and the state components it works on. */
static const struct { uint16_t feature, xcr0; } host_features[] = {
#define SSE(id) { FEATURE_##id, 0 }
#define AVX(id) { FEATURE_##id, XCR0_SSE | XCR0_AVX }
#define AVX512(id) { FEATURE_##id, XCR0_SSE | XCR0_AVX | XCR0_AVX512 }
    SSE(FPU), SSE(CMOV), SSE(MMX), SSE(MMXEXT), SSE(FXSR), SSE(SSE), SSE(SSE2), SSE(SSE3), SSE(SSSE3), SSE(SSE4_1),
    SSE(SSE4_2), SSE(SSE4A), SSE(AES), SSE(PCLMULQDQ), SSE(SHA_NI), SSE(GFNI),
    AVX(AVX), AVX(F16C), AVX(FMA), AVX(AVX2), AVX(VAES), AVX(VPCLMULQDQ), AVX(AVX_VNNI),
    AVX512(AVX512F), AVX512(AVX512DQ), AVX512(AVX512CD), AVX512(AVX512BW), AVX512(AVX512VL), AVX512(AVX512IFMA),
    AVX512(AVX512VBMI), AVX512(AVX512VBMI2), AVX512(AVX512VNNI), AVX512(AVX512BITALG), AVX512(AVX512_VPOPCNTDQ),
    AVX512(AVX512_BF16),
#undef SSE
#undef AVX
#undef AVX512
};
/* Vector extensions without rows in insn.def; MXCSR.MM. */
static const uint16_t absent_features[] = {
    FEATURE_3DNOW, FEATURE_3DNOWEXT, FEATURE_MISALIGNSSE, FEATURE_XOP, FEATURE_FMA4, FEATURE_TBM,
    FEATURE_AVX512PF, FEATURE_AVX512ER, FEATURE_AVX512_4VNNIW, FEATURE_AVX512_4FMAPS, FEATURE_AVX512_VP2INTERSECT,
    FEATURE_AVX512_FP16, FEATURE_AMX_BF16, FEATURE_AMX_TILE, FEATURE_AMX_INT8, FEATURE_AVX_VNNI_INT8,
    FEATURE_AVX_VNNI_INT16, FEATURE_AVX_IFMA, FEATURE_AVX_NE_CONVERT, FEATURE_AVX10, FEATURE_SHA512, FEATURE_SM3,
    FEATURE_SM4,
};

typedef struct CpuidWord { bool msr; uint32_t leaf; int32_t subleaf; uint8_t reg; } CpuidWord;
#define KIND_CPUID false
#define KIND_MSR true
#define X(word, kind, leaf, subleaf, reg) { KIND_##kind, leaf, subleaf, reg },
static const CpuidWord words[] = { { 0 }, FEATURE_WORDS(X) };
#undef X

static uint32_t available[FEATURE_WORD_COUNT], host_words[FEATURE_WORD_COUNT];
static uint64_t host_xcr0;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint32_t cpuid_word(const CpuidWord *w)
{
    uint32_t r[4];
    bool there = !w->msr && __get_cpuid_count(w->leaf, w->subleaf < 0 ? 0 : w->subleaf, &r[0], &r[1], &r[2], &r[3]);
    return there ? r[w->reg] : 0;
}

static void probe(void)
{
    uint32_t a, b, c, d;

    memset(available, 0xff, sizeof available);
    if (__get_cpuid(1, &a, &b, &c, &d) && c & bit_OSXSAVE) {
        __asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
        host_xcr0 = a | (uint64_t)d << 32;
    }
    for (unsigned i = 0; i < FEATURE_WORD_COUNT; i++) {
        host_words[i] = cpuid_word(&words[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(host_features); i++) {
        unsigned feature = host_features[i].feature, xcr0 = host_features[i].xcr0;

        if (!(host_words[feature / 32] >> (feature % 32) & 1) || (host_xcr0 & xcr0) != xcr0) {
            available[feature / 32] &= ~(1u << (feature % 32));
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(absent_features); i++) {
        available[absent_features[i] / 32] &= ~(1u << (absent_features[i] % 32));
    }
}

bool native_cpuid_bit(unsigned feature)
{
    pthread_once(&once, probe);
    return feature / 32 < FEATURE_WORD_COUNT && host_words[feature / 32] >> (feature % 32) & 1;
}

bool native_host_has(unsigned feature)
{
    pthread_once(&once, probe);
    return feature / 32 < FEATURE_WORD_COUNT && available[feature / 32] >> (feature % 32) & 1;
}

/* PKRU belongs to our paging, not to the host. */
uint64_t native_host_xcr0(void)
{
    uint64_t mask = XCR0_X87 | XCR0_SSE | XCR0_PKRU;

    mask |= native_host_has(FEATURE_AVX) ? XCR0_AVX : 0;
    return mask | (native_host_has(FEATURE_AVX512F) ? XCR0_AVX512 : 0);
}
#endif
