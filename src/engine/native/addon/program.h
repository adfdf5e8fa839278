#pragma once

#include <memory>
#include <vector>

#include "call.h"
#include "memory.h"

namespace wm {

/** Kernels one after the other, in memory that is planned ahead. docs/engines.md documents the form of its words. */
class Program {
 public:
  /**
   * @param kernels by number
   * @param words as JavaScript writes them; see `compile` in compile.ts
   */
  Program(const std::vector<NamedKernel>& kernels, const double* words);

  /** Bytes of the arena that it computes in. */
  int64_t arenaBytes() const { return arenaBytes_; }

  /** Bytes of what it gives. */
  int64_t resultBytes() const;

  /** Runs every step. The arena is shared by programs that do not run at the same time. */
  void run(char* arena, void* const* inputs, void* const* results, Scratch* scratch);

 private:
  enum class Place { input, result, constant, arena };
  /** A piece of memory: the index of an input or result, an address, or an offset in the arena. */
  struct Buffer {
    Place place;
    int64_t at;
    int64_t bytes;
  };
  /** Where a value stands, in bytes from the beginning of a buffer. */
  struct Location {
    size_t buffer;
    int64_t offset;
  };
  struct Step {
    Kernel kernel;
    /** The first of its operands in `locations_` and `operands_`, and of its parameters in `parameters_`. */
    size_t operands;
    size_t parameters;
  };

  std::vector<Buffer> buffers_;
  std::vector<Step> steps_;
  std::vector<Location> locations_;
  std::vector<double> parameters_;
  /** Where the buffers and the steps' operands are in the present run. */
  std::vector<char*> addresses_;
  std::vector<void*> operands_;
  int64_t arenaBytes_ = 0;
};

}  // namespace wm
