#!/bin/sh
# Dreamer v1 to v3 and PlaNet on the classic-control tasks, seeds 2200 to 2204, into runs/rssm/TASK/ARM.
# The same command again goes on where it stopped. Options are handed on: scripts/run-rssm.sh --engine wasm
cd "$(dirname "$0")/.." || exit 2

failed=0
# train TASK ARM CONFIG OPTION…: a run that fails leaves the others their turn, anything else ends it all.
train() {
  task=$1 arm=$2 config=$3
  shift 3
  node bin/wm.js train --config "configs/$config.yaml" --runs "runs/rssm/$task" --name "$arm" --seeds 2200-2204 "$@"
  code=$?
  case $code in
    0) ;;
    1) failed=1 ;;
    *) exit $code ;;
  esac
}

# What configs/dreamer/v3-pendulum.yaml says of the task.
pendulum="--set environment=Pendulum-v1 --set updateEvery=2 --set randomSteps=600 --set randomHold=8"

train cartpole dreamer-v3 dreamer/v3 "$@"
train pendulum dreamer-v3 dreamer/v3-pendulum "$@"
train acrobot dreamer-v3 dreamer/v3-acrobot "$@"
train mountain-car dreamer-v3 dreamer/v3-mountain-car "$@"
train mountain-car-continuous dreamer-v3 dreamer/v3-mountain-car-continuous "$@"
for version in v1 v2; do
  train cartpole "dreamer-$version" "dreamer/$version" "$@"
  # shellcheck disable=SC2086 # several options
  train pendulum "dreamer-$version" "dreamer/$version" $pendulum "$@"
done
train cartpole planet planet "$@"
# shellcheck disable=SC2086
train pendulum planet planet $pendulum "$@"
exit $failed
