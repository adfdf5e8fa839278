#!/bin/bash
# Ends what start.sh started, by the process ids that it left. Usage: stop.sh STATE_DIR
state=${1:?the folder of its state}
for file in "$state"/slurmd-node{1,2}.pid "$state"/slurmctld.pid /run/munge/munged.pid; do
  [ -s "$file" ] && kill "$(cat "$file")" 2>/dev/null
done
[ -e "$state/slurm.conf.before" ] && cp "$state/slurm.conf.before" /etc/slurm/slurm.conf
true
