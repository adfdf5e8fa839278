#!/bin/sh
# World Models of Ha and Schmidhuber on three classic-control tasks and in a small maze, seeds 2500 to 2504, into
# runs/ha-schmidhuber/TASK/ARM; on CartPole-v1 dreams at other temperatures, a controller of z alone, and evolution in the
# environment with and without a learnt M. The same command again goes on where it stopped. Options are handed on:
# scripts/run-ha-schmidhuber.sh --engine wasm
cd "$(dirname "$0")/.." || exit 2
. scripts/train.sh

# on TASK ARM OPTION…
on() {
  task=$1 arm=$2
  shift 2
  train "runs/ha-schmidhuber/$task" "$arm" 2500-2504 "ha-schmidhuber/$task" "$@"
}

on cartpole ha-schmidhuber "$@"
on pendulum ha-schmidhuber "$@"
on acrobot ha-schmidhuber "$@"
on maze ha-schmidhuber "$@"
on cartpole z --set controller.features=z "$@"
for temperature in 0.5 1.3; do
  on cartpole "temperature-$temperature" --set temperature=$temperature "$@"
done
# Eight times the random steps, the others all episodes of candidates.
environment="--set controller.in=environment --set steps=35200 --set evaluation.every=4400"
for rnn in trained untrained; do
  # shellcheck disable=SC2086 # several options
  on cartpole "environment-$rnn" $environment --set model.rnn=$rnn "$@"
done
exit $failed
