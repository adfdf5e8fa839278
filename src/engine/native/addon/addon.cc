#include <node_api.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "memory.h"
#include "program.h"

/** What JavaScript sees of the kernels; src/engine/native/addon.ts has its types. Addresses are numbers. */

#define WM_TABLE(SET)        \
  namespace wm::SET {        \
  extern const KernelTable table; \
  }
WM_SETS(WM_TABLE)
WM_TABLE(plain)

namespace {

using namespace wm;

#define WM_TABLE_OF(SET) &wm::SET::table,
/** The best first. */
const KernelTable* const tables[] = {WM_SETS(WM_TABLE_OF)};

/** What one instance of the addon holds: Node loads one for each of its threads. */
struct State {
  /** Those of the instruction set in use, then the plain ones. */
  std::vector<NamedKernel> kernels;
  TensorMemory memory;
  ScratchMemory scratch;
  std::vector<std::unique_ptr<Program>> programs;
  char* arena = nullptr;
  int64_t arenaBytes = 0;

  ~State() { memory.release(arena); }

  /** The arena, with at least so many bytes. */
  char* arenaOf(int64_t bytes) {
    if (bytes > arenaBytes) {
      memory.release(arena);
      arenaBytes = 0;
      arena = static_cast<char*>(memory.allocate(bytes));
      if (!arena) throw std::bad_alloc();
      arenaBytes = bytes;
    }
    return arena;
  }
};

State& stateOf(napi_env env) {
  void* state;
  napi_get_instance_data(env, &state);
  return *static_cast<State*>(state);
}

napi_value number(napi_env env, double x) {
  napi_value value;
  napi_create_double(env, x, &value);
  return value;
}

napi_value string(napi_env env, const char* text) {
  napi_value value;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  return value;
}

int64_t integer(napi_env env, napi_value value) {
  int64_t x = 0;
  napi_get_value_int64(env, value, &x);
  return x;
}

/** The bytes of a typed array. */
struct View {
  void* data = nullptr;
  size_t bytes = 0;
};

View viewOf(napi_env env, napi_value value) {
  napi_typedarray_type type;
  size_t length;
  View view;
  napi_get_typedarray_info(env, value, &type, &length, &view.data, nullptr, nullptr);
  const bool isByte = type == napi_int8_array || type == napi_uint8_array || type == napi_uint8_clamped_array;
  view.bytes = length * (isByte ? 1 : type == napi_float64_array ? 8 : 4);
  return view;
}

void* pointer(double address) { return reinterpret_cast<void*>(static_cast<intptr_t>(address)); }

std::vector<void*> pointers(View addresses) {
  const double* first = static_cast<const double*>(addresses.data);
  std::vector<void*> result(addresses.bytes / sizeof(double));
  for (size_t i = 0; i < result.size(); i++) result[i] = pointer(first[i]);
  return result;
}

template <size_t COUNT>
struct Arguments {
  napi_value values[COUNT];
  Arguments(napi_env env, napi_callback_info info) {
    size_t count = COUNT;
    napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  }
  napi_value operator[](size_t i) const { return values[i]; }
};

/** Runs `f`; what it throws becomes an exception of JavaScript. */
template <class Function>
napi_value guarded(napi_env env, Function f) {
  try {
    return f();
  } catch (const KernelError& error) {
    char text[200];
    std::snprintf(text, sizeof(text), error.message, static_cast<long long>(error.number));
    napi_throw_error(env, nullptr, text);
  } catch (const std::bad_alloc&) {
    napi_throw_range_error(env, nullptr, "allocation failed: the system has no memory left for a kernel");
  }
  stateOf(env).scratch.giveBack(0);
  return nullptr;
}

/** allocate(bytes): an address, 0 where there is no memory */
napi_value allocateMemory(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  return number(env, static_cast<double>(reinterpret_cast<intptr_t>(stateOf(env).memory.allocate(integer(env, arguments[0])))));
}

/** release(address) */
napi_value releaseMemory(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  stateOf(env).memory.release(reinterpret_cast<void*>(integer(env, arguments[0])));
  return nullptr;
}

/** read(address, array): fills the array */
napi_value read(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  const View to = viewOf(env, arguments[1]);
  if (to.bytes > 0) std::memcpy(to.data, reinterpret_cast<void*>(integer(env, arguments[0])), to.bytes);
  return nullptr;
}

/** write(address, array) */
napi_value write(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  const View from = viewOf(env, arguments[1]);
  if (from.bytes > 0) std::memcpy(reinterpret_cast<void*>(integer(env, arguments[0])), from.data, from.bytes);
  return nullptr;
}

/** use(instruction set): the names of the kernels; before any other call that computes */
napi_value use(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  std::vector<NamedKernel>& kernels = stateOf(env).kernels;
  kernels.clear();
  for (const KernelTable* table : {tables[integer(env, arguments[0])], &wm::plain::table})
    kernels.insert(kernels.end(), table->kernels, table->kernels + table->count);
  napi_value names;
  napi_create_array(env, &names);
  for (size_t i = 0; i < kernels.size(); i++) napi_set_element(env, names, i, string(env, kernels[i].name));
  return names;
}

/** execute(words): one call, [kernel, operands, their addresses…, parameters…] */
napi_value execute(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  return guarded(env, [&]() -> napi_value {
    State& state = stateOf(env);
    const double* words = static_cast<const double*>(viewOf(env, arguments[0]).data);
    const Kernel kernel = state.kernels[static_cast<int64_t>(words[0])].run;
    const int64_t count = static_cast<int64_t>(words[1]);
    constexpr int64_t FEW = 64;
    void* few[FEW];
    std::vector<void*> many(count > FEW ? count : 0);
    void** operands = count > FEW ? many.data() : few;
    for (int64_t i = 0; i < count; i++) operands[i] = pointer(words[2 + i]);
    kernel({operands, words + 2 + count, &state.scratch});
    state.scratch.giveBack(0);
    return nullptr;
  });
}

/** executeOn(kernel, arrays, parameters): one call on the memory of typed arrays */
napi_value executeOn(napi_env env, napi_callback_info info) {
  const Arguments<3> arguments(env, info);
  return guarded(env, [&]() -> napi_value {
    State& state = stateOf(env);
    uint32_t count = 0;
    napi_get_array_length(env, arguments[1], &count);
    std::vector<void*> operands(count);
    for (uint32_t i = 0; i < count; i++) {
      napi_value array;
      napi_get_element(env, arguments[1], i, &array);
      operands[i] = viewOf(env, array).data;
    }
    const double* parameters = static_cast<const double*>(viewOf(env, arguments[2]).data);
    state.kernels[integer(env, arguments[0])].run({operands.data(), parameters, &state.scratch});
    state.scratch.giveBack(0);
    return nullptr;
  });
}

/** compile(words): a program's number */
napi_value compile(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  return guarded(env, [&] {
    State& state = stateOf(env);
    const double* words = static_cast<const double*>(viewOf(env, arguments[0]).data);
    state.programs.push_back(std::make_unique<Program>(state.kernels, words));
    state.memory.keepFor(state.programs.back()->resultBytes());
    return number(env, static_cast<double>(state.programs.size() - 1));
  });
}

/** run(program, addresses of inputs, addresses of results) */
napi_value run(napi_env env, napi_callback_info info) {
  const Arguments<3> arguments(env, info);
  return guarded(env, [&]() -> napi_value {
    State& state = stateOf(env);
    Program& program = *state.programs[integer(env, arguments[0])];
    const std::vector<void*> inputs = pointers(viewOf(env, arguments[1]));
    const std::vector<void*> results = pointers(viewOf(env, arguments[2]));
    program.run(state.arenaOf(program.arenaBytes()), inputs.data(), results.data(), &state.scratch);
    return nullptr;
  });
}

/** discard(program) */
napi_value discard(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  State& state = stateOf(env);
  std::unique_ptr<Program>& program = state.programs[integer(env, arguments[0])];
  state.memory.keepFor(-program->resultBytes());
  program.reset();
  return nullptr;
}

/** giveBack(): what tensors no longer need, to the system */
napi_value giveBack(napi_env env, napi_callback_info) {
  stateOf(env).memory.giveBack();
  return nullptr;
}

/** instructionSets: their names for people, the best first; null for one that the processor lacks */
napi_value instructionSets(napi_env env) {
  napi_value sets, none;
  napi_get_null(env, &none);
  napi_create_array(env, &sets);
  uint32_t count = 0;
  for (const KernelTable* table : tables)
    napi_set_element(env, sets, count++, table->isUsable() ? string(env, table->instructionSet) : none);
  return sets;
}

}  // namespace

NAPI_MODULE_INIT() {
  State* state = new State;
  napi_set_instance_data(env, state, [](napi_env, void* data, void*) { delete static_cast<State*>(data); }, nullptr);
  const auto define = [&](const char* name, napi_callback function) {
    napi_value value;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
    napi_set_named_property(env, exports, name, value);
  };
  define("allocate", allocateMemory);
  define("release", releaseMemory);
  define("read", read);
  define("write", write);
  define("use", use);
  define("execute", execute);
  define("executeOn", executeOn);
  define("compile", compile);
  define("run", run);
  define("discard", discard);
  define("giveBack", giveBack);
  napi_set_named_property(env, exports, "instructionSets", instructionSets(env));
  return exports;
}
