#include "program.h"

#include <algorithm>
#include <new>

namespace wm {

Program::Program(const std::vector<NamedKernel>& kernels, const double* words) {
  const auto next = [&words] { return static_cast<int64_t>(*words++); };
  arenaBytes_ = next();
  buffers_.resize(next());
  for (Buffer& buffer : buffers_) {
    buffer.place = static_cast<Place>(next());
    buffer.at = next();
    buffer.bytes = next();
  }
  steps_.resize(next());
  for (Step& step : steps_) {
    step.kernel = kernels[next()].run;
    step.operands = locations_.size();
    for (int64_t left = next(); left > 0; left--) {
      const size_t buffer = next();
      locations_.push_back({buffer, next()});
    }
    step.parameters = parameters_.size();
    for (int64_t left = next(); left > 0; left--) parameters_.push_back(*words++);
  }
  addresses_.resize(buffers_.size());
  operands_.resize(locations_.size());
}

int64_t Program::resultBytes() const {
  int64_t bytes = 0;
  for (const Buffer& buffer : buffers_) bytes += buffer.place == Place::result ? buffer.bytes : 0;
  return bytes;
}

void Program::run(char* arena, void* const* inputs, void* const* results, Scratch* scratch) {
#if defined(__SANITIZE_ADDRESS__)
  // Memory of its own for each buffer, so that what is written beside it is seen.
  std::vector<std::unique_ptr<void, void (*)(void*)>> apart;
#endif
  for (size_t i = 0; i < buffers_.size(); i++) {
    const Buffer& buffer = buffers_[i];
    switch (buffer.place) {
      case Place::input: addresses_[i] = static_cast<char*>(inputs[buffer.at]); break;
      case Place::result: addresses_[i] = static_cast<char*>(results[buffer.at]); break;
      case Place::constant: addresses_[i] = reinterpret_cast<char*>(buffer.at); break;
      case Place::arena:
#if defined(__SANITIZE_ADDRESS__)
        apart.emplace_back(allocate(buffer.bytes), release);
        if (!apart.back()) throw std::bad_alloc();
        addresses_[i] = static_cast<char*>(apart.back().get());
#else
        addresses_[i] = arena + buffer.at;
#endif
    }
  }
  for (size_t i = 0; i < operands_.size(); i++) operands_[i] = addresses_[locations_[i].buffer] + locations_[i].offset;
  for (const Step& step : steps_) {
    step.kernel({operands_.data() + step.operands, parameters_.data() + step.parameters, scratch});
    scratch->giveBack(0);
  }
}

void sortDescending(const float* values, int32_t* indices, int64_t count) {
  std::sort(indices, indices + count, [values](int32_t i, int32_t j) {
    const float x = values[i], y = values[j];
    if (x != x || y != y) return x != x && (y == y || i < j);
    return x > y || (x == y && i < j);
  });
}

}  // namespace wm
