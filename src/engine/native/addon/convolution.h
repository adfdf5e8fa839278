#pragma once

#include "call.h"

/** What convolutions are made of beside products: patches of images, and images of patches. */

namespace wm::WM_SET {

/** How a kernel goes over images [images, rows, columns, channels]; it makes patches [images, down, across, …]. */
struct Sweep {
  int64_t images, rows, columns, channels, size, stride, padding, down, across;

  WM_INLINE explicit Sweep(const Call& call) {
    Parameters p(call);
    images = p.integer(), rows = p.integer(), columns = p.integer(), channels = p.integer();
    size = p.integer(), stride = p.integer(), padding = p.integer();
    down = p.integer(), across = p.integer();
  }

  /**
   * Calls `take` for each row of each patch: where it lies in the patches, how many numbers of it reach out of the image on
   * the left, how many lie within, where those are in the image, and how many reach out on the right.
   */
  template <class Take>
  WM_INLINE void eachRow(Take take) const {
    const int64_t width = size * channels;
    int64_t patch = 0;
    for (int64_t image = 0; image < images; image++) {
      for (int64_t i = 0; i < down; i++) {
        for (int64_t j = 0; j < across; j++) {
          const int64_t column = j * stride - padding;
          const int64_t before = column < 0 ? -column : 0;
          const int64_t after = column + size > columns ? column + size - columns : 0;
          const int64_t left = before * channels, right = after * channels;
          for (int64_t k = 0; k < size; k++, patch += width) {
            const int64_t row = i * stride + k - padding;
            if (row < 0 || row >= rows) take(patch, width, 0, 0, 0);
            else take(patch, left, width - left - right, ((image * rows + row) * columns + column + before) * channels, right);
          }
        }
      }
    }
  }
};

/** x -> patches, zeros where they reach out of the image. Operands x, patches; parameters as `Sweep` reads them. */
inline void patches(const Call& call) {
  const float* __restrict x = call.operand(0);
  float* __restrict y = call.operand(1);
  Sweep(call).eachRow([&](int64_t to, int64_t before, int64_t count, int64_t from, int64_t after) {
    for (int64_t i = 0; i < before; i++) y[to + i] = 0;
    to += before;
    for (int64_t i = 0; i < count; i++) y[to + i] = x[from + i];
    to += count;
    for (int64_t i = 0; i < after; i++) y[to + i] = 0;
  });
}

/** The adjoint: patches -> the sum of what lies on each number of x. Operands patches, x. */
inline void overlaidPatches(const Call& call) {
  const Sweep sweep(call);
  const float* __restrict y = call.operand(0);
  float* __restrict x = call.operand(1);
  for (int64_t i = 0; i < sweep.images * sweep.rows * sweep.columns * sweep.channels; i++) x[i] = 0;
  sweep.eachRow([&](int64_t from, int64_t before, int64_t count, int64_t to, int64_t) {
    from += before;
    for (int64_t i = 0; i < count; i++) x[to + i] += y[from + i];
  });
}

}  // namespace wm::WM_SET
