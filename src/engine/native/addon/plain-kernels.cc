#include "elementwise.h"
#include "movement.h"
#include "reduction.h"

/**
 * The kernels that move, choose and compare values or count with integers: they gain next to nothing by an instruction
 * set, and are compiled once, for what every processor has. Of float32 where the name does not say otherwise.
 */

namespace wm::WM_SET {

namespace {

#define COMPARISON(NAME, FUNCTION)                         \
  {NAME, zip<FUNCTION, float, uint8_t>}, {NAME ".int32", zip<FUNCTION, int32_t, uint8_t>}, \
  {NAME ".bool", zip<FUNCTION, uint8_t, uint8_t>}
const NamedKernel kernels[] = {
    {"IsFinite", map<IsFinite, float, uint8_t>},
    {"IsInf", map<IsInfinite, float, uint8_t>},
    {"IsNan", map<IsNan, float, uint8_t>},
    {"Abs.int32", map<Magnitude, int32_t, int32_t>},
    {"Neg.int32", map<Negative, int32_t, int32_t>},
    {"LogicalNot.bool", map<NotTrue, uint8_t, uint8_t>},

    {"Cast.float32.int32", map<IntegerOfFloat, float, int32_t>},
    {"Cast.float32.bool", map<Truth, float, uint8_t>},
    {"Cast.int32.float32", map<Identity, int32_t, float>},
    {"Cast.int32.bool", map<Truth, int32_t, uint8_t>},
    {"Cast.bool.float32", map<Identity, uint8_t, float>},
    {"Cast.bool.int32", map<IntegerOf, uint8_t, int32_t>},

    {"Add.int32", zip<SumOf, int32_t, int32_t>},
    {"Sub.int32", zip<Difference, int32_t, int32_t>},
    {"Multiply.int32", zip<ProductOf, int32_t, int32_t>},
    {"SquaredDifference.int32", zip<SquaredDifference, int32_t, int32_t>},
    {"Maximum.int32", zip<Larger, int32_t, int32_t>},
    {"Minimum.int32", zip<Lesser, int32_t, int32_t>},
    {"FloorDiv.int32", zip<FloorQuotientOfIntegers, int32_t, int32_t>},
    COMPARISON("Equal", IsEqual),
    COMPARISON("NotEqual", IsUnequal),
    COMPARISON("Less", IsLess),
    COMPARISON("LessEqual", IsAtMost),
    COMPARISON("Greater", IsGreater),
    COMPARISON("GreaterEqual", IsAtLeast),
    {"LogicalAnd.bool", zip<Both, uint8_t, uint8_t>},
    {"LogicalOr.bool", zip<Either, uint8_t, uint8_t>},
    {"Select", choose<float>},
    {"Select.int32", choose<int32_t>},
    {"Select.bool", choose<uint8_t>},

    {"Sum.int32", reduceNumbers<SumOf, int32_t, 0>},
    {"Prod.int32", reduceNumbers<ProductOf, int32_t, 1>},
    {"Max.int32", reduceNumbers<Larger, int32_t, INT32_MIN>},
    {"Min.int32", reduceNumbers<Lesser, int32_t, INT32_MAX>},
    {"All.bool", reduceNumbers<Both, uint8_t, 1>},
    {"Any.bool", reduceNumbers<Either, uint8_t, 0>},
    {"ArgMax", argExtreme<true, float>},
    {"ArgMin", argExtreme<false, float>},
    {"ArgMax.int32", argExtreme<true, int32_t>},
    {"ArgMin.int32", argExtreme<false, int32_t>},
    {"Cumsum", accumulate<Sum, float>},
    {"Cumprod", accumulate<Times, float>},
    {"Cumsum.int32", accumulate<Sum, int32_t>},
    {"Cumprod.int32", accumulate<Times, int32_t>},

    {"Move", move},
    {"Pad", pad<float>},
    {"Pad.int32", pad<int32_t>},
    {"Pad.bool", pad<uint8_t>},
    {"Fill", fill<float>},
    {"Fill.int32", fill<int32_t>},
    {"Fill.bool", fill<uint8_t>},
    {"Range", range<float>},
    {"Range.int32", range<int32_t>},
    {"GatherV2", gather},
    {"UnsortedSegmentSum", unsortedSegmentSum},
    {"OneHot", oneHot<float>},
    {"OneHot.int32", oneHot<int32_t>},
    {"TopK", topK},
};

}  // namespace

extern const KernelTable table;
const KernelTable table{nullptr, nullptr, kernels, sizeof(kernels) / sizeof(kernels[0])};

}  // namespace wm::WM_SET
