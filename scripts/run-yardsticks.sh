#!/bin/sh
# SAC and DQN on the tasks that rl-baselines3-zoo publishes them for, seeds 2300 to 2304, into runs/yardsticks/TASK/METHOD.
# The same command again goes on where it stopped. Options are handed on: scripts/run-yardsticks.sh --engine wasm
cd "$(dirname "$0")/.." || exit 2
. scripts/train.sh

# on TASK METHOD CONFIG OPTION…
on() {
  task=$1 method=$2 config=$3
  shift 3
  train "runs/yardsticks/$task" "$method" 2300-2304 "$config" "$@"
}

on cartpole dqn dqn "$@"
on mountain-car-continuous sac sac-mountain-car-continuous "$@"
on pendulum sac sac "$@"
on mountain-car dqn dqn-mountain-car "$@"
on acrobot dqn dqn-acrobot "$@"
exit $failed
