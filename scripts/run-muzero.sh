#!/bin/sh
# Gumbel MuZero on CartPole-v1 and Acrobot-v1, seeds 2400 to 2404, into runs/muzero/TASK/ARM: with 8, 16 and 32
# simulations, each without and with self-prediction; the three changes that separate it from values of the search,
# latents in [0, 1] and half the updates, one by one and all at once; MuZero and EfficientZero's ingredients.
# The same command again goes on where it stopped. Options are handed on: scripts/run-muzero.sh --engine wasm
cd "$(dirname "$0")/.." || exit 2
. scripts/train.sh

# on TASK ARM CONFIG OPTION…
on() {
  task=$1 arm=$2 config=$3
  shift 3
  train "runs/muzero/$task" "$arm" 2400-2404 "muzero/$config" "$@"
}

for simulations in 8 16 32; do
  on cartpole "gumbel-$simulations" gumbel --set search.simulations=$simulations "$@"
  on cartpole "gumbel-$simulations-self" gumbel --set search.simulations=$simulations --set predict.self=2 "$@"
done
for simulations in 8 32; do
  on cartpole "gumbel-$simulations-20000-steps" gumbel --set search.simulations=$simulations --steps 20000 "$@"
done
on cartpole gumbel-8-search-values gumbel --set returns.bootstrap=search "$@"
on cartpole gumbel-8-min-max gumbel --set model.norm=min-max "$@"
on cartpole gumbel-8-half-updates gumbel --set updateEvery=4 "$@"
on cartpole gumbel-8-none gumbel --set returns.bootstrap=search --set model.norm=min-max --set updateEvery=4 "$@"
on cartpole muzero muzero "$@"
on cartpole efficientzero efficient "$@"
on acrobot gumbel-8 gumbel-acrobot "$@"
exit $failed
