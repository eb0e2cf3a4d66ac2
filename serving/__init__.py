"""HTTP in front of a WSGI application: one event loop for all connections, threads for the answers.

Knows sockets, HTTP and threads; knows nothing of what is asked or answered, and stands on no other room.
"""
