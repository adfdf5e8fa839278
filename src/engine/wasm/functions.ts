/** Goes over the patches that a kernel makes of images. */
type OverPatches = (
  images: number,
  rows: number,
  columns: number,
  channels: number,
  size: number,
  stride: number,
  padding: number,
  down: number,
  across: number,
  x: number,
  y: number,
) => void;

/** The exports of src/engine/wasm/assembly, documented there. Pointers and strides are in bytes. */
export interface Functions {
  exponential(count: number, x: number, y: number): void;
  hyperbolicTangent(count: number, x: number, y: number): void;
  tanhGradient(count: number, y: number, dy: number): void;
  copyRows(
    rows: number,
    bytes: number,
    source: number,
    sourceRow: number,
    target: number,
    targetRow: number,
  ): void;
  takePatches: OverPatches;
  layPatches: OverPatches;
  sumRows(groups: number, rows: number, columns: number, x: number, sums: number): void;
  reluGradient(count: number, y: number, dy: number): void;
  lstmCell(
    rows: number,
    units: number,
    gates: number,
    gatesRow: number,
    keep: number,
    keepRow: number,
    cellBefore: number,
    cellBeforeRow: number,
    cell: number,
    cellRow: number,
    hidden: number,
    hiddenRow: number,
  ): void;
  lstmForward(
    batch: number,
    steps: number,
    units: number,
    inputs: number,
    packed: number,
    keep: number,
    states: number,
    gates: number,
    hiddenBefore: number,
    workspace: number,
  ): void;
  lstmBackward(
    batch: number,
    steps: number,
    units: number,
    dStates: number,
    packedTransposed: number,
    keep: number,
    states: number,
    gates: number,
    dInputs: number,
    carry: number,
    workspace: number,
  ): void;
  workspaceBytes(): number;
  packedBytes(depth: number, columns: number): number;
  pack(depth: number, columns: number, b: number, bRow: number, bColumn: number, packed: number): void;
  multiply(
    rows: number,
    columns: number,
    depth: number,
    a: number,
    aRow: number,
    aColumn: number,
    packed: number,
    start: number,
    startRow: number,
    c: number,
    cRow: number,
    floor: number,
    workspace: number,
  ): void;
  gatherRows(count: number, bytes: number, source: number, indices: number, target: number): void;
  oneHotArgMax(
    rows: number,
    columns: number,
    logits: number,
    noise: number,
    noiseRow: number,
    out: number,
    outRow: number,
  ): void;
  standardise(rows: number, columns: number, epsilon: number, x: number, y: number, factors: number): void;
  inverseTransform(count: number, epsilon: number, x: number, y: number): void;
  lambdaReturn(
    rows: number,
    horizon: number,
    reward: number,
    discount: number,
    nextValue: number,
    lambda: number,
    returns: number,
  ): void;
  squaredError(count: number, x: number, y: number, weight: number, factor: number, weighted: number): number;
  scale(count: number, x: number, factor: number, y: number): void;
  norm(count: number, x: number): number;
  adam(
    count: number,
    parameters: number,
    gradient: number,
    mean: number,
    square: number,
    nextParameters: number,
    nextMean: number,
    nextSquare: number,
    scale: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    rate: number,
    correction: number,
  ): void;
  activateRows(
    rows: number,
    count: number,
    activation: number,
    sums: number,
    scale: number,
    shift: number,
    factors: number,
    y: number,
  ): void;
  sumGradients(
    rows: number,
    count: number,
    activation: number,
    dy: number,
    sums: number,
    scale: number,
    shift: number,
    factors: number,
    dScale: number,
    dShift: number,
    dSums: number,
  ): void;
  gruForward(rows: number, units: number, gates: number, hidden: number, next: number): void;
  gruBackward(
    rows: number,
    units: number,
    dNext: number,
    gates: number,
    hidden: number,
    dGates: number,
    dHidden: number,
  ): void;
  mixedLogProbabilities(
    rows: number,
    classes: number,
    mix: number,
    logits: number,
    logs: number,
    probabilities: number,
  ): void;
  mixedLogProbabilitiesGradient(
    rows: number,
    classes: number,
    mix: number,
    dy: number,
    probabilities: number,
    dLogits: number,
  ): void;
  sampleCategorical(rows: number, classes: number, logs: number, uniform: number, choices: number): void;
  categoricalKl(rows: number, count: number, logP: number, logQ: number, sums: number): void;
  categoricalKlGradient(
    rows: number,
    count: number,
    dy: number,
    logP: number,
    logQ: number,
    dP: number,
    dQ: number,
  ): void;
  twoHotLoss(
    rows: number,
    count: number,
    logits: number,
    numbers: number,
    bins: number,
    losses: number,
    deviation: number,
  ): void;
  twoHotMean(
    rows: number,
    count: number,
    logits: number,
    bins: number,
    means: number,
    probabilities: number,
  ): void;
  adaptiveClip(
    count: number,
    parameters: number,
    gradient: number,
    clipped: number,
    clip: number,
    least: number,
  ): void;
  laprop(
    count: number,
    parameters: number,
    gradient: number,
    mean: number,
    square: number,
    nextParameters: number,
    nextMean: number,
    nextSquare: number,
    beta1: number,
    beta2: number,
    unit: number,
    epsilon: number,
    rate: number,
    correction: number,
  ): void;
}
