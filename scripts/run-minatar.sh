#!/bin/sh
# Gumbel MuZero, Dreamer v3 and PPO on MinAtar's Breakout and Freeway for 30,720 environment steps (15 of PPO's roll-outs),
# seeds 2400 to 2404, into runs/minatar/GAME/METHOD. Step sizes that fall end where the steps do.
# The same command again goes on where it stopped. Options are handed on: scripts/run-minatar.sh --engine wasm
cd "$(dirname "$0")/.." || exit 2
. scripts/train.sh

steps=30720
# on GAME METHOD CONFIG OPTION…
on() {
  game=$1 method=$2 config=$3
  shift 3
  train "runs/minatar/$game" "$method" 2400-2404 "$config-$game" --steps $steps --set evaluation.every=10240 "$@"
}

for game in breakout freeway; do
  on $game ppo minatar/ppo --set learningRate.over=$steps "$@"
  on $game gumbel-muzero muzero/gumbel --set optimizer.learningRate.over=$steps "$@"
  on $game dreamer-v3 minatar/dreamer-v3 "$@"
done
exit $failed
