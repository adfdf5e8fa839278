#pragma once

#include "call.h"
#include "simd.h"

/**
 * Matrix products C = start + A B of float32 matrices with any strides, after Goto & van de Geijn 2008.
 *
 * B is packed once into panels two vectors wide, so that the inner loop reads it in order whatever its strides are; who
 * multiplies by the same B many times packs it once. The inner loop keeps a tile of TILE_ROWS rows of a panel's width
 * in registers. Depth is cut into blocks so that a panel stays in the first-level cache while all rows of A pass it.
 */

namespace wm::WM_SET {

constexpr int64_t PANEL = 2 * LANES;
constexpr int64_t DEPTH_BLOCK = 256;

/** A matrix in memory: its first element, and the elements from row to row and from column to column. */
struct Matrix {
  const float* at;
  int64_t row;
  int64_t column;
};

WM_INLINE Matrix rowMajor(const float* at, int64_t columns) { return {at, columns, 1}; }
WM_INLINE Matrix transposed(Matrix x) { return {x.at, x.column, x.row}; }

/** C = start + A B, then perhaps max(0, C). The columns of C and of `start` stand side by side. */
struct Product {
  int64_t rows;
  int64_t columns;
  int64_t depth;
  Matrix a;
  float* c;
  int64_t cRow;
  /** nullptr: zeros. It may be C itself. */
  const float* start = nullptr;
  /** 0: the same row again and again, a bias. */
  int64_t startRow = 0;
  bool relu = false;
};

/** A tile of sums over one depth block: ROWS rows, VECTORS vectors wide. */
template <int ROWS, int VECTORS>
void tile(int64_t depth, const float* a, int64_t aRow, int64_t aColumn, const float* panel, int64_t panelRow,
          const float* start, int64_t startRow, float* c, int64_t cRow, bool relu) {
  Floats sums[ROWS][VECTORS];
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++) sums[i][v] = start ? load(start + i * startRow + v * LANES) : Floats{};
  for (int64_t k = 0; k < depth; k++) {
    Floats b[VECTORS];
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++) b[v] = load(panel + v * LANES);
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; i++) {
      const Floats x = splat(a[i * aRow]);
#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++) sums[i][v] += x * b[v];
    }
    a += aColumn;
    panel += panelRow;
  }
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++) {
      // NaN stays: a broken number must show in the losses.
      if (relu) sums[i][v] = atLeast(sums[i][v], 0.0f);
      store(c + i * cRow + v * LANES, sums[i][v]);
    }
}

using Tile = decltype(&tile<1, 1>);

/** The tile of so many rows. */
template <int VECTORS, int ROWS = TILE_ROWS>
WM_INLINE Tile tileOf(int64_t rows) {
  if constexpr (ROWS == 1) return tile<1, VECTORS>;
  else return rows == ROWS ? tile<ROWS, VECTORS> : tileOf<VECTORS, ROWS - 1>(rows);
}

WM_INLINE int64_t smaller(int64_t x, int64_t y) { return x < y ? x : y; }

WM_INLINE int64_t panels(int64_t columns) { return (columns + PANEL - 1) / PANEL; }

/** Floats that `pack` writes. */
WM_INLINE int64_t packedFloats(int64_t depth, int64_t columns) { return panels(columns) * depth * PANEL; }

/** One panel of `width` columns, zeros beyond them. */
inline void packPanel(int64_t depth, int64_t width, Matrix b, float* panel) {
  if (width == PANEL && b.column == 1) {
    for (int64_t k = 0; k < depth; k++) {
      store(panel, load(b.at));
      store(panel + LANES, load(b.at + LANES));
      b.at += b.row;
      panel += PANEL;
    }
    return;
  }
  if (b.row == 1) {
    // Columns stand in memory as rows do: in squares, each turned in registers.
    for (int64_t j = 0; j < width; j += LANES) {
      const int64_t across = smaller(LANES, width - j);
      int64_t k = 0;
      for (; across == LANES && k + LANES <= depth; k += LANES) {
        Floats square[LANES];
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) square[i] = load(b.at + (j + i) * b.column + k);
        transpose(square);
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) store(panel + (k + i) * PANEL + j, square[i]);
      }
      for (; k < depth; k++)
        for (int64_t i = 0; i < across; i++) panel[k * PANEL + j + i] = b.at[(j + i) * b.column + k];
    }
  } else {
    for (int64_t k = 0; k < depth; k++)
      for (int64_t j = 0; j < width; j++) panel[k * PANEL + j] = b.at[k * b.row + j * b.column];
  }
  if (width == PANEL) return;
  for (int64_t k = 0; k < depth; k++)
    for (int64_t j = width; j < PANEL; j++) panel[k * PANEL + j] = 0;
}

/** Packs B [depth, columns]: for each depth block, panel after panel, each [depth of the block, PANEL]. */
inline void pack(int64_t depth, int64_t columns, Matrix b, float* packed) {
  for (int64_t k = 0; k < depth; k += DEPTH_BLOCK) {
    const int64_t blockDepth = smaller(DEPTH_BLOCK, depth - k);
    for (int64_t column = 0; column < columns; column += PANEL) {
      const Matrix part{b.at + k * b.row + column * b.column, b.row, b.column};
      packPanel(blockDepth, smaller(PANEL, columns - column), part, packed);
      packed += blockDepth * PANEL;
    }
  }
}

