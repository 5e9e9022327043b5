// Preloaded into user-mode Linux, so that it runs on processors whose register state is larger than it expects.
//
// UML of Linux 6.1 keeps 2,696 bytes of a process's extended registers (up to AVX-512 and PKRU) and writes those back with
// PTRACE_SETREGSET, which requires the whole state. On a processor with AMX that fails with EFAULT, and UML ends ("ptrace set
// fp regs failed"). This library fills the part after UML's with zeros, since none of its processes uses it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

static char state[1 << 16];
static size_t state_bytes;

long ptrace(enum __ptrace_request request, ...) {
  static long (*next)(enum __ptrace_request, ...);
  va_list rest;
  va_start(rest, request);
  int pid = va_arg(rest, int);
  void *address = va_arg(rest, void *);
  void *data = va_arg(rest, void *);
  va_end(rest);
  if (!next) next = dlsym(RTLD_NEXT, "ptrace");
  if (request != PTRACE_SETREGSET || (long)address != NT_X86_XSTATE) return next(request, pid, address, data);

  struct iovec *given = data;
  struct iovec whole = {state, sizeof state};
  if (!state_bytes) {
    if (next(PTRACE_GETREGSET, pid, address, &whole) < 0) return -1;
    state_bytes = whole.iov_len;
    memset(state, 0, sizeof state);
  }
  if (given->iov_len >= state_bytes) return next(request, pid, address, data);
  memcpy(state, given->iov_base, given->iov_len);
  whole.iov_len = state_bytes;
  return next(request, pid, address, &whole);
}
