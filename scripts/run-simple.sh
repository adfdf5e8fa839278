#!/bin/sh
# SimPLe on three classic-control tasks and in a small maze, and on CartPole-v1 the same without latent variables, seeds
# 2500 to 2504, into runs/simple/TASK/ARM. The same command again goes on where it stopped. Options are handed on:
# scripts/run-simple.sh --engine wasm
cd "$(dirname "$0")/.." || exit 2
. scripts/train.sh

train runs/simple/cartpole simple 2500-2504 simple/cartpole "$@"
train runs/simple/cartpole model-only 2500-2504 simple/model-only "$@"
train runs/simple/acrobot simple 2500-2504 simple/acrobot "$@"
train runs/simple/pendulum simple 2500-2504 simple/pendulum "$@"
train runs/simple/maze simple 2500-2504 simple/maze "$@"
exit $failed
