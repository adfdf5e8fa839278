/** R_t = r_t + d_t ((1 − λ) v_{t+1} + λ R_{t+1}) backwards from R_H = v_H; `nextValue` holds v_{t+1}. All [rows, horizon]. */
export function lambdaReturn(
  rows: i32, horizon: i32, reward: usize, discount: usize, nextValue: usize, lambda: f32, returns: usize,
): void {
  const one: f32 = 1;
  for (let row = 0; row < rows; row++) {
    const begin = <usize>row * <usize>horizon << 2;
    let at = begin + (<usize>horizon << 2);
    let next = load<f32>(nextValue + at - 4);
    while (at > begin) {
      at -= 4;
      const mixed = (one - lambda) * load<f32>(nextValue + at) + lambda * next;
      next = load<f32>(reward + at) + load<f32>(discount + at) * mixed;
      store<f32>(returns + at, next);
    }
  }
}
