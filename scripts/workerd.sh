#!/bin/sh
# Runs workerd so that it dies with the process that started it, even when that one is killed by SIGKILL.
# An orphan would keep the port, and write to the same databases as its successor.
if setpriv --pdeathsig KILL true 2>/dev/null; then
  exec setpriv --pdeathsig KILL "$HUOMA_WORKERD" "$@"
fi
# Where the kernel cannot be asked (macOS): descriptor 3 is one end of a socket pair, and reads as ended when the starter is gone.
(cat <&3; kill -9 $$) >/dev/null 2>&1 &
exec "$HUOMA_WORKERD" "$@"
