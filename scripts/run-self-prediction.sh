#!/bin/sh
# Self-prediction alone, and beside what else may shape a latent, on two tasks, seeds 2300 to 2304, into
# runs/self-prediction/TASK/ARM. The same command again goes on where it stopped. Options are handed on:
# scripts/run-self-prediction.sh --engine wasm
cd "$(dirname "$0")/.." || exit 2
. scripts/train.sh

# on TASK ARM CONFIG OPTION…
on() {
  task=$1 arm=$2 config=$3
  shift 3
  train "runs/self-prediction/$task" "$arm" 2300-2304 "self-prediction/$config" "$@"
}

# What configs/tdmpc/v2-pendulum.yaml says of the task.
pendulum="--set environment=Pendulum-v1 --set rho=0.5 --set gamma=0.975 --set model.continueHead=false"
pendulum="$pendulum --set twoHot.limit=8 --set exploration=0"
# The search smaller than there, for time.
pendulum="$pendulum --set planner.name=mppi --set planner.candidates=32 --set planner.elites=6 --set planner.iterations=3"
# All heads shape the latent, as in TD-MPC2.
shaped="--set model.shapedBy.reward=true --set model.shapedBy.continue=true --set critic.shapesModel=true"

# both ARM CONFIG OPTION…
both() {
  on cartpole "$@"
  arm=$1 config=$2
  shift 2
  # shellcheck disable=SC2086 # several options
  on pendulum "$arm" "$config" $pendulum "$@"
}

for arm in stopped unstopped averaged-predictor averaged averaged-predictor-cosine; do
  both $arm $arm "$@"
done
# shellcheck disable=SC2086
both shaped stopped $shaped "$@"
# shellcheck disable=SC2086
both shaped-unstopped unstopped $shaped "$@"
exit $failed
