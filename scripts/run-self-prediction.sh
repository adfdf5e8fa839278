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
pendulum="$pendulum --set twoHot.limit=8 --set planner.name=mppi --set exploration=0"
# All heads shape the latent, as in TD-MPC2.
shaped="--set model.shapedBy.reward=true --set model.shapedBy.continue=true --set critic.shapesModel=true"

for task in cartpole pendulum; do
  settings=
  [ $task = pendulum ] && settings=$pendulum
  # shellcheck disable=SC2086 # several options each
  {
    for arm in stopped averaged averaged-predictor averaged-predictor-cosine unstopped; do
      on $task $arm $arm $settings "$@"
    done
    on $task shaped stopped $settings $shaped "$@"
    on $task shaped-unstopped unstopped $settings $shaped "$@"
  }
done
exit $failed
