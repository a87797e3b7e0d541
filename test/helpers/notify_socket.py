"""Stands in for systemd: prints what is sent to the notification socket at the path given, one message a line."""
import socket
import sys

listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
print("ready", flush=True)
while True:
    message, files, _, _ = socket.recv_fds(listener, 4096, 8)
    for line in message.decode().splitlines():
        if line != "BARRIER=1":
            print(line, flush=True)
    # The sender of a barrier waits until its descriptor is closed.
    for file in files:
        socket.close(file)
