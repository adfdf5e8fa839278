#include "memory.h"

#include <cstdlib>
#include <new>

namespace wm {

namespace {

constexpr int64_t LINE = 64;

int64_t wholeLines(int64_t bytes) { return (bytes + LINE - 1) / LINE * LINE; }

#if defined(__SANITIZE_ADDRESS__)
/** Every loan is a block, so that what is written beside it is seen. */
constexpr int64_t BLOCK = 0;
#else
constexpr int64_t BLOCK = int64_t{1} << 20;
#endif

}  // namespace

void* allocate(int64_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  void* memory = nullptr;
  return posix_memalign(&memory, LINE, bytes > 0 ? bytes : 1) == 0 ? memory : nullptr;
#else
  return std::aligned_alloc(LINE, wholeLines(bytes > 0 ? bytes : 1));
#endif
}

void release(void* memory) { std::free(memory); }

ScratchMemory::ScratchMemory() : blockBytes_(BLOCK) {}

ScratchMemory::~ScratchMemory() {
  for (const Block& block : blocks_) release(block.memory);
}

float* ScratchMemory::floats(int64_t count) {
  const int64_t bytes = static_cast<int64_t>(sizeof(float)) * count;
  const int64_t room = BLOCK > 0 ? wholeLines(bytes) : bytes;
  if (blocks_.empty() || blocks_.back().used + room > blocks_.back().size || BLOCK == 0) {
    const int64_t size = room > blockBytes_ ? room : blockBytes_;
    char* memory = static_cast<char*>(allocate(size));
    if (!memory) throw std::bad_alloc();
    blocks_.push_back({memory, size, lent(), 0});
  }
  Block& block = blocks_.back();
  char* at = block.memory + block.used;
  block.used += room;
  return reinterpret_cast<float*>(at);
}

int64_t ScratchMemory::lent() const { return blocks_.empty() ? 0 : blocks_.back().before + blocks_.back().used; }

void ScratchMemory::giveBack(int64_t lent) {
  if (BLOCK > 0 && lent == 0 && blocks_.size() > 1) blockBytes_ = blocks_.back().before + blocks_.back().size;
  // The last block stays: the next call needs it again, unless it needed more than one.
  const size_t kept = BLOCK > 0 && (lent > 0 || blocks_.size() == 1) ? 1 : 0;
  while (blocks_.size() > kept && blocks_.back().before >= lent) {
    release(blocks_.back().memory);
    blocks_.pop_back();
  }
  if (!blocks_.empty()) blocks_.back().used = lent - blocks_.back().before;
}

}  // namespace wm
