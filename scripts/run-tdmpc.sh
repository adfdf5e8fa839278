#!/bin/sh
# TD-MPC2 on four classic-control tasks and TD-MPC on Pendulum-v1, seeds 2300 to 2304, into runs/tdmpc/TASK/ARM.
# The same command again goes on where it stopped. Options are handed on: scripts/run-tdmpc.sh --engine wasm
cd "$(dirname "$0")/.." || exit 2
. scripts/train.sh

# on TASK ARM CONFIG OPTION…
on() {
  task=$1 arm=$2 config=$3
  shift 3
  train "runs/tdmpc/$task" "$arm" 2300-2304 "tdmpc/$config" "$@"
}

on pendulum tdmpc-v2 v2-pendulum "$@"
on mountain-car-continuous tdmpc-v2 v2-mountain-car-continuous "$@"
on cartpole tdmpc-v2 v2 "$@"
on acrobot tdmpc-v2 v2-acrobot "$@"
on pendulum tdmpc-v1 v1-pendulum "$@"
exit $failed
