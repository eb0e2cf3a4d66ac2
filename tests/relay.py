"""A network that can be lost: a port that passes bytes to a server and back until it falls silent."""

from __future__ import annotations

import socket
import threading


class Relay:
    """A port that passes bytes to the server and back until it is told to be silent: a lost network."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._silent = threading.Event()
        self._door = socket.create_server(("127.0.0.1", 0))
        self._open = [self._door]
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def fall_silent(self) -> None:
        self._silent.set()

    def close(self) -> None:
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            server = socket.create_connection(self._to)
            self._open += [client, server]
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if self._silent.is_set():
                    return
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
