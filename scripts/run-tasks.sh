#!/bin/sh
# The four arms and PPO on the four tasks beyond CartPole-v1, seeds 2100 to 2104, into runs/TASK/ARM.
# The same command again goes on where it stopped. Options are handed on: scripts/run-tasks.sh --engine wasm
cd "$(dirname "$0")/.." || exit 2

failed=0
# train CONFIG ARM OPTION…: a run that fails leaves the others their turn, anything else ends it all.
train() {
  config=$1 arm=$2
  shift 2
  node bin/wm.js train --config "configs/$config.yaml" --runs "runs/$task" --name "$arm" --seeds 2100-2104 "$@"
  code=$?
  case $code in
    0) ;;
    1) failed=1 ;;
    *) exit $code ;;
  esac
}

for task in pendulum mountain-car-continuous acrobot mountain-car; do
  for arm in baseline bootstrap-only dream-critic shape-only; do
    train "$task" "$arm" --set "method=$arm" "$@"
  done
  train "ppo-$task" ppo "$@"
done
exit $failed
