#!/bin/bash
# A Slurm of two nodes on this one machine, from Debian's packages slurm-wlm and munge, as root: for drills alone, it
# writes /etc/slurm/slurm.conf. Ends with both nodes idle; stop.sh beside it ends what this started. Usage: start.sh STATE_DIR
set -euo pipefail
state=${1:?the folder for its state}
mkdir -p "$state"/{ctld,log,spool-node1,spool-node2,unshared} /run/munge /run/slurm /etc/slurm
chown munge: /run/munge
chmod 755 /run/munge
[ -s /etc/munge/munge.key ] || { head -c 1024 /dev/urandom > /etc/munge/munge.key; chown munge: /etc/munge/munge.key; chmod 400 /etc/munge/munge.key; }
host=$(hostname -s)
memory=$(awk '/MemTotal/{print int($2/1024*0.45)}' /proc/meminfo)
[ -e "$state/slurm.conf.before" ] || [ ! -e /etc/slurm/slurm.conf ] || cp /etc/slurm/slurm.conf "$state/slurm.conf.before"
cat > /etc/slurm/slurm.conf <<C
ClusterName=drills
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation=$state/ctld
SlurmdSpoolDir=$state/spool-%n
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd-%n.inner-pid
SlurmctldLogFile=$state/log/slurmctld.log
SlurmdLogFile=$state/log/slurmd-%n.log
SlurmctldPort=16817
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobRequeue=1
MaxArraySize=9
KillWait=10
MinJobAge=3600
SlurmdTimeout=10
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=node1 NodeHostname=$host NodeAddr=127.0.0.1 Port=16821 CPUs=2 RealMemory=$memory State=UNKNOWN
NodeName=node2 NodeHostname=$host NodeAddr=127.0.0.1 Port=16822 CPUs=2 RealMemory=$memory State=UNKNOWN
PartitionName=low Nodes=node1,node2 Default=YES MaxTime=INFINITE PriorityTier=1 PreemptMode=REQUEUE State=UP
PartitionName=high Nodes=node1,node2 Default=NO MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF State=UP
C
alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }
alive /run/munge/munged.pid || { rm -f /run/munge/munge.socket*; runuser -u munge -- /usr/sbin/munged --force; }
munge -n | unmunge > /dev/null
alive "$state/slurmctld.pid" || slurmctld
# Each node has process ids and a host name of its own, so that nobody sees from one whether a process of the other runs.
# The folder `unshared` is this machine's own, and each node has another in its place.
# Its first process outlives slurmd: a node whose slurmd is gone still runs what it ran.
for node in node1 node2; do
  alive "$state/$node.pid" && continue
  setsid nice -n 5 unshare --pid --uts --fork --mount-proc --kill-child \
    bash -c "hostname $node; mount -t tmpfs none '$state/unshared'; slurmd -N $node; while :; do sleep 1000; done" > "$state/log/$node.out" 2>&1 &
  echo $! > "$state/$node.pid"
done
for _ in $(seq 60); do [ "$(sinfo -h -N -p low -o %t | grep -c idle)" = 2 ] && break; sleep 0.5; done
sinfo -N -p low -o '%N %t %c %m'
