#pragma once

#include <cstdint>
#include <vector>

#include "call.h"

namespace wm {

/** Memory on cache lines of its own; nullptr where there is none. */
void* allocate(int64_t bytes);
void release(void* memory);

/** What kernels borrow, kept for the next call. */
class ScratchMemory final : public Scratch {
 public:
  ScratchMemory();
  ~ScratchMemory();
  float* floats(int64_t count) override;
  int64_t lent() const override;
  void giveBack(int64_t lent) override;

 private:
  struct Block {
    char* memory;
    int64_t size;
    /** Bytes lent of all blocks before this one, and of this one. */
    int64_t before;
    int64_t used;
  };
  std::vector<Block> blocks_;
  /** Bytes of the next block, at least: what one call has needed at most. */
  int64_t blockBytes_;
};

}  // namespace wm
