#!/bin/sh
# Deep Dyna, DQN, and DQN with as many updates as deep Dyna makes, all of one method, on CartPole-v1 and Acrobot-v1, seeds
# 2500 to 2504, into runs/deep-dyna/TASK/ARM. The same command again goes on where it stopped. Options are handed on:
# scripts/run-deep-dyna.sh --engine wasm
cd "$(dirname "$0")/.." || exit 2
. scripts/train.sh

for task in cartpole acrobot; do
  train "runs/deep-dyna/$task" deep-dyna 2500-2504 "deep-dyna/$task" "$@"
  for updates in 1 16; do
    train "runs/deep-dyna/$task" "deep-dyna-$updates" 2500-2504 "deep-dyna/$task" --set "planningUpdates=$updates" "$@"
  done
  train "runs/deep-dyna/$task" dqn 2500-2504 "deep-dyna/$task" --set planningUpdates=0 "$@"
  train "runs/deep-dyna/$task" dqn-5-updates 2500-2504 "deep-dyna/$task" --set planningUpdates=0 --set updates=5 "$@"
done
exit $failed