/** All rows of C in one panel's columns, over one depth block; `panelRow` floats from row to row of the panel. */
inline void multiplyPanel(const Product& p, int64_t k, int64_t column, const float* panel, int64_t panelRow) {
  const int64_t depth = smaller(DEPTH_BLOCK, p.depth - k);
  // Only the first block adds `start`, only the last applies the ReLU.
  const float* from = k == 0 ? p.start : p.c;
  const int64_t fromRow = k == 0 ? p.startRow : p.cRow;
  const bool relu = p.relu && k + DEPTH_BLOCK >= p.depth;
  const int64_t width = smaller(PANEL, p.columns - column);
  const bool isNarrow = width <= LANES;
  float edge[TILE_ROWS * PANEL];
  for (int64_t row = 0; row < p.rows; row += TILE_ROWS) {
    const int64_t rows = smaller(TILE_ROWS, p.rows - row);
    const Tile run = isNarrow ? tileOf<1>(rows) : tileOf<2>(rows);
    const float* a = p.a.at + row * p.a.row + k * p.a.column;
    const float* start = from ? from + row * fromRow + column : nullptr;
    float* c = p.c + row * p.cRow + column;
    if (width == PANEL || width == LANES) {
      run(depth, a, p.a.row, p.a.column, panel, panelRow, start, fromRow, c, p.cRow, relu);
      continue;
    }
    for (int64_t i = 0; i < rows * PANEL; i++) edge[i] = 0;
    if (start)
      for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < width; j++) edge[i * PANEL + j] = start[i * fromRow + j];
    run(depth, a, p.a.row, p.a.column, panel, panelRow, edge, PANEL, edge, PANEL, relu);
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < width; j++) c[i * p.cRow + j] = edge[i * PANEL + j];
  }
}

/** C = start + A B with a B that `pack` has packed. */
inline void multiplyPacked(const Product& p, const float* packed) {
  int64_t k = 0;
  do {
    const int64_t depth = smaller(DEPTH_BLOCK, p.depth - k);
    for (int64_t column = 0; column < p.columns; column += PANEL) {
      multiplyPanel(p, k, column, packed, PANEL);
      packed += depth * PANEL;
    }
    k += DEPTH_BLOCK;
  } while (k < p.depth);
}

/** C = start + A B. B is packed, but for so few rows that packing costs as much as the product. */
inline void multiply(const Product& p, Matrix b, Scratch* scratch) {
  const int64_t lent = scratch->lent();
  // So few that most of a panel would be empty.
  constexpr int64_t NARROW = 2;
  if (p.columns <= NARROW && p.rows > NARROW && p.a.column != 1) {
    // The other way round, Cᵀ = startᵀ + Bᵀ Aᵀ, which has few rows.
    float* turned = scratch->floats(p.columns * p.rows);
    for (int64_t j = 0; p.start && j < p.columns; j++)
      for (int64_t i = 0; i < p.rows; i++) turned[j * p.rows + i] = p.start[i * p.startRow + j];
    Product other{p.columns, p.rows, p.depth, transposed(b), turned, p.rows};
    if (p.start) other.start = turned, other.startRow = p.rows;
    other.relu = p.relu;
    multiply(other, transposed(p.a), scratch);
    for (int64_t j = 0; j < p.columns; j++)
      for (int64_t i = 0; i < p.rows; i++) p.c[i * p.cRow + j] = turned[j * p.rows + i];
    return scratch->giveBack(lent);
  }
  if (p.rows > TILE_ROWS || b.column != 1) {
    float* packed = scratch->floats(packedFloats(p.depth, p.columns));
    pack(p.depth, p.columns, b, packed);
    multiplyPacked(p, packed);
    return scratch->giveBack(lent);
  }
  float* edge = scratch->floats(smaller(DEPTH_BLOCK, p.depth) * PANEL);
  int64_t k = 0;
  do {
    const int64_t depth = smaller(DEPTH_BLOCK, p.depth - k);
    for (int64_t column = 0; column < p.columns; column += PANEL) {
      const int64_t width = smaller(PANEL, p.columns - column);
      const float* part = b.at + k * b.row + column;
      if (width == PANEL || width == LANES) {
        multiplyPanel(p, k, column, part, b.row);
      } else {
        packPanel(depth, width, {part, b.row, 1}, edge);
        multiplyPanel(p, k, column, edge, PANEL);
      }
    }
    k += DEPTH_BLOCK;
  } while (k < p.depth);
  scratch->giveBack(lent);
}

/**
 * tf.matMul of batches of matrices.
 *
 *   operands     A, B, C
 *   parameters   batch, rows, columns, depth; then of A and B: step from matrix to matrix, from row to row, from column to
 *                column
 */
inline void batchMatMul(const Call& call) {
  Parameters p(call);
  const int64_t batch = p.integer(), rows = p.integer(), columns = p.integer(), depth = p.integer();
  const int64_t aStep = p.integer(), aRow = p.integer(), aColumn = p.integer();
  const int64_t bStep = p.integer(), bRow = p.integer(), bColumn = p.integer();
  for (int64_t m = 0; m < batch; m++) {
    const Product product{rows, columns, depth, {call.operand(0) + m * aStep, aRow, aColumn},
                          call.operand(2) + m * rows * columns, columns};
    multiply(product, {call.operand(1) + m * bStep, bRow, bColumn}, call.scratch);
  }
}

}  // namespace wm::WM_SET
