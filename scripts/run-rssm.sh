#!/bin/sh
# Dreamer v1 to v3 and PlaNet on the classic-control tasks, seeds 2200 to 2204, into runs/rssm/TASK/ARM.
# The same command again goes on where it stopped. Options are handed on: scripts/run-rssm.sh --engine wasm
cd "$(dirname "$0")/.." || exit 2
. scripts/train.sh

# on TASK ARM CONFIG OPTION…
on() {
  task=$1 arm=$2 config=$3
  shift 3
  train "runs/rssm/$task" "$arm" 2200-2204 "$config" "$@"
}

# What configs/dreamer/v3-pendulum.yaml says of the task.
pendulum="--set environment=Pendulum-v1 --set updateEvery=2 --set randomSteps=600 --set randomHold=8"

on cartpole dreamer-v3 dreamer/v3 "$@"
on pendulum dreamer-v3 dreamer/v3-pendulum "$@"
on acrobot dreamer-v3 dreamer/v3-acrobot "$@"
on mountain-car dreamer-v3 dreamer/v3-mountain-car "$@"
on mountain-car-continuous dreamer-v3 dreamer/v3-mountain-car-continuous "$@"
for version in v1 v2; do
  on cartpole "dreamer-$version" "dreamer/$version" "$@"
  # shellcheck disable=SC2086 # several options
  on pendulum "dreamer-$version" "dreamer/$version" $pendulum "$@"
done
on cartpole planet planet "$@"
on pendulum planet planet-pendulum "$@"
exit $failed
