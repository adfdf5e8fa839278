/** onehot(argmax(logits + noise)) of each row; the first of equals. `noiseRow` and `outRow` are strides in bytes. */
export function oneHotArgMax(
  rows: i32, columns: i32, logits: usize, noise: usize, noiseRow: usize, out: usize, outRow: usize,
): void {
  for (let row = 0; row < rows; row++) {
    let best: usize = 0;
    let most: f32 = load<f32>(logits) + load<f32>(noise);
    for (let column: usize = 0; column < <usize>columns; column++) {
      const at = column << 2;
      const score = load<f32>(logits + at) + load<f32>(noise + at);
      if (score > most) {
        most = score;
        best = at;
      }
      store<f32>(out + at, 0);
    }
    store<f32>(out + best, 1);
    logits += <usize>columns << 2;
    noise += noiseRow;
    out += outRow;
  }
}
