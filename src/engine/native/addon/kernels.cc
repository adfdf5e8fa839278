#include "attention.h"
#include "categorical.h"
#include "convolution.h"
#include "elementwise.h"
#include "gru.h"
#include "lstm.h"
#include "mlp.h"
#include "noise.h"
#include "norm-dense.h"
#include "product.h"
#include "reduction.h"
#include "rms-norm.h"
#include "roll-out.h"
#include "swiglu.h"
#include "training.h"

/**
 * The kernels that compute with float32, for one instruction set, which the compiler's options choose: WM_SET is its
 * name, WM_SET_TITLE what people read.
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
    {"Round", map<Nearest, float, float>},
    {"Sin", map<Sine, float, float>},

    {"Add", zip<SumOf, float, float>},
    {"Sub", zip<Difference, float, float>},
    {"Multiply", zip<ProductOf, float, float>},
    {"SquaredDifference", zip<SquaredDifference, float, float>},
    {"Maximum", zip<Larger, float, float>},
    {"Minimum", zip<Lesser, float, float>},
    {"RealDiv", zip<Quotient, float, float>},
    {"FloorDiv", zip<FloorQuotient, float, float>},
    {"Mod", zip<Rest, float, float>},
    {"Pow", zip<Power, float, float>},
    {"Atan2", zip<Angle, float, float>},
    {"AddN", addN},

    {"Sum", reduce<Sum>},
    {"Prod", reduce<Times>},
    {"Max", reduce<Largest>},
    {"Min", reduce<Smallest>},
    {"Softmax", softmax},

    {"BatchMatMul", batchMatMul},
    {"Mlp", mlp<Activation::relu>},
    {"MlpGradient", mlpGradient<Activation::relu>},
    {"TanhMlp", mlp<Activation::tanh>},
    {"TanhMlpGradient", mlpGradient<Activation::tanh>},
    {"NormDense", normDense},
    {"NormDenseGradient", normDenseGradient},
    {"Patches", patches},
    {"OverlaidPatches", overlaidPatches},
    {"GruStep", gruStep},
    {"GruStepGradient", gruStepGradient},
    {"LstmSequence", lstmSequence},
    {"LstmSequenceGradient", lstmSequenceGradient},
    {"RollOut", rollOut},
    {"RmsNorm", rmsNorm},
    {"RmsNormGradient", rmsNormGradient},
    {"MultiHeadAttention", multiHeadAttention},
    {"MultiHeadAttentionGradient", multiHeadAttentionGradient},
    {"SwiGlu", swiGlu},
    {"SwiGluGradient", swiGluGradient},

    {"MixedLogProbabilities", mixedLogProbabilities},
    {"MixedLogProbabilitiesGradient", mixedLogProbabilitiesGradient},
    {"SampleCategorical", sampleCategorical},
    {"CategoricalKl", categoricalKl},
    {"CategoricalKlGradient", categoricalKlGradient},
    {"TwoHotLoss", twoHotLoss},
    {"TwoHotMean", twoHotMean},

    {"NormalNoise", noise<normals>},
    {"GumbelNoise", noise<gumbels>},
    {"UniformNoise", noise<uniforms>},

    {"MeanSquaredError", meanSquaredError},
    {"MeanSquaredErrorGradient", meanSquaredErrorGradient},
    {"LambdaReturn", lambdaReturn},
    {"GlobalNorm", globalNorm},
    {"Adam", adam},
    {"AdaptiveClip", adaptiveClip},
    {"LaProp", laprop},
};

}  // namespace

extern const KernelTable table;
const KernelTable table{WM_SET_TITLE, isUsable, kernels, sizeof(kernels) / sizeof(kernels[0])};

}  // namespace wm::WM_SET
