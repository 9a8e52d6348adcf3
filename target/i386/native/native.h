/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector and x87 instructions executed by the host's own units.
 *
 * At bind time an instruction is re-encoded with fixed host registers (canonical form) and wrapped into a stub:
 *
 *   load the registers it names from the vCPU -> the guest's MXCSR if it is floating point -> the instruction, its
 *   memory operand being a pointer that the caller passes -> store results -> the host's MXCSR -> return a status
 *
 * A stub depends on the canonical form only, not on guest register numbers or addresses, so there are few: stubs are
 * found by content and live as long as the process. An unmasked SIMD exception arrives as SIGFPE inside the stub,
 * before anything was stored; the handler leaves through the cache's common exit, and the caller raises #XM.
 *
 * On hosts other than x86-64 nothing is offered: native_host_has() is false for every vector feature.
 */
#ifndef TARGET_I386_NATIVE_NATIVE_H
#define TARGET_I386_NATIVE_NATIVE_H

#include "target/i386/access.h"
#include "target/i386/insn-gen.h"

/**
 * native_host_has: whether the host can execute what @feature (FEATURE_*) promises. True for features that need no host
 * unit; false for vector extensions that the instruction table does not describe.
 */
bool native_host_has(unsigned feature);
/** native_cpuid_bit: the bit of @feature as the host's own CPUID shows it. */
bool native_cpuid_bit(unsigned feature);
/** native_host_xcr0: the XCR0 components that the host's system lets programs use and that we can carry. */
uint64_t native_host_xcr0(void);

/*
 * A stub: @mem is the memory operand (NULL if none); the others point at the state of the registers in ModRM.reg, vvvv,
 * ModRM.rm and is4. Returns a NATIVE_* status in the low byte and, where the row writes them, RFLAGS above it.
 */
typedef uint64_t NativeStub(CpuX86 *cpu, void *mem, void *reg, void *vvvv, void *rm, void *is4);
enum { NATIVE_DONE, NATIVE_FP_EXCEPTION, NATIVE_ILLEGAL };

/** native_vector_stub: the stub of a decoded vector, MMX or opmask instruction; NULL if it cannot be made. */
NativeStub *native_vector_stub(const CpuX86 *cpu, const Insn *insn);
/**
 * native_x87_stub: for escape opcode @opcode (D8 to DF) and ModRM byte @modrm. The stub loads and stores cpu->fpu.fx,
 * of which it spoils fop, fip, fdp and mxcsr; @reg passes the arithmetic flags (FCMOV) as an integer.
 */
NativeStub *native_x87_stub(uint8_t opcode, uint8_t modrm);

/** native_bind: binds a vector instruction to its stub: sets insn->host and operand places in insn->imm. NULL: #UD. */
InsnFn *native_bind(const CpuX86 *cpu, Insn *insn);

/* Code cache (code_cache.c): executable memory, mapped twice, never writable and executable at one address. */
/** native_code_get: the stub whose key is @key; if new, @code is copied in. NULL: no memory. Any thread. */
void *native_code_get(const void *key, size_t key_bytes, const uint8_t *code, size_t code_bytes);
void *native_code_find(const void *key, size_t key_bytes);
#define NATIVE_CODE_BYTES (128u << 20)          /* of address space; more than all stubs that the table can lead to */
/** native_code_bytes: how much is in use. */
size_t native_code_bytes(void);

#define HOST_MXCSR 0x1f80

#endif
