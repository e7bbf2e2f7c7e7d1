#!/bin/sh
# embedded-postgres-cleanup.sh DIRECTORY
#   Waits until its standard input closes: stop() closes it, and so does the end of the process that started this
#   script. Then stops the server in DIRECTORY and removes DIRECTORY.
# embedded-postgres-cleanup.sh DIRECTORY SIGNAL
#   Sends SIGNAL to every process of the server in DIRECTORY and prints the process ids.

directory=${1:?the directory of a server}
pattern=$(printf %s "$directory" | sed 's/[][\.*^$]/\\&/g')

# The path of the program identifies initdb and the postmaster. The process title, which contains cluster_name,
# identifies the children of the postmaster. A recorded process id could be missing after a crash.
processes() {
  if [ -r /proc/self/cmdline ]; then # Most container images have no ps.
    grep -ls -e "^$pattern/native/bin/" -e "^postgres: ${directory##*/}" /proc/[0-9]*/cmdline |
      tr -cd '0-9\n'
  else
    ps -A -o pid= -o command= |
      sed -n -e "s|^ *\([0-9]*\) $pattern/native/bin/.*|\1|p" -e "s|^ *\([0-9]*\) postgres: ${directory##*/}.*|\1|p"
  fi
}

# Signals process groups: the children of initdb are in its group, and so is a child that the postmaster has just
# forked. Every other child of the postmaster is the leader of a group.
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
  # A killed server leaves its lock file. Line 7 contains the id of its System V shared memory segment.
  segment=$(sed -n '7s/.* //p' "$directory/data/postmaster.pid" 2>/dev/null)
  if [ -n "$segment" ]; then ipcrm -m "$segment" 2>/dev/null; fi
  rm -rf "$directory" 2>/dev/null
}

trap '' HUP INT TERM
while read -r _; do :; done

# After SIGQUIT the postmaster removes its shared memory without a checkpoint. A server under SIGSTOP also needs
# SIGCONT. The password file exists while initdb runs: SIGQUIT would make initdb remove the lock file of its
# server, so it gets SIGKILL. The loop also stops a process that was between fork and exec.
tries=0
until [ -z "$(processes)" ] && remove && [ -z "$(processes)" ]; do
  tries=$((tries + 1))
  if [ $tries -gt 200 ]; then exit 1; fi
  if [ $tries -gt 120 ] || [ -e "$directory/password" ]; then send KILL; else send QUIT && send CONT; fi >/dev/null
  sleep 0.05 2>/dev/null || sleep 1
done
