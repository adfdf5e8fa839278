#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <unordered_map>
#include <vector>

#include "call.h"

namespace wm {

/** Memory on cache lines of its own; nullptr where there is none. */
void* allocate(int64_t bytes);
void release(void* memory);

/**
 * The memory of tensors. Large pieces that are freed are kept for the next one of about their size, the oldest going first:
 * as much as all programs give, whose results the next runs replace, and a little more. So an update finds the pages of the
 * update before, and what an evaluation needed goes back to the system. The C library keeps all of it, in holes of many
 * sizes, or, told to give it back, has every update make its pages anew.
 */
class TensorMemory final {
 public:
  TensorMemory();
  ~TensorMemory();
  /** nullptr where there is none. */
  void* allocate(int64_t bytes);
  void release(void* memory);
  /** Has room for so many bytes more: the results of a program, which are freed and made again; for fewer once it is gone. */
  void keepFor(int64_t bytes);
  /** Gives what is freed back to the system, but for room for results. */
  void giveBack();

 private:
  struct Piece {
    void* memory;
    int64_t bytes;
  };
  using BySize = std::multimap<int64_t, std::list<Piece>::iterator>;
  /** Gives the oldest back to the system until no more than so many bytes are kept. */
  void keepAtMost(int64_t kept);
  /** Is no longer kept. */
  void forget(BySize::iterator at);

  /** Freed ones, the oldest first. */
  std::list<Piece> kept_;
  BySize bySize_;
  int64_t keptBytes_ = 0;
  /** Of all programs' results. */
  int64_t resultBytes_ = 0;
  /** Bytes of the large ones in use. */
  std::unordered_map<void*, int64_t> large_;
};

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
