#!/bin/sh
# PETS on CartPole-v1 and Pendulum-v1, seeds 2300 to 2304, into runs/pets/TASK/ARM; on Pendulum-v1 TS1 beside TS∞.
# The same command again goes on where it stopped. Options are handed on: scripts/run-pets.sh --engine wasm
cd "$(dirname "$0")/.." || exit 2
. scripts/train.sh

train runs/pets/pendulum pets 2300-2304 pets-pendulum "$@"
train runs/pets/cartpole pets 2300-2304 pets "$@"
train runs/pets/pendulum pets-ts1 2300-2304 pets-pendulum --set propagation=ts1 "$@"
exit $failed
