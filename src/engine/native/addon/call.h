#pragma once

#include <cstddef>
#include <cstdint>

/** What is compiled once for each instruction set is to have no function in common. */
#define WM_INLINE inline __attribute__((always_inline))

namespace wm {

/** Memory that kernels borrow; what is not given back before is when the call ends. */
class Scratch {
 public:
  /** Room for so many floats, aligned to a cache line, not initialised. Throws std::bad_alloc where there is none. */
  virtual float* floats(int64_t count) = 0;
  /** How much is lent. */
  virtual int64_t lent() const = 0;
  /** Gives back what was lent since `lent()` was that much. */
  virtual void giveBack(int64_t lent) = 0;

 protected:
  ~Scratch() = default;
};

/** One call of a kernel. */
struct Call {
  /** The tensors that it reads, then those that it writes. All are row-major, without gaps. */
  void* const* operands;
  /** Extents, strides and attributes, in the order that the kernel documents. Strides count elements. */
  const double* parameters;
  Scratch* scratch;

  template <class T = float>
  WM_INLINE T* operand(int64_t index) const {
    return static_cast<T*>(operands[index]);
  }
};

/** Takes a call's parameters one after the other. */
class Parameters {
 public:
  WM_INLINE explicit Parameters(const Call& call) : next_(call.parameters) {}
  WM_INLINE int64_t integer() { return static_cast<int64_t>(*next_++); }
  WM_INLINE float number() { return static_cast<float>(*next_++); }
  WM_INLINE double precise() { return *next_++; }
  /** So many of them, which are whole numbers. */
  WM_INLINE const double* several(int64_t count) {
    const double* first = next_;
    next_ += count;
    return first;
  }

 private:
  const double* next_;
};

using Kernel = void (*)(const Call&);

struct NamedKernel {
  const char* name;
  Kernel run;
};

/** Kernels that are compiled together. */
struct KernelTable {
  /** The instruction set that they are compiled for, for people, and whether the processor has it. */
  const char* instructionSet;
  bool (*isUsable)();
  const NamedKernel* kernels;
  int64_t count;
};

/** The most axes that a kernel walks along: those of tfjs's tensors, at most 6, each perhaps repeated. */
constexpr int MAX_RANK = 12;

/** What a kernel finds wrong in values; becomes a JavaScript Error. `message` is a format for `number`. */
struct KernelError {
  const char* message;
  int64_t number;
};

/** Sorts indices by their values, the largest first, NaN before all; of equals the lower index. */
void sortDescending(const float* values, int32_t* indices, int64_t count);

}  // namespace wm
