#pragma once

#include "elementwise.h"

/** What only moves values, of whatever type: bytes. */

namespace wm::WM_SET {

/** Copies so many elements of a type between two strides. */
template <class T>
WM_INLINE void copyStrided(int64_t count, const T* from, int64_t fromStride, T* to, int64_t toStride) {
  for (int64_t i = 0; i < count; i++) to[i * toStride] = from[i * fromStride];
}

/**
 * Boxes of elements from one place to another: what slicing, splitting, joining, tiling, transposing, reversing and
 * padding along axes come down to.
 *
 *   operands     the sources, then the targets
 *   parameters   bytes of an element (1 or 4), boxes; of each: the operands that are its source and its target, the
 *                offset in either, axes (at least one), extents, strides in the source, strides in the target
 */
inline void move(const Call& call) {
  Parameters p(call);
  const int64_t bytes = p.integer(), boxes = p.integer();
  for (int64_t box = 0; box < boxes; box++) {
    const char* source = call.operand<char>(p.integer());
    char* target = call.operand<char>(p.integer());
    const int64_t sourceOffset = p.integer(), targetOffset = p.integer();
    const int64_t axes = p.integer();
    const double* extents = p.several(axes);
    Offset from{p.several(axes), sourceOffset}, to{p.several(axes), targetOffset};
    if (isEmpty(axes, extents)) continue;
    const int64_t count = extents[axes - 1];
    const int64_t fromStride = from.strides[axes - 1], toStride = to.strides[axes - 1];
    Odometer odometer;
    do {
      const char* x = source + from.at * bytes;
      char* y = target + to.at * bytes;
      if (fromStride == 1 && toStride == 1) __builtin_memcpy(y, x, count * bytes);
      else if (bytes == 4)
        copyStrided(count, reinterpret_cast<const int32_t*>(x), fromStride, reinterpret_cast<int32_t*>(y), toStride);
      else copyStrided(count, x, fromStride, y, toStride);
    } while (odometer.next(axes - 1, extents, from, to));
  }
}

/** The same number everywhere: elements, number. */
template <class T>
inline void fill(const Call& call) {
  Parameters p(call);
  const int64_t count = p.integer();
  const T value = numberAs<T>(p.precise());
  T* y = call.operand<T>(0);
  for (int64_t i = 0; i < count; i++) y[i] = value;
}

/**
 * A box in the middle of the same number everywhere.
 *
 *   operands     x, y
 *   parameters   elements of y, the number, the box's offset in y, axes (at least one), extents, strides in x, in y
 */
template <class T>
inline void pad(const Call& call) {
  Parameters p(call);
  const int64_t count = p.integer();
  const T value = numberAs<T>(p.precise());
  const int64_t offset = p.integer(), axes = p.integer();
  const double* extents = p.several(axes);
  Offset from{p.several(axes)}, to{p.several(axes), offset};
  T* y = call.operand<T>(1);
  for (int64_t i = 0; i < count; i++) y[i] = value;
  if (isEmpty(axes, extents)) return;
  Odometer odometer;
  const int64_t last = axes - 1;
  do copyStrided(extents[last], call.operand<T>(0) + from.at, from.strides[last], y + to.at, to.strides[last]);
  while (odometer.next(last, extents, from, to));
}

/** first, first + step, …: elements, first, step. */
template <class T>
inline void range(const Call& call) {
  Parameters p(call);
  const int64_t count = p.integer();
  const double first = p.precise(), step = p.precise();
  T* y = call.operand<T>(0);
  for (int64_t i = 0; i < count; i++) y[i] = numberAs<T>(first + i * step);
}

/** @throws KernelError for an index that is not in [0, extent) */
WM_INLINE int64_t within(int32_t index, int64_t extent) {
  if (index < 0 || index >= extent) throw KernelError{"gather: an index is not in [0, %lld)", extent};
  return index;
}

/**
 * Rows with the given indices: x [batch, outer, extent, row], indices [batch, count] -> [batch, outer, count, row].
 *
 *   operands     x, int32 indices, y
 *   parameters   batch, outer, extent, count, bytes of a row
 */
inline void gather(const Call& call) {
  Parameters p(call);
  const int64_t batch = p.integer(), outer = p.integer(), extent = p.integer(), count = p.integer();
  const int64_t bytes = p.integer();
  const char* x = call.operand<char>(0);
  char* y = call.operand<char>(2);
  for (int64_t b = 0; b < batch; b++) {
    const int32_t* indices = call.operand<int32_t>(1) + b * count;
    for (int64_t o = 0; o < outer; o++) {
      for (int64_t i = 0; i < count; i++) {
        __builtin_memcpy(y, x + within(indices[i], extent) * bytes, bytes);
        y += bytes;
      }
      x += extent * bytes;
    }
  }
}

/**
 * Sums of the rows of a segment, the gradient of a gather: x [count, row], ids [count] -> [segments, row]. Rows with
 * an id below 0 count nowhere.
 */
inline void unsortedSegmentSum(const Call& call) {
  Parameters p(call);
  const int64_t count = p.integer(), row = p.integer(), segments = p.integer();
  float* y = call.operand(2);
  for (int64_t i = 0; i < segments * row; i++) y[i] = 0;
  for (int64_t i = 0; i < count; i++) {
    const int32_t segment = call.operand<int32_t>(1)[i];
    if (segment < 0) continue;
    float* to = y + within(segment, segments) * row;
    const float* from = call.operand(0) + i * row;
    for (int64_t j = 0; j < row; j++) to[j] += from[j];
  }
}

/** One-hot vectors of int32 indices: indices, depth, the number at the index, the number elsewhere. */
template <class T>
inline void oneHot(const Call& call) {
  Parameters p(call);
  const int64_t count = p.integer(), depth = p.integer();
  const T on = numberAs<T>(p.precise()), off = numberAs<T>(p.precise());
  T* y = call.operand<T>(1);
  for (int64_t i = 0; i < count * depth; i++) y[i] = off;
  for (int64_t i = 0; i < count; i++) {
    const int32_t index = call.operand<int32_t>(0)[i];
    if (index >= 0 && index < depth) y[i * depth + index] = on;
  }
}

/** The k largest numbers of each row in descending order, and where they stood: rows, columns, k. */
inline void topK(const Call& call) {
  Parameters p(call);
  const int64_t rows = p.integer(), columns = p.integer(), k = p.integer();
  int32_t* order = reinterpret_cast<int32_t*>(call.scratch->floats(columns));
  for (int64_t row = 0; row < rows; row++) {
    const float* x = call.operand(0) + row * columns;
    for (int64_t i = 0; i < columns; i++) order[i] = static_cast<int32_t>(i);
    sortDescending(x, order, columns);
    for (int64_t i = 0; i < k; i++) {
      call.operand(1)[row * k + i] = x[order[i]];
      call.operand<int32_t>(2)[row * k + i] = order[i];
    }
  }
}

}  // namespace wm::WM_SET
