#include "memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

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

#if defined(__SANITIZE_ADDRESS__)

TensorMemory::TensorMemory() = default;

TensorMemory::~TensorMemory() = default;

void TensorMemory::keepFor(int64_t) {}

void TensorMemory::giveBack() {}

void* TensorMemory::allocate(int64_t bytes) { return wm::allocate(bytes); }

void TensorMemory::release(void* memory) { wm::release(memory); }

#else

namespace {

/** From so many bytes on a piece has pages of its own. */
constexpr int64_t LARGE = int64_t{64} << 10;
constexpr int64_t PAGE = int64_t{4} << 10;
/** The same of what the C library lends: arrays of JavaScript's. */
constexpr int LARGE_ELSEWHERE = 256 << 10;
/** A kept piece serves one that is this share of it smaller, at most: one in so many bytes. */
constexpr int64_t SPARE = 4;
/** Kept beside room for results. */
constexpr int64_t KEPT = int64_t{4} << 20;

}  // namespace

TensorMemory::TensorMemory() {
#if defined(__GLIBC__)
  // Otherwise it raises the bound with every larger piece that is freed, and keeps them in holes of its heap.
  mallopt(M_MMAP_THRESHOLD, LARGE_ELSEWHERE);
#endif
}

TensorMemory::~TensorMemory() {
  keepAtMost(0);
  for (const auto& [memory, bytes] : large_) munmap(memory, bytes);
}

void* TensorMemory::allocate(int64_t bytes) {
  if (bytes < LARGE) return wm::allocate(bytes);
  const int64_t size = (bytes + PAGE - 1) / PAGE * PAGE;
  const auto found = bySize_.lower_bound(size);
  if (found != bySize_.end() && found->first <= size + size / SPARE) {
    const Piece piece = *found->second;
    forget(found);
    large_.emplace(piece.memory, piece.bytes);
    return piece.memory;
  }
  const auto map = [size] { return mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); };
  void* memory = map();
  if (memory == MAP_FAILED) {
    keepAtMost(0);
    memory = map();
  }
  if (memory == MAP_FAILED) return nullptr;
  large_.emplace(memory, size);
  return memory;
}

void TensorMemory::release(void* memory) {
  const auto found = large_.find(memory);
  if (found == large_.end()) return wm::release(memory);
  const int64_t size = found->second;
  large_.erase(found);
  bySize_.emplace(size, kept_.insert(kept_.end(), {memory, size}));
  keptBytes_ += size;
  keepAtMost(KEPT + resultBytes_);
}

void TensorMemory::keepFor(int64_t bytes) { resultBytes_ += bytes; }

void TensorMemory::giveBack() {
  keepAtMost(resultBytes_);
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

void TensorMemory::keepAtMost(int64_t kept) {
  while (keptBytes_ > kept) {
    const auto oldest = kept_.begin();
    auto at = bySize_.lower_bound(oldest->bytes);
    while (at->second != oldest) ++at;
    munmap(oldest->memory, oldest->bytes);
    forget(at);
  }
}

void TensorMemory::forget(BySize::iterator at) {
  keptBytes_ -= at->first;
  kept_.erase(at->second);
  bySize_.erase(at);
}

#endif

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
