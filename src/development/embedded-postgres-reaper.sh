#!/bin/sh
# reaper.sh DIRECTORY         waits for the end of its input (closed by stop(), or by the death of whoever
#                             started it), then ends the server in DIRECTORY and removes DIRECTORY
# reaper.sh DIRECTORY SIGNAL  sends SIGNAL to every process of that server and prints their ids

directory=${1:?the directory of a server}
literally=$(printf %s "$directory" | sed 's/[][\.*^$]/\\&/g')

# initdb and the postmaster are known by the path that they were started by, the postmaster's children by
# their title, which holds cluster_name. No pid is passed about, so none can be missed by dying in between.
processes() {
  if [ -r /proc/self/cmdline ]; then # ps is missing from most container images
    grep -ls -e "^$literally/native/bin/" -e "^postgres: ${directory##*/}" /proc/[0-9]*/cmdline |
      tr -cd '0-9\n'
  else
    ps -A -o pid= -o command= |
      sed -n -e "s|^ *\([0-9]*\) $literally/native/bin/.*|\1|p" -e "s|^ *\([0-9]*\) postgres: ${directory##*/}.*|\1|p"
  fi
}

# By group: initdb has children of its own, and a child that the postmaster has just forked is in its group.
# Every other child of the postmaster leads a group.
send() {
  for process in $(processes); do
    kill -s "$1" -- "-$process" 2>/dev/null
    echo "$process"
  done
}

if [ -n "$2" ]; then
  send "$2"
  exit
fi

remove() {
  # A server that was killed leaves its lock file, whose line 7 names the System V segment that it held.
  segment=$(sed -n '7s/.* //p' "$directory/data/postmaster.pid" 2>/dev/null)
  if [ -n "$segment" ]; then ipcrm -m "$segment" 2>/dev/null; fi
  rm -rf "$directory" 2>/dev/null
}

trap '' HUP INT TERM
while read -r _; do :; done

# SIGQUIT lets the postmaster remove its shared memory, without a checkpoint; under SIGSTOP it needs SIGCONT
# too. initdb, known by its password file, would on SIGQUIT remove the lock file of the server that dies
# with it. All of it again and again, because a process may have been between fork and exec.
tries=0
until [ -z "$(processes)" ] && remove && [ -z "$(processes)" ]; do
  tries=$((tries + 1))
  if [ $tries -gt 200 ]; then exit 1; fi
  if [ $tries -gt 120 ] || [ -e "$directory/password" ]; then send KILL; else send QUIT && send CONT; fi >/dev/null
  sleep 0.05 2>/dev/null || sleep 1
done
