#include "elementwise.h"
#include "movement.h"
#include "networks.h"
#include "product.h"
#include "reduction.h"
#include "training.h"

/**
 * All kernels for one instruction set, which the compiler's options choose: WM_SET is its name, WM_SET_TITLE what
 * people read.
 */

namespace wm::WM_SET {

namespace {

bool isUsable() {
#if defined(__x86_64__) && defined(__AVX512F__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma");
#elif defined(__x86_64__) && defined(__AVX2__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return true;
#endif
}

#define COMPARISON(NAME, FUNCTION)                         \
  {NAME, zip<FUNCTION, float, uint8_t>}, {NAME ".int32", zip<FUNCTION, int32_t, uint8_t>}, \
  {NAME ".bool", zip<FUNCTION, uint8_t, uint8_t>}
#define ARITHMETIC(NAME, FUNCTION) {NAME, zip<FUNCTION, float, float>}, {NAME ".int32", zip<FUNCTION, int32_t, int32_t>}

/** Of float32 where the name does not say otherwise. */
const NamedKernel kernels[] = {
    {"Abs", mapVectors<Of<absolute>>},
    {"Elu", mapVectors<Of<elu>>},
    {"Exp", mapVectors<Of<exp>>},
    {"Expm1", mapVectors<Of<expm1>>},
    {"Log", mapVectors<Of<log>>},
    {"Log1p", mapVectors<Of<log1p>>},
    {"Neg", mapVectors<Of<negate>>},
    {"Reciprocal", mapVectors<Of<reciprocal>>},
    {"Relu", mapVectors<Of<relu>>},
    {"Rsqrt", mapVectors<Of<reciprocalRoot>>},
    {"Sigmoid", mapVectors<Of<sigmoid>>},
    {"Sign", mapVectors<Of<sign>>},
    {"Softplus", mapVectors<Of<softplus>>},
    {"Sqrt", mapVectors<Of<squareRoot>>},
    {"Square", mapVectors<Of<square>>},
    {"Tanh", mapVectors<Of<tanh>>},
    {"ClipByValue", mapVectors<Clip>},
    {"LeakyRelu", mapVectors<LeakyRelu>},
    {"Step", mapVectors<Step>},
    {"Ceil", map<Upper, float, float>},
    {"Cos", map<Cosine, float, float>},
    {"Floor", map<Lower, float, float>},
    {"IsFinite", map<IsFinite, float, uint8_t>},
    {"IsInf", map<IsInfinite, float, uint8_t>},
    {"IsNan", map<IsNan, float, uint8_t>},
    {"Round", map<Nearest, float, float>},
    {"Sin", map<Sine, float, float>},
    {"Abs.int32", map<Magnitude, int32_t, int32_t>},
    {"Neg.int32", map<Negative, int32_t, int32_t>},
    {"LogicalNot.bool", map<NotTrue, uint8_t, uint8_t>},

    {"Cast.float32.int32", map<IntegerOfFloat, float, int32_t>},
    {"Cast.float32.bool", map<Truth, float, uint8_t>},
    {"Cast.int32.float32", map<Identity, int32_t, float>},
    {"Cast.int32.bool", map<Truth, int32_t, uint8_t>},
    {"Cast.bool.float32", map<Identity, uint8_t, float>},
    {"Cast.bool.int32", map<IntegerOf, uint8_t, int32_t>},

    ARITHMETIC("Add", SumOf),
    ARITHMETIC("Sub", Difference),
    ARITHMETIC("Multiply", ProductOf),
    ARITHMETIC("SquaredDifference", SquaredDifference),
    ARITHMETIC("Maximum", Larger),
    ARITHMETIC("Minimum", Lesser),
    {"RealDiv", zip<Quotient, float, float>},
    {"FloorDiv", zip<FloorQuotient, float, float>},
    {"FloorDiv.int32", zip<FloorQuotientOfIntegers, int32_t, int32_t>},
    {"Mod", zip<Rest, float, float>},
    {"Pow", zip<Power, float, float>},
    {"Atan2", zip<Angle, float, float>},
    COMPARISON("Equal", IsEqual),
    COMPARISON("NotEqual", IsUnequal),
    COMPARISON("Less", IsLess),
    COMPARISON("LessEqual", IsAtMost),
    COMPARISON("Greater", IsGreater),
    COMPARISON("GreaterEqual", IsAtLeast),
    {"LogicalAnd.bool", zip<Both, uint8_t, uint8_t>},
    {"LogicalOr.bool", zip<Either, uint8_t, uint8_t>},
    {"AddN", addN},
    {"Select", choose<float>},
    {"Select.int32", choose<int32_t>},
    {"Select.bool", choose<uint8_t>},

    {"Sum", reduce<Sum>},
    {"Prod", reduce<Times>},
    {"Max", reduce<Largest>},
    {"Min", reduce<Smallest>},
    {"Sum.int32", reduceNumbers<Sum, int32_t, 0>},
    {"Prod.int32", reduceNumbers<Times, int32_t, 1>},
    {"Max.int32", reduceNumbers<Largest, int32_t, INT32_MIN>},
    {"Min.int32", reduceNumbers<Smallest, int32_t, INT32_MAX>},
    {"All.bool", reduceNumbers<Every, uint8_t, 1>},
    {"Any.bool", reduceNumbers<Some, uint8_t, 0>},
    {"ArgMax", argExtreme<true, float>},
    {"ArgMin", argExtreme<false, float>},
    {"ArgMax.int32", argExtreme<true, int32_t>},
    {"ArgMin.int32", argExtreme<false, int32_t>},
    {"Cumsum", accumulate<Sum, float>},
    {"Cumprod", accumulate<Times, float>},
    {"Cumsum.int32", accumulate<Sum, int32_t>},
    {"Cumprod.int32", accumulate<Times, int32_t>},
    {"Softmax", softmax},

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

    {"BatchMatMul", batchMatMul},
    {"Mlp", mlp<Activation::relu>},
    {"MlpGradient", mlpGradient<Activation::relu>},
    {"TanhMlp", mlp<Activation::tanh>},
    {"TanhMlpGradient", mlpGradient<Activation::tanh>},
    {"LstmSequence", lstmSequence},
    {"LstmSequenceGradient", lstmSequenceGradient},
    {"RollOut", rollOut},

    {"MeanSquaredError", meanSquaredError},
    {"MeanSquaredErrorGradient", meanSquaredErrorGradient},
    {"LambdaReturn", lambdaReturn},
    {"GlobalNorm", globalNorm},
    {"Adam", adam},
};

}  // namespace

extern const KernelTable table;
const KernelTable table{WM_SET_TITLE, isUsable, kernels, sizeof(kernels) / sizeof(kernels[0])};

}  // namespace wm::WM_SET
